"""Applications served from a loop in a thread of its own, and a client that is outside of it:
what fails in the loop's process is none of the client's."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import re
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from fastrapi import EventLoop, _engine
from fastrapi.hooks import RequestTask
from fastrapi.serving import serving_of

PATIENCE_S, GLANCE_S = 30.0, 0.1
Value = TypeVar("Value")
LOGGERS = [logging.getLogger(name) for name in ("fastrapi.error", "uvicorn.error", "asyncio")]


def innermost(exc: BaseException | None) -> str:
    """Where it was raised."""
    frames = traceback.extract_tb(exc.__traceback__) if exc is not None else []
    return f"in {frames[-1].name} of {frames[-1].filename}" if frames else ""


class Reports:
    """What the process says of exceptions: the logs, those that nobody can take, and those that end
    a thread. Nobody else gets them: pytest would keep them all."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def logged(self, record: logging.LogRecord) -> bool:
        exc = record.exc_info[1] if record.exc_info else None
        self.all.append(f"{record.getMessage()} {exc!r} {innermost(exc)}")
        return False

    def unraisable(self, raised: Any) -> None:
        code = getattr(raised.object, "cr_code", None)  # of a coroutine that nobody has awaited
        place = f"of {code.co_filename}" if code is not None else innermost(raised.exc_value)
        self.all.append(f"unraisable: {raised.err_msg} {raised.exc_value!r} {raised.object!r} {place}")

    def in_thread(self, raised: Any) -> None:
        self.all.append(f"thread: {raised.exc_value!r} {innermost(raised.exc_value)}")


class Server:
    """Serves until close()."""

    def __init__(self) -> None:
        self.reports = Reports()
        for logger in LOGGERS:
            logger.addFilter(self.reports.logged)
        sys.unraisablehook = self.reports.unraisable
        threading.excepthook = self.reports.in_thread
        self._workers: dict[int, tuple[Any, socket.socket]] = {}
        self._began: concurrent.futures.Future[asyncio.AbstractEventLoop] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.loop = self._began.result(10)
        self._standing = self.call(lambda: asyncio.all_tasks(self.loop))

    def _run(self) -> None:
        async def main() -> None:
            self._end = asyncio.Event()
            self._began.set_result(asyncio.get_running_loop())
            await self._end.wait()

        with asyncio.Runner(loop_factory=EventLoop) as runner:
            runner.run(main())

    def call(self, function: Callable[[], Value]) -> Value:
        """Its value, called in the loop's thread."""
        done: concurrent.futures.Future[Value] = concurrent.futures.Future()

        def run() -> None:
            try:
                done.set_result(function())
            except BaseException as exc:
                done.set_exception(exc)

        self.loop.call_soon_threadsafe(run)
        return done.result(PATIENCE_S)

    def port(self, app: Any) -> int:
        """Where the application is served, from the first call on."""
        if id(app) not in self._workers:
            self._workers[id(app)] = self.call(lambda: self._listen(app))
        return int(self._workers[id(app)][1].getsockname()[1])

    def _listen(self, app: Any) -> tuple[Any, socket.socket]:
        worker = _engine.Worker(serving_of(app).engine, self.loop, {})
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        worker.listen(listener.fileno())
        return worker, listener

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Those that requests have left running."""
        return [t for t in asyncio.all_tasks(self.loop) - self._standing if not isinstance(t, RequestTask)]

    def in_hand(self, app: Any) -> str:
        """What of the application's connections is not over, in words."""
        return str(self.call(self._workers[id(app)][0].in_hand))

    def abandon(self) -> None:
        """Leave it behind as it is, its loop at rest: a cancel scope that nobody leaves would turn it
        without end."""
        self._no_reports()
        self.loop.call_soon_threadsafe(threading.Event().wait)
        for _, listener in self._workers.values():
            listener.shutdown(socket.SHUT_RDWR)

    def _no_reports(self) -> None:
        for logger in LOGGERS:
            logger.removeFilter(self.reports.logged)
        sys.unraisablehook, threading.excepthook = sys.__unraisablehook__, threading.__excepthook__

    def close(self) -> None:
        def end() -> None:
            for worker, listener in self._workers.values():
                worker.abort()
                listener.close()
            self._end.set()

        self._no_reports()
        self.call(end)
        self._thread.join()


def ask(port: int, data: bytes, is_vain: Callable[[], bool] = bool) -> bytes | None:
    """All that the server sends until it closes the connection; None: it does not. ``is_vain``
    is asked now and then: is there nothing to wait for?"""
    got, end = b"", time.monotonic() + PATIENCE_S
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(PATIENCE_S)
        try:
            client.sendall(data)
            client.settimeout(GLANCE_S)
            while True:
                try:
                    piece = client.recv(1 << 20)
                except TimeoutError:
                    if is_vain() or time.monotonic() > end:
                        return None
                    continue
                if not piece:
                    break
                got += piece
        except TimeoutError:
            return None
        except ConnectionError:
            pass
    return plain(got)


def plain(data: bytes) -> bytes:
    """Without what differs between equal answers."""
    data = re.sub(rb"date: [^\r]*\r\n", b"", data)
    return re.sub(rb"set-cookie: (\w+)=[^;]*;", rb"set-cookie: \1=;", data)


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.0005)
    return held
