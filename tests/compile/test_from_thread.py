"""Plain functions work with anyio.from_thread as on anyio's own threads, which they run on
when nothing is compiled."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Annotated, Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import fastapi
import pytest
from client import ask, forced, run
from fastapi import BackgroundTasks, Depends, FastAPI
from wire import Request

PATHS = ["/endpoint", "/dependency", "/mixed", "/generator", "/tasks"]
name: ContextVar[str] = ContextVar("name", default="nobody")
after: list[Any] = []


def outcome(call: Callable[[], Any]) -> str:
    try:
        return repr(call())
    except BaseException as exc:
        # The addresses of cancel scopes are no part of it.
        return f"{type(exc).__name__} {str(exc).partition(' scope ')[0]}"


async def echo(value: int) -> int:
    await anyio.sleep(0)
    return value


async def deadline() -> float:
    return anyio.current_effective_deadline()


async def timed_out() -> bool:
    with anyio.move_on_after(0) as scope:
        await anyio.sleep_forever()
    return scope.cancelled_caught


async def grouped() -> str:
    async with anyio.create_task_group() as group:
        group.start_soon(echo, 1)
    return "grouped"


async def renamed() -> str:
    before = name.get()
    name.set("loop")
    return before


async def raising() -> None:
    raise KeyError("on purpose")


async def from_another_thread() -> Any:
    def inner() -> Any:
        anyio.from_thread.check_cancelled()
        return anyio.from_thread.run(echo, 5)

    return await anyio.to_thread.run_sync(inner)


async def tokens() -> float:
    return anyio.to_thread.current_default_thread_limiter().total_tokens


def blocking_portal() -> int:
    with anyio.from_thread.start_blocking_portal() as portal:
        return portal.call(echo, 6)


def on_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def look() -> dict[str, str]:
    thread = anyio.from_thread
    return {
        "cancelled": outcome(thread.check_cancelled),
        "run": outcome(lambda: thread.run(echo, 1)),
        "run_sync": outcome(lambda: thread.run_sync(on_main_thread)),
        "deadline": outcome(lambda: thread.run(deadline)),
        "timed_out": outcome(lambda: thread.run(timed_out)),
        "grouped": outcome(lambda: thread.run(grouped)),
        "name": outcome(name.get),
        "renamed": outcome(lambda: thread.run(renamed)),
        "name after": outcome(name.get),
        "raising": outcome(lambda: thread.run(raising)),
        "thread": outcome(lambda: thread.run(from_another_thread)),
        "tokens": outcome(lambda: thread.run(tokens)),
        "portal": outcome(blocking_portal),
        "limiter": outcome(anyio.to_thread.current_default_thread_limiter),
        "token": outcome(anyio.lowlevel.current_token),
        "asyncio.run": outcome(lambda: asyncio.run(echo(2))),
        "anyio.run": outcome(lambda: anyio.run(echo, 3)),
        "running": outcome(asyncio.get_running_loop),
    }


def named() -> str:
    name.set("dependency")
    return name.get()


async def awaited() -> str:
    await asyncio.sleep(0)
    name.set("awaited")
    return name.get()


def generated() -> Iterator[dict[str, str]]:
    yield look()


def make() -> FastAPI:
    app = FastAPI()

    @app.get("/endpoint")
    def endpoint() -> Any:
        return look()

    @app.get("/dependency")
    def dependency(a: Annotated[Any, Depends(look)], b: Annotated[str, Depends(named)]) -> Any:
        return [a, b, look()]

    @app.get("/mixed")
    def mixed(a: Annotated[str, Depends(awaited)], b: Annotated[Any, Depends(look)]) -> Any:
        return [a, b, look()]

    @app.get("/generator")
    async def generator(a: Annotated[Any, Depends(generated)]) -> Any:
        return a

    @app.get("/tasks")
    def tasks(tasks: BackgroundTasks) -> Any:
        tasks.add_task(lambda: after.append(look()))
        return look()

    return app


async def answers(app: FastAPI) -> list[Any]:
    after.clear()
    found: list[Any] = []
    for path in PATHS:
        answer = await ask(app, Request("GET", path))
        assert answer.exceptions == ()
        found.append(json.loads(answer.data.partition(b"\r\n\r\n")[2]))
    return [*found, *after]


class Passing:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        name.set("middleware")
        await self.app(scope, receive, send)


class Scoped(Passing):
    """Runs the application in a cancel scope, and answers what cancelling it does."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        told: list[str] = []
        with anyio.CancelScope() as scope["cancel"]:
            scope["told"] = told
            await self.app(scope, receive, send)
        if not scope["cancel"].cancelled_caught:
            return
        data = json.dumps(told).encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": data})


@pytest.mark.parametrize("layer", [None, Passing], ids=["alone", "behind middleware"])
def test_functions_find_what_anyio_gives_them(layer: Any) -> None:
    async def main() -> None:
        found = []
        for mode in ("asgi", "none"):
            app = make()
            if layer is not None:
                app.add_middleware(layer)
            with forced(mode):
                found.append(await answers(app))
        assert found[0] == found[1]

    run(main)


def test_a_function_sees_that_middleware_cancels_it() -> None:
    def cancelled(request: fastapi.Request) -> Any:
        told = request.scope["told"]
        told.append(outcome(anyio.from_thread.check_cancelled))
        anyio.from_thread.run_sync(request.scope["cancel"].cancel)
        told.append(outcome(anyio.from_thread.check_cancelled))
        told.append(outcome(lambda: anyio.from_thread.run(deadline)))
        anyio.from_thread.check_cancelled()

    async def main() -> None:
        found = []
        for mode in ("asgi", "none"):
            app = FastAPI()
            app.add_middleware(Scoped)
            app.get("/endpoint")(cancelled)
            app.get("/dependency", dependencies=[Depends(cancelled)])(look)
            with forced(mode):
                found += [await ask(app, Request("GET", p)) for p in ("/endpoint", "/dependency")]
        assert found[:2] == found[2:]
        assert b'["None", "CancelledError Cancelled via cancel"' in found[2].data
        assert found[2].compiled

    run(main)
