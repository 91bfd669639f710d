"""The log of one process: lines of the C engine, of this package and of loggers that
applications know from other servers, in one layout."""

from __future__ import annotations

import fcntl
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


def _request_id(record: logging.LogRecord) -> str:
    """Of the request that the record is about: hooks.py sets it, and applications may."""
    return str(getattr(record, "request_id", None) or "")


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
        word, name = _WORDS.get(record.levelno, record.levelname), _request_id(record)
        end = f" (request {name})" if name else ""
        return f"{record.asctime} {os.getpid()} {word} [{_Formatter.process}] {record.message}{end}"

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
        if name := _request_id(record):
            told["request_id"] = name
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        stack = self.formatStack(record.stack_info) if record.stack_info else ""
        trace = "\n".join(filter(None, [record.exc_text, stack]))
        line = json.dumps(told | {"exception": trace} if trace else told)
        while trace and len(line) >= _longest():
            trace = trace[len(trace) // 20 + 1 :]
            line = json.dumps(told | {"exception": f"...{trace}"})
        return line


def _longest() -> float:
    """What a line may have to be written at once to standard error as it is now."""
    try:
        mode = os.fstat(2).st_mode
        if stat.S_ISFIFO(mode):
            return max(select.PIPE_BUF, fcntl.fcntl(2, fcntl.F_GETPIPE_SZ) // 16)
        return float("inf") if stat.S_ISREG(mode) else select.PIPE_BUF
    except OSError:
        return select.PIPE_BUF


class _Handler(logging.StreamHandler[TextIO]):
    """Writes to standard error as ``base/log.c`` does, which never waits for its reader. An
    application that sets another stream gets that."""

    def __init__(self, form: logging.Formatter) -> None:
        super().__init__(sys.stderr)
        self._given = self.stream
        self.setFormatter(form)

    def encoded(self, record: logging.LogRecord) -> bytes:
        return (self.format(record) + "\n").encode("utf-8", "backslashreplace")

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not self._given:
            super().emit(record)
            return
        try:
            _engine.write_log(self.encoded(record))
        except Exception:
            self.handleError(record)


class AccessHandler(_Handler):
    """The one of ``uvicorn.access``. Requests that come through it are C's to write, unless the
    application has given it another place: as C has them, or as a formatter of the
    application's does. The rest is a line of the log."""

    # Of the request that is told now, by the loop's thread, and what came of it.
    request: logging.LogRecord | None = None
    line: bytes | bool = False

    def __init__(self, form: logging.Formatter, logger_level: int) -> None:
        super().__init__(form)
        self.logger_level = logger_level  # that the logger has from us
        self._own = self.formatter

    @classmethod
    def tell(cls, logger: logging.Logger, record: logging.LogRecord) -> bytes | bool:
        """Let the logger handle a request. What C is to write of it: nothing, its own line, or
        this one."""
        cls.request, cls.line = record, False
        try:
            logger.handle(record)
            return cls.line
        finally:
            cls.request = None

    def is_plain(self) -> bool:
        same = self.stream is self._given and self.formatter is self._own
        return same and not self.filters and self.level == logging.NOTSET

    def emit(self, record: logging.LogRecord) -> None:
        request = AccessHandler.request
        # A filter may have put a copy in the record's place.
        is_it = request is not None and (record is request or record.args is request.args)
        if not is_it or self.stream is not self._given:
            super().emit(record)
            return
        try:
            own = self.formatter is self._own
            AccessHandler.line = own or self.encoded(record)
        except Exception:
            self.handleError(record)


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
    name_log(process, level, form)
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
    set_levels(level)
    for name in _HANDLED:
        logger = logging.getLogger(name)
        if not logger.handlers:
            access = name == "uvicorn.access"
            logger.addHandler(AccessHandler(layout, logger.level) if access else _Handler(layout))
            logger.propagate = False


def name_log(process: str, level: str, form: str) -> None:
    """Name this process in every line from now on."""
    _engine.open_log(process, level, form)
    _Formatter.process = process


def set_levels(level: str) -> None:
    """Show what is of this level (a word of --log-level) and above."""
    for name in _LEVELLED:
        logging.getLogger(name).setLevel(level.upper())


def leave_to_application(keep_access: bool) -> None:
    """The application's file says what becomes of uvicorn's and gunicorn's loggers: they have no
    handler and no level of ours any more, and propagate. ``keep_access``: C still writes the
    requests, which have a file of their own."""
    for name in dict.fromkeys((*_HANDLED, *_LEVELLED)):
        if name == "fastrapi":
            continue
        logger = logging.getLogger(name)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
        for handler in [h for h in logger.handlers if isinstance(h, _Handler)]:
            if isinstance(handler, AccessHandler) and keep_access:
                handler.logger_level = logging.NOTSET
            else:
                logger.removeHandler(handler)
