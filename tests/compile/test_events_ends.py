"""Server-sent events that end by whatever ends them: the client has received the same, and user
code has seen the same, as when FastAPI's own tasks send them."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from itertools import product
from typing import Any

import pytest
from client import forced, run
from declared import FASTAPI
from fastapi import BackgroundTasks, Depends, FastAPI
from passing import Passes
from starlette.middleware.base import BaseHTTPMiddleware

from fastrapi.testclient import MemoryConnection

if FASTAPI >= (0, 135):
    from fastapi.sse import EventSourceResponse

pytestmark = pytest.mark.skipif(FASTAPI < (0, 165), reason="no such option")

LARGE = "x" * 100_000
ENDS = ("raises", "is cancelled", "cancels its task", "ends")
LAYERS = ("", "asgi", "dispatch", "dispatch dispatch")


async def passes(request: Any, call_next: Any) -> Any:
    return await call_next(request)


class Now:
    """What the application is to do, and what it does."""

    events: Callable[[], AsyncIterator[Any]]
    log: list[str]


def make(layers: str) -> FastAPI:
    async def held() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as exc:
            Now.log.append(f"dependency sees {exc!r}")
            raise
        finally:
            Now.log.append("dependency is left")

    async def background() -> None:  # no thread: that would take no certain number of turns
        Now.log.append("background")

    app = FastAPI()

    @app.get("/", response_class=EventSourceResponse, dependencies=[Depends(held)])
    async def endpoint(tasks: BackgroundTasks) -> AsyncIterator[Any]:
        tasks.add_task(background)
        try:
            async for event in Now.events():
                yield event
        except BaseException as exc:
            Now.log.append(f"endpoint sees {type(exc).__name__}")
            raise
        finally:
            Now.log.append("endpoint is closed")

    for kind in layers.split():
        if kind == "asgi":
            app.add_middleware(Passes)
        else:
            app.add_middleware(BaseHTTPMiddleware, dispatch=passes)
    return app


class Client:
    def __init__(self, app: FastAPI) -> None:
        self.connection = MemoryConnection(app)
        self.connection.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.data = b""

    async def read(self) -> bool:
        piece = await asyncio.wait_for(self.connection.read(), 30)
        self.data += piece
        return bool(piece)

    async def end(self, mode: str) -> list[str]:
        """What was raised to the server. What only that refers to is closed."""
        while await self.read():
            pass
        assert mode == "asgi" or self.connection.compiled
        raised = list(map(repr, self.connection.exceptions))
        del self.connection
        for _ in range(3):
            gc.collect()
            await asyncio.sleep(0.002)
        return raised


async def end(how: str) -> None:
    if how == "raises":
        raise ValueError("text")
    if how == "is cancelled":
        raise asyncio.CancelledError
    if how == "cancels its task":
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)


async def ended(app: FastAPI, mode: str, how: str, count: int, turns: int, last: int) -> Any:
    """An endpoint that ends ``last`` turns after ``count`` events with so many turns before each."""
    async def events() -> AsyncIterator[int]:
        for number in range(count):
            for _ in range(turns):
                await asyncio.sleep(0)
            yield number
        for _ in range(last):
            await asyncio.sleep(0)
        await end(how)

    with forced(mode):
        Now.events, Now.log = events, []
        client = Client(app)
        raised = await client.end(mode)
    return client.data.count(b"data:"), client.data.endswith(b"0\r\n\r\n"), Now.log, raised


@pytest.mark.parametrize("how", ENDS)
def test_an_endpoint_that_ends(how: str) -> None:
    """What is still on its way between the tasks is lost or sent, turn for turn."""
    theirs, ours = make(""), make("")

    async def main() -> None:
        gc.freeze()
        for case in product((0, 1, 2, 5), (0, 2, 20), (0, 1, 2, 3, 4, 20)):
            seen = await ended(theirs, "asgi", how, *case)
            assert await ended(ours, "none", how, *case) == seen, case

    run(main)


async def left(app: FastAPI, mode: str, full: bool, turns: int) -> Any:
    """A client that leaves: with ``full``, one that has read nothing for a while."""
    made: list[int] = []

    async def events() -> AsyncIterator[str]:
        while True:
            made.append(1)
            yield LARGE if full else "event"
            for _ in range(turns):
                await asyncio.sleep(0)

    with forced(mode):
        Now.events, Now.log = events, []
        client = Client(app)
        if full:
            seen = -1
            while seen != len(made) or not made:
                seen = len(made)
                for _ in range(10):
                    await asyncio.sleep(0.002)
        else:
            while client.data.count(b"data:") < 3:
                await client.read()
        client.connection.eof()
        raised = await client.end(mode)
    return Now.log, len(made) if full else 0, raised


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("full", [False, True])
def test_a_client_that_leaves(layers: str, full: bool) -> None:
    theirs, ours = make(layers), make(layers)

    async def main() -> None:
        gc.freeze()
        # Where in its turns an endpoint is cancelled depends on the turns that layers take.
        for turns in (0, 1, 2, 5, 50) if full or "dispatch" not in layers else (50,):
            seen = await left(theirs, "asgi", full, turns)
            assert await left(ours, "none", full, turns) == seen, turns
            assert seen[0].count("dependency is left") == 1

    run(main)
