"""Streams that end before their iterator does: what user code sees, and in which order, is as
inside Starlette's group of tasks."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from client import forced, run, without_date
from declared import FASTAPI
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware

from fastrapi.testclient import MemoryConnection

pytestmark = pytest.mark.skipif(FASTAPI < (0, 165), reason="no such option")

PIECE = b"x" * 100_000
STACKS = ("", "asgi", "receives", "dispatch", "dispatch dispatch", "asgi dispatch", "dispatch asgi")
WAYS = ("times out when full", "is left when full", "fails first", "fails later", "cancels its task", "is left")


class Layer:
    def __init__(self, app: Any, log: list[str], receives: bool) -> None:
        self.app, self.log, self.receives = app, log, receives

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def own() -> Any:
            return await receive()

        try:
            await self.app(scope, own if self.receives else receive, send)
        except BaseException as exc:
            self.log.append(f"layer sees {type(exc).__name__}")
            raise
        finally:
            self.log.append("layer ends")


def dispatch(log: list[str]) -> Callable[..., Any]:
    async def passes(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        log.append("call_next returns")
        return response

    return passes


async def pieces(way: str, log: list[str]) -> AsyncIterator[bytes]:
    """Its last piece waits for room in the connection, or is followed by what ends it."""
    try:
        if way == "fails first":
            raise ValueError(way)
        async with asyncio.timeout(0.05 if way == "times out when full" else None):
            for number in range(3 if "full" not in way else 100):
                log.append(f"piece {number}")
                yield PIECE
                await asyncio.sleep(0)
        if way == "fails later":
            raise ValueError(way)
        if way == "cancels its task":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        await asyncio.sleep(3600)
    except BaseException as exc:
        log.append(f"iterator sees {type(exc).__name__}")
        raise
    finally:
        log.append("iterator is closed")


def make(stack: str, way: str, log: list[str]) -> FastAPI:
    async def held() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as exc:
            log.append(f"dependency sees {type(exc).__name__}")
            raise
        finally:
            log.append("dependency is left")

    app = FastAPI()

    @app.get("/", dependencies=[Depends(held)])
    async def stream(tasks: BackgroundTasks) -> StreamingResponse:
        tasks.add_task(log.append, "background")
        return StreamingResponse(pieces(way, log))

    for kind in reversed(stack.split()):
        if kind == "dispatch":
            app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch(log))
        else:
            app.add_middleware(Layer, log=log, receives=kind == "receives")
    return app


async def still(log: list[str]) -> None:
    """Wait until nothing happens any more."""
    seen = 0
    while len(log) != seen or not log:
        seen = len(log)
        for _ in range(10):
            await asyncio.sleep(0.002)


async def one(mode: str, stack: str, way: str) -> tuple[list[str], bytes, list[str]]:
    log: list[str] = []
    with forced(mode):
        connection = MemoryConnection(make(stack, way, log))
        connection.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        data = b""
        if "full" not in way:
            while data.count(b"x") < 3 * len(PIECE) and way != "fails first":
                data += await connection.read()
        await still(log)
        if way == "times out when full":
            await asyncio.sleep(0.06)
        connection.eof()
        async with asyncio.timeout(30):
            while piece := await connection.read():
                data += piece
        assert mode == "asgi" or connection.compiled
        for _ in range(3):
            gc.collect()
            await asyncio.sleep(0.002)
    # An iterator that is cancelled in send() is left to the garbage collector.
    dropped = [line for line in log if line.startswith("iterator")]
    if "iterator sees GeneratorExit" in dropped:
        log = [line for line in log if line not in dropped] + dropped
    return log, without_date(data)[:200], list(map(repr, connection.exceptions))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stack", STACKS)
def test_order_of_what_is_seen(stack: str, way: str) -> None:
    async def main() -> None:
        theirs, ours = await one("asgi", stack, way), await one("none", stack, way)
        if (stack, way) == ("dispatch dispatch", "fails first"):  # a turn apart, see docs/PLAN.md
            assert sorted(ours[0]) == sorted(theirs[0]) and ours[1:] == theirs[1:]
            return
        assert ours == theirs
        assert ours[0].count("dependency is left") == 1

    run(main)
