"""The current task around an endpoint that needs no task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI

from fastrapi.loop import EventLoop
from fastrapi.testclient import MemoryConnection

Seen = list[Any]


def run(main: Callable[[Seen], Awaitable[None]]) -> Seen:
    seen: Seen = []
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main(seen))  # type: ignore[arg-type]
    return seen


async def ask(app: FastAPI, path: str, connection: MemoryConnection | None = None) -> bytes:
    connection = connection or MemoryConnection(app)
    connection.feed(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return await connection.read()


def note(seen: Seen) -> None:
    """The loop's current task, for a callback between two requests."""
    seen.append(asyncio.current_task())


def test_it_is_there_in_the_endpoint_and_nowhere_else() -> None:
    app, inside = FastAPI(), Seen()

    @app.get("/")
    async def endpoint() -> None:
        inside.append(asyncio.current_task())

    async def main(seen: Seen) -> None:
        asyncio.get_running_loop().call_soon(note, seen)
        assert b" 200 " in await ask(app, "/")
        asyncio.get_running_loop().call_soon(note, seen)
        assert b" 200 " in await ask(app, "/")

    assert run(main) == [None, None]
    assert len(inside) == 2
    assert all(isinstance(task, asyncio.Task) for task in inside)
    assert inside[0] is not inside[1]  # the first was kept


def test_an_endpoint_that_ends_it_gets_it_back() -> None:
    app = FastAPI()
    complaints: Seen = []

    @app.get("/ends")
    async def ends() -> bool:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        asyncio.tasks._leave_task(loop, task)  # type: ignore[attr-defined]
        return asyncio.current_task() is None

    @app.get("/")
    async def endpoint() -> bool:
        return asyncio.current_task() is not None

    async def main(_: Seen) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.unraisablehook", lambda it: complaints.append(it.exc_type))
            assert b"true" in await ask(app, "/ends")
        assert b"true" in await ask(app, "/")

    run(main)
    assert complaints == [RuntimeError]
