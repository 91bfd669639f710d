"""Middleware that gives up: while a plain function runs on a thread, and before the application
has begun."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from client import ask, forced, run
from fastapi import Depends, FastAPI, Request as Received, Response
from wire import Request


def make(native: bool) -> tuple[FastAPI, list[str]]:
    """An application and the log of what happens in it."""
    app, log = FastAPI(), list[str]()
    begun: list[Callable[[], None]] = []
    gone = threading.Event()

    class Impatient:
        """Gives up as soon as the function has begun. The function ends a moment later, or when
        the layer has given up, if that does not wait."""

        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            loop = asyncio.get_running_loop()
            if native:
                try:
                    async with asyncio.timeout(None) as limit:
                        begun.append(lambda: loop.call_soon_threadsafe(limit.reschedule, 0))
                        await self.app(scope, receive, send)
                except TimeoutError:
                    log.append("late")
                gone.set()
            else:
                with anyio.CancelScope() as cancel:
                    begun.append(lambda: loop.call_soon_threadsafe(cancel.cancel))
                    begun.append(lambda: loop.call_soon_threadsafe(loop.call_later, 0.05, gone.set))
                    await self.app(scope, receive, send)
            while "done" not in log:
                await asyncio.sleep(0.001)

    async def session() -> AsyncIterator[None]:
        try:
            yield
        finally:
            log.append("closed")

    def work() -> None:
        for tell in begun:
            tell()
        gone.wait(10)
        log.append("done")

    app.add_middleware(Impatient)

    @app.get("/endpoint")
    def endpoint(_: Any = Depends(session)) -> None:
        work()

    @app.get("/dependency")
    async def dependency(_: Any = Depends(session), __: Any = Depends(work)) -> None:
        log.append("endpoint")

    return app, log


@pytest.mark.parametrize("path", ["/endpoint", "/dependency"])
@pytest.mark.parametrize("native", [False, True], ids=["scope", "task"])
def test_what_a_thread_uses_is_closed_when_fastapi_would(native: bool, path: str) -> None:
    """A cancel scope waits for the thread; a cancelled task does not."""

    async def main() -> None:
        logs = []
        for mode in ("asgi", "none"):
            app, log = make(native)
            with forced(mode):
                await asyncio.wait_for(ask(app, Request("GET", path)), 10)
            logs.append(log)
        assert logs[0] == logs[1]
        assert (log.index("closed") < log.index("done")) == native

    run(main)


def _cancel() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def _scope(seconds: float, call_next: Any, request: Received) -> Response:
    with anyio.move_on_after(seconds) as scope:
        if seconds > 0:
            scope.cancel()
        return await call_next(request)
    return Response("late", 504)


async def _itself(call_next: Any, request: Received) -> Response:
    _cancel()
    return await call_next(request)


async def _caught(call_next: Any, request: Received) -> Response:
    _cancel()
    try:
        return await call_next(request)
    except asyncio.CancelledError:
        return Response("caught", 503)


async def _shielded(call_next: Any, request: Received) -> Response:
    with anyio.CancelScope() as scope:
        scope.cancel()
        with anyio.CancelScope(shield=True):
            return await call_next(request)


EARLY: dict[str, Callable[..., Any]] = {
    "itself": _itself,
    "caught": _caught,
    "scope": functools.partial(_scope, 60),
    "expired": functools.partial(_scope, 0),
    "shielded": _shielded,
}


def make_early(how: str) -> tuple[FastAPI, list[str]]:
    """An application whose middleware is cancelled before it calls call_next(), and a log."""
    app, log = FastAPI(), list[str]()

    @app.middleware("http")
    async def impatient(request: Received, call_next: Any) -> Any:
        return await EARLY[how](call_next, request)

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            log.append("cancelled")
            raise
        finally:
            log.append("closed")

    @app.get("/whole")
    async def whole() -> str:
        log.append("begun")
        return "answer"

    @app.get("/waits")
    async def waits(_: Any = Depends(session)) -> str:
        log.append("begun")
        await asyncio.sleep(0)
        log.append("done")
        return "answer"

    return app, log


@pytest.mark.parametrize("path", ["/whole", "/waits", "/nowhere"])
@pytest.mark.parametrize("how", EARLY)
def test_a_caller_that_is_cancelled_already_gets_no_answer(how: str, path: str) -> None:
    async def main() -> None:
        seen = []
        for mode in ("asgi", "none"):
            app, log = make_early(how)
            with forced(mode):
                answer = await asyncio.wait_for(ask(app, Request("GET", path)), 10)
            seen.append((answer, log))
        assert seen[0] == seen[1]
        assert (b"answer" in seen[0][0].data) == (how == "shielded" and path != "/nowhere")

    run(main)
