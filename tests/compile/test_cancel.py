"""Middleware that gives up while a plain function runs on a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from client import ask, forced, run
from fastapi import Depends, FastAPI
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
