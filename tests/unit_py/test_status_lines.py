"""The status line has the phrase that this Python's http module has, as uvicorn's."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from fastrapi.loop import EventLoop
from fastrapi.testclient import MemoryConnection


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


async def application(scope: Any, receive: Any, send: Any) -> None:
    status = int(scope["path"][1:])
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_phrases_are_those_of_the_running_python() -> None:
    async def line(status: int) -> bytes:
        connection = MemoryConnection(application)
        connection.feed(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % status)
        data = await connection.read()
        connection.eof()
        return data.partition(b"\r\n")[0]

    async def main() -> None:
        for status in range(200, 600):
            assert await line(status) == f"HTTP/1.1 {status} {phrase(status)}".encode()

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
