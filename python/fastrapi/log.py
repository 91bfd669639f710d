"""The log of one process: lines of the C engine, of this package and of loggers that
applications know from other servers, in one layout."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import warnings
from typing import TextIO

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


class _Formatter(logging.Formatter):
    """The layout of ``base/log.c``: 2026-01-31T12:00:00.000Z 4711 error [worker 3] text."""

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
        return f"{record.asctime} {os.getpid()} {word} [{self._process}] {record.message}"

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).translate(_ESCAPES)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to standard error as ``base/log.c`` does, which never waits for its reader. An
    application that sets another stream gets that."""

    def __init__(self, process: str) -> None:
        super().__init__(sys.stderr)
        self._given = self.stream
        self.setFormatter(_Formatter(process))

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not self._given:
            super().emit(record)
            return
        try:
            _engine.write_log((self.format(record) + "\n").encode("utf-8", "backslashreplace"))
        except Exception:
            self.handleError(record)


class _LastResort(_Handler):
    """For loggers without any handler, asyncio's as a rule: Python's own handler for them
    writes to ``sys.stderr`` and waits, on the loop's thread."""

    def __init__(self, process: str) -> None:
        super().__init__(process)
        self.setLevel(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr  # an application may have put another there
        super().emit(record)


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """What Python itself says of an exception that nobody can catch, as of ``__del__``."""
    if sys.is_finalizing() or found.exc_value is None:
        sys.__unraisablehook__(found)
        return
    text = f"{found.err_msg or 'Exception ignored in'}: {found.object!r}"
    logging.getLogger("fastrapi.error").error("%s", text, exc_info=found.exc_value)


def _ended_thread(found: threading.ExceptHookArgs) -> None:
    """What Python itself says of a thread that an exception has ended."""
    if found.exc_type is SystemExit or found.exc_value is None:
        return
    name = found.thread.name if found.thread is not None else "unknown"
    log = logging.getLogger("fastrapi.error")
    log.error("Exception in thread %s", name, exc_info=found.exc_value)


_show_warning = warnings.showwarning


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """What Python itself says of a warning that nobody has turned off."""
    if file is not None:
        _show_warning(message, category, filename, lineno, file, line)
        return
    text = warnings.formatwarning(message, category, filename, lineno, line)
    logging.getLogger("fastrapi.error").warning("%s", text.rstrip())


# Loggers with a handler of their own that do not propagate. uvicorn's and gunicorn's are
# as these servers have them, installed or not: applications log to them, and change
# their handlers.
_HANDLED = ("fastrapi", "uvicorn", "uvicorn.access", "gunicorn.error", "gunicorn.access")
# Those that --log-level is for. "uvicorn" itself is not one of uvicorn's.
_LEVELLED = ("fastrapi", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "gunicorn.error",
             "gunicorn.access")  # fmt: skip


def open_log(process: str, level: str) -> None:
    """Name this process in every line of the engine's and of the loggers ``fastrapi.*``,
    ``uvicorn.*`` and ``gunicorn.*``, and show those of ``level`` (a word of --log-level)
    and above.

    The root logger stays the application's: its ``basicConfig()`` does nothing once the
    root has a handler. Handlers that an application has given one of these loggers stay
    alone.
    """
    _engine.open_log(process, level)
    logging.lastResort = _LastResort(process)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _unraisable
    if warnings.showwarning is _show_warning:
        warnings.showwarning = _warned
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _ended_thread
    logging.getLogger("uvicorn").setLevel(logging.INFO)
    for name in _LEVELLED:
        logging.getLogger(name).setLevel(level.upper())
    for name in _HANDLED:
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(_Handler(process))
            logger.propagate = False
