"""The same application under uvicorn, in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import uvicorn

PATIENCE_S = 10.0


def is_complete(data: bytes) -> bool:
    """Has the client the whole answer?"""
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return body.endswith(b"0\r\n\r\n")


def chain(exc: BaseException | None, depth: int = 0) -> Any:
    """An exception with its causes and contexts."""
    if exc is None or depth > 8:
        return None
    return (
        repr(exc),
        chain(exc.__cause__, depth + 1),
        chain(exc.__context__, depth + 1),
        exc.__suppress_context__,
    )


class Uvicorn:
    """One server. ``raised``: what the last request's application raised to it."""

    def __init__(self, app: Any) -> None:
        self.raised: BaseException | None = None
        self._app = app
        self._over = threading.Event()
        config = uvicorn.Config(
            self._run, port=0, log_level="critical", http="httptools", loop="asyncio", interface="asgi3"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        self._address = self._server.servers[0].sockets[0].getsockname()

    async def _run(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except BaseException as exc:
            self.raised = exc
            raise
        finally:
            self._over.set()

    def ask(self, data: bytes, answered: Callable[[], None]) -> bytes:
        """Send one request that closes its connection, call ``answered`` when the answer is
        complete, and wait for the application to end."""
        self._over.clear()
        self.raised = None
        found = b""
        with socket.create_connection(self._address, PATIENCE_S) as sock:
            sock.sendall(data)
            told = False
            while piece := sock.recv(65536):
                found += piece
                if not told and is_complete(found):
                    told = True
                    answered()
        assert self._over.wait(PATIENCE_S), f"the application has not ended: {data!r} {found!r}"
        return found

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
