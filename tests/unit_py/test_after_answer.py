"""Applications that go on when their answer is complete."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

import anyio
import pytest
from fastapi import FastAPI, Request, Response

from fastrapi import EventLoop
from fastrapi.testclient import MemoryConnection

START = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
BODY = {"type": "http.response.body", "body": b"ok"}
GET = b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def ask(connection: MemoryConnection, path: bytes) -> bytes:
    """The answer, as soon as it is complete: each one ends with "ok"."""
    connection.feed(GET % path)
    data = b""
    while b"\r\n\r\n" not in data or b"ok" not in data.partition(b"\r\n\r\n")[2]:
        piece = await connection.read()
        assert piece, data
        data += piece
    return data


async def whole(request: Request) -> None:
    await request._send(START)
    await request._send(BODY)


def raising_app() -> FastAPI:
    app = FastAPI()

    @app.get("/thread")
    def thread(request: Request) -> None:
        anyio.from_thread.run(whole, request)
        raise ValueError("after the answer")

    @app.get("/task")
    async def task(request: Request) -> None:
        await whole(request)
        raise ValueError("after the answer")

    @app.get("/ok")
    def ok() -> Response:
        return Response("ok")

    return app


@pytest.mark.parametrize("path", [b"/thread", b"/task"])
def test_an_endpoint_that_has_answered_itself_may_raise(path: bytes) -> None:
    """Its exception is reported, and the next request is served."""

    async def main() -> None:
        app = raising_app()
        connection = MemoryConnection(app)
        assert (await ask(connection, path)).endswith(b"\r\n\r\nok")
        for _ in range(200):
            if connection.exceptions:
                break
            await asyncio.sleep(0.01)
        assert list(map(repr, connection.exceptions)) == ["ValueError('after the answer')"]
        assert connection.compiled == 1
        assert (await ask(MemoryConnection(app), b"/ok")).endswith(b"\r\n\r\nok")

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())


@pytest.mark.parametrize("first", [0, 1], ids=["answers at once", "answers after a wait"])
def test_what_runs_on_is_not_collected(first: int) -> None:
    """Nothing but the application itself refers to what it waits for. Its task is
    dropped when it has ended."""
    wakers: list[Any] = []
    tasks: list[Any] = []
    ended: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(first):
            await asyncio.sleep(0)
        await send(START)
        await send(BODY)
        waker = asyncio.get_running_loop().create_future()
        task = asyncio.current_task()
        assert task is not None
        wakers.append(weakref.ref(waker))
        tasks.append(weakref.ref(task))
        del task
        await waker
        ended.append(True)

    async def main() -> None:
        connection = MemoryConnection(app)
        assert (await ask(connection, b"/")).endswith(b"\r\n\r\nok")
        gc.collect()
        waker = wakers[0]()
        assert waker is not None, "the task and what it waits for were collected"
        waker.set_result(None)
        del waker
        await asyncio.sleep(0.01)
        assert ended == [True]
        gc.collect()
        assert tasks[0]() is None

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
