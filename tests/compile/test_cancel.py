"""Middleware that gives up while a plain function runs on a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from client import ask, forced, run
from fastapi import Depends, FastAPI
from wire import Request


def make(native: bool) -> tuple[FastAPI, list[str]]:
    """An application and the log of what happens in it."""
    app, log = FastAPI(), list[str]()
    gone = threading.Event()

    class Impatient:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            asyncio.get_running_loop().call_later(0.1, gone.set)
            try:
                if native:
                    await asyncio.wait_for(self.app(scope, receive, send), 0.02)
                else:
                    with anyio.fail_after(0.02):
                        await self.app(scope, receive, send)
            except TimeoutError:
                log.append("late")
            for _ in range(1000):
                if "done" not in log:
                    await asyncio.sleep(0.01)

    async def session() -> AsyncIterator[None]:
        try:
            yield
        finally:
            log.append("closed")

    def work() -> None:
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
