"""HTTP connections in memory: the engine without a socket, for tests."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.testclient import TestClient as TestClient

from fastrapi import _engine
from fastrapi.serving import serving_of


class MemoryConnection:
    """One HTTP/1.1 connection to ``app`` inside a running fastrapi event loop.

    The bytes fed take the same way as a socket's. ``exceptions`` lists what the
    application raised to the server. ``compiled`` and ``replayed`` count what the
    application's plans did since the connection was made (also for other
    connections), ``asgi`` this connection's requests that had no plan and
    ``reasons`` why.
    """

    def __init__(
        self,
        app: Any,
        *,
        client: tuple[str, int] = ("testclient", 50000),
        server: tuple[str, int] | list[Any] = ("testserver", 80),
        scheme: str = "http",
        root_path: str = "",
        state: dict[str, Any] | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._engine = serving_of(app).engine
        self._compiled = int(self._engine.compiled)
        self._replayed = int(self._engine.replayed)
        self._conn = _engine.MemoryConnection(
            self._engine,
            self._loop,
            client,
            server,
            scheme,
            state,
            {"root_path": root_path, "limit_head": 1 << 20, "limit_field": 1 << 20,
             "limit_line": 1 << 20, "limit_fields": 10_000},
        )  # fmt: skip

    def feed(self, data: bytes) -> None:
        """Bytes from the client."""
        self._conn.feed(data)

    def eof(self) -> None:
        """The client sends no more."""
        self._conn.eof()

    async def read(self) -> bytes:
        """The next bytes of the answer; ``b""`` when the connection is closed and
        no code of the application runs for it any more."""
        while (data := self._conn.take()) is None:
            future = self._loop.create_future()
            self._conn.wait(future)
            await future
        return bytes(data)

    @property
    def exceptions(self) -> list[BaseException]:
        return list(self._conn.exceptions)

    @property
    def compiled(self) -> int:
        return int(self._engine.compiled) - self._compiled

    @property
    def replayed(self) -> int:
        return int(self._engine.replayed) - self._replayed

    @property
    def asgi(self) -> int:
        return int(self._conn.asgi)

    @property
    def reasons(self) -> dict[str, int]:
        return dict(self._conn.reasons)
