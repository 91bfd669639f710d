"""The log of one process: lines of the C engine and of this package, in one layout."""

from __future__ import annotations

import logging
import os
import select
import time

from fastrapi import _engine

# As base/log.c calls the levels.
_WORDS = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "error",
}
# As base/log.c writes what a terminal would obey. Tracebacks have line ends.
_ESCAPES = {code: f"\\x{code:02x}" for code in [*range(32), 127] if chr(code) not in "\t\n"}
_STDERR = 2


class _Formatter(logging.Formatter):
    """The layout of ``base/log.c``: 2026-01-31T12:00:00.000Z error [worker 3] text."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, process: str) -> None:
        super().__init__()
        self.converter = time.gmtime
        self._process = process

    def usesTime(self) -> bool:
        return True

    def formatMessage(self, record: logging.LogRecord) -> str:
        word = _WORDS.get(record.levelno, record.levelname)
        return f"{record.asctime} {word} [{self._process}] {record.message}"

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).translate(_ESCAPES)


class _Handler(logging.Handler):
    """Writes to standard error, and like ``base/log.c`` never waits for its reader: what
    would have to wait is dropped."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            data = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
            ready = select.poll()
            ready.register(_STDERR, select.POLLOUT)
            # A pipe that is ready takes as much without waiting.
            while data and ready.poll(0):
                data = data[os.write(_STDERR, data[: select.PIPE_BUF]) :]
        except OSError:
            return
        except Exception:
            self.handleError(record)


def open_log(process: str, level: str) -> None:
    """Name this process in every line of the engine's and of the loggers ``fastrapi.*``,
    and show those of ``level`` (a word of --log-level) and above.

    The root logger stays the application's: its ``basicConfig()`` does nothing once the
    root has a handler. Handlers that an application has given ``fastrapi`` stay alone.
    """
    _engine.open_log(process, level)
    ours = logging.getLogger("fastrapi")
    ours.setLevel(level.upper())
    if ours.handlers:
        return
    handler = _Handler()
    handler.setFormatter(_Formatter(process))
    ours.addHandler(handler)
    ours.propagate = False
