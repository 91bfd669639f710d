"""The log of one process: lines of the C engine, of this package and of loggers that
applications know from other servers, in one layout."""

from __future__ import annotations

import json
import logging
import os
import select
import stat
import sys
import threading
import time
import warnings
from typing import Any, TextIO

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

    process = ""  # a fork may have another name

    def __init__(self) -> None:
        super().__init__()
        self.converter = time.gmtime

    def usesTime(self) -> bool:
        return True

    def formatMessage(self, record: logging.LogRecord) -> str:
        word = _WORDS.get(record.levelno, record.levelname)
        return f"{record.asctime} {os.getpid()} {word} [{_Formatter.process}] {record.message}"

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).translate(_ESCAPES)


class _JsonFormatter(_Formatter):
    """The other layout of ``base/log.c``: one object a line. A traceback is its member
    ``exception``, and of one that is too long for a pipe to take it at once the end is told."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": self.formatTime(record),
            "level": _WORDS.get(record.levelno, record.levelname.lower()),
            "pid": os.getpid(), "process": _Formatter.process, "logger": record.name,
            "msg": record.getMessage(),
        }  # fmt: skip
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        stack = self.formatStack(record.stack_info) if record.stack_info else ""
        trace = "\n".join(filter(None, [record.exc_text, stack]))
        line = json.dumps(told | {"exception": trace} if trace else told)
        while trace and len(line) >= select.PIPE_BUF and not _is_file():
            trace = trace[len(trace) // 20 + 1 :]
            line = json.dumps(told | {"exception": f"...{trace}"})
        return line


def _is_file() -> bool:
    try:
        return stat.S_ISREG(os.fstat(2).st_mode)
    except OSError:
        return False


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to standard error as ``base/log.c`` does, which never waits for its reader. An
    application that sets another stream gets that."""

    def __init__(self, form: logging.Formatter) -> None:
        super().__init__(sys.stderr)
        self._given = self.stream
        self.setFormatter(form)

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not self._given:
            super().emit(record)
            return
        try:
            _engine.write_log((self.format(record) + "\n").encode("utf-8", "backslashreplace"))
        except Exception:
            self.handleError(record)


class AccessHandler(_Handler):
    """The one of ``uvicorn.access``. Requests that come through it as they are, and that the
    application has not given another form or place, are C's to write; the rest is a line of
    the log."""

    def __init__(self, form: logging.Formatter, logger_level: int) -> None:
        super().__init__(form)
        self.logger_level = logger_level  # that the logger has from us
        self._own = self.formatter

    def is_plain(self) -> bool:
        same = self.stream is self._given and self.formatter is self._own
        return same and not self.filters and self.level == logging.NOTSET

    def emit(self, record: logging.LogRecord) -> None:
        same = self.stream is self._given and self.formatter is self._own
        if same and hasattr(record, "fastrd_line"):
            record.__dict__["fastrd_line"] = True
        else:
            super().emit(record)


class _LastResort(_Handler):
    """For loggers without any handler, asyncio's as a rule: Python's own handler for them
    writes to ``sys.stderr`` and waits, on the loop's thread."""

    def __init__(self, form: logging.Formatter) -> None:
        super().__init__(form)
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


def open_log(process: str, level: str, form: str = "text") -> None:
    """Name this process in every line of the engine's and of the loggers ``fastrapi.*``,
    ``uvicorn.*`` and ``gunicorn.*``, and show those of ``level`` (a word of --log-level)
    and above.

    The root logger stays the application's: its ``basicConfig()`` does nothing once the
    root has a handler. Handlers that an application has given one of these loggers stay
    alone. With ``form`` "json" somebody has said how every line is to look: the root has our
    handler then, and the level.
    """
    _engine.open_log(process, level, form)
    _Formatter.process = process
    layout = _JsonFormatter() if form == "json" else _Formatter()
    logging.lastResort = _LastResort(layout)
    root = logging.getLogger()
    if form == "json" and not root.handlers:
        root.addHandler(_Handler(layout))
        root.setLevel(level.upper())
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
            access = name == "uvicorn.access"
            logger.addHandler(AccessHandler(layout, logger.level) if access else _Handler(layout))
            logger.propagate = False


def reopen_log(settings: dict[str, Any]) -> None:
    """Open the log's file again, if it has one: it may have been rotated."""
    if not settings["log_file"]:
        return
    try:
        _engine.log_file(settings["log_file"])
    except OSError as exc:
        logging.getLogger("fastrapi.error").error("the log cannot be opened again: %s", exc.strerror)
