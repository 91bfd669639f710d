"""fastrapi.testclient.MemoryConnection as uvicorn would have it.

The baseline of the suite (`run.py --engine uvicorn`): the same seam over
uvicorn's httptools protocol, so that a test which fails here as well fails
because of HTTP/1.1, not because of our engine. No socket, no thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

_HIGH_WATER = 65536


class _MemoryTransport(asyncio.Transport):
    """Collects what the protocol writes; the peer is MemoryConnection."""

    def __init__(self, client: tuple[str, int], server: tuple[str, int]) -> None:
        super().__init__({"peername": client, "sockname": server})
        self.written = bytearray()
        self.changed = asyncio.Event()
        self.protocol: HttpToolsProtocol
        self._closing = False

    def write(self, data: Any) -> None:
        if self._closing:
            return
        self.written += data
        self.changed.set()
        if len(self.written) > _HIGH_WATER:
            self.protocol.pause_writing()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.changed.set()
            self.protocol.connection_lost(None)

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        """The whole request is fed at once; nothing to hold back."""

    def resume_reading(self) -> None:
        """See pause_reading."""


class MemoryConnection:
    """One client connection without a socket. See fastrapi.testclient."""

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        *,
        client: tuple[str, int],
        server: tuple[str, int],
        scheme: str = "http",
        root_path: str = "",
        state: dict[str, Any] | None = None,
    ) -> None:
        self.exceptions: list[BaseException] = []
        self.compiled = self.replayed = self.asgi = 0
        self.reasons: dict[str, int] = {}
        scope_values = {
            "client": client,
            "server": server,
            "scheme": scheme,
            "root_path": root_path,
            "state": state if state is not None else {},
        }

        async def observed(scope: Any, receive: Any, send: Any) -> None:
            scope.update(scope_values)
            self.asgi += 1
            try:
                await app(scope, receive, send)
            except BaseException as exception:
                self.exceptions.append(exception)
                raise

        config = Config(observed, http="httptools", ws="none", lifespan="off",
                        log_config=None, access_log=False, interface="asgi3")
        self._server_state = ServerState()
        self._transport = _MemoryTransport(client, server)
        self._protocol = HttpToolsProtocol(config, self._server_state, {})
        self._transport.protocol = self._protocol
        self._protocol.connection_made(self._transport)

    def feed(self, data: bytes) -> None:
        """The client sends bytes."""
        self._protocol.data_received(data)

    def eof(self) -> None:
        """The client goes away."""
        self._transport.close()

    async def read(self) -> bytes:
        """Return the next bytes for the client.

        b"" comes when the connection is closed and no application code that
        it started is running any more, background tasks included.
        """
        while not self._transport.written and not self._transport.is_closing():
            self._transport.changed.clear()
            await self._transport.changed.wait()
        if self._transport.written:
            data = bytes(self._transport.written)
            self._transport.written.clear()
            self._protocol.resume_writing()
            return data
        if self._server_state.tasks:
            await asyncio.wait(self._server_state.tasks)
        return b""
