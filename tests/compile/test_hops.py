"""Plain functions that follow each other in a plan make one hop to a pool thread, also where the
plan runs in a task. What is cancelled between two of them is as under FastAPI."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Annotated, Any

import anyio
import anyio.to_thread
import pytest
from client import Answer, ask, forced, run
from fastapi import Depends, FastAPI, Response
from fastapi import Request as Asked
from fastapi.responses import JSONResponse
from passing import LAYERS, Dispatches, Passes
from starlette.middleware.base import BaseHTTPMiddleware
from wire import Request

SHORT_S, LONG_S = 0.05, 0.3
ran: list[str] = []
name: ContextVar[str] = ContextVar("name", default="nobody")


class Scoped:
    """Ends what it wraps in a cancel scope of anyio's, and answers what has run."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def limited(self, *args: Any) -> None:
        with anyio.move_on_after(SHORT_S):
            await self.app(*args)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.limited(scope, receive, send)
        await asyncio.sleep(2 * LONG_S)
        await JSONResponse(ran)(scope, receive, send)


class Timed(Scoped):
    """The same with asyncio's time-out."""

    async def limited(self, *args: Any) -> None:
        try:
            async with asyncio.timeout(SHORT_S):
                await self.app(*args)
        except TimeoutError:
            pass


class TimedDispatch(BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Any:
        try:
            async with asyncio.timeout(SHORT_S):
                return await call_next(request)
        except TimeoutError:
            await asyncio.sleep(2 * LONG_S)
            return JSONResponse(ran)


def opened() -> Iterator[str]:
    ran.append("enter")
    try:
        yield "opened"
    finally:
        ran.append("exit")


def long(_: Annotated[str, Depends(opened)]) -> None:
    ran.append("long")
    time.sleep(LONG_S)
    ran.append("end of long")


def after(_: Annotated[None, Depends(long)]) -> None:
    ran.append("after")


def limited() -> FastAPI:
    app = FastAPI()

    @app.get("/plain")
    def plain(_: Annotated[None, Depends(after)]) -> str:
        ran.append("endpoint")
        return "late"

    @app.get("/mixed")
    async def mixed(_: Annotated[None, Depends(after)]) -> str:
        ran.append("endpoint")
        return "late"

    return app


@pytest.mark.parametrize("path", ["/plain", "/mixed"])
@pytest.mark.parametrize(
    "layers",
    [[Scoped], [Timed], [TimedDispatch], [Dispatches, Scoped], [Dispatches, Timed], [Dispatches, TimedDispatch]],
    ids=str,
)
def test_no_function_runs_after_its_task_was_cancelled(layers: list[Any], path: str) -> None:
    async def main() -> None:
        found = []
        for mode in ("asgi", "none"):
            app = limited()
            for layer in layers:
                app.add_middleware(layer)
            ran.clear()
            with forced(mode):
                found.append(await ask(app, Request("GET", path)))
        assert found[1] == found[0]
        assert b'"end of long"' in found[1].data
        assert found[1].compiled

    run(main)


def first(response: Response) -> str:
    name.set("first")
    response.headers["x-first"] = "1"
    return threading.current_thread().name


def second(_: Annotated[str, Depends(first)]) -> str:
    return name.get()


def value() -> Iterator[str]:
    name.set("value")
    yield name.get()
    ran.append(name.get())


def failing(request: Asked) -> Iterator[None]:
    try:
        yield
    except KeyError:
        ran.append("failed")
        raise
    if "x-fail" in request.headers:
        raise KeyError("exit")


def stacked(request: Asked) -> Iterator[str]:
    request.scope["fastapi_inner_astack"].callback(ran.append, "stacked")
    yield "stacked"
    ran.append("left")


async def waited() -> str:
    await asyncio.sleep(0)
    name.set("waited")
    return "waited"


def make() -> FastAPI:
    app = FastAPI()

    @app.exception_handler(KeyError)
    def handle(request: Asked, exc: KeyError) -> Any:
        return JSONResponse([str(exc), ran], 418)

    @app.get("/all")
    def everything(
        a: Annotated[str, Depends(second)], b: Annotated[str, Depends(value)], request: Asked,
        c: Annotated[None, Depends(failing)], d: Annotated[str, Depends(stacked)],
    ) -> Any:  # fmt: skip
        if "x-raise" in request.headers:
            raise KeyError("endpoint")
        return [a, b, c, d, name.get(), request.method, ran]

    @app.get("/early")
    def early(
        b: Annotated[str, Depends(value, scope="function")],
        c: Annotated[None, Depends(failing, scope="function")],
    ) -> Any:
        return [b, c]

    @app.get("/mixed")
    def mixed(
        a: Annotated[str, Depends(second)], b: Annotated[str, Depends(waited)],
        c: Annotated[str, Depends(value)], n: int = 0,
    ) -> Any:  # fmt: skip
        return [a, b, c, n, name.get()]

    return app


REQUESTS = [
    Request("GET", path, headers)
    for path in ("/all", "/early", "/mixed", "/mixed?n=x")
    for headers in ((), (("x-fail", "1"),), (("x-raise", "1"),))
]


@pytest.mark.parametrize("sync", ["threads", "inline", "auto"])
@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_answers_and_exits_are_those_of_fastapi(
    layers: list[Any], sync: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTRD_SYNC", sync)

    async def answers(mode: str) -> list[tuple[Answer, list[str]]]:
        app = make()
        for layer in layers:
            app.add_middleware(layer)
        found = []
        with forced(mode):
            for request in REQUESTS:
                ran.clear()
                found.append((await ask(app, request), list(ran)))
        return found

    async def main() -> None:
        assert await answers("none") == await answers("asgi")

    run(main)


order: list[str] = []
begun = threading.Event()
go = threading.Event()


def one(who: str) -> str:
    if who == "a":
        begun.set()
        go.wait(10)
    order.append(f"{who} dependency")
    return who


def ordered(layer: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(layer)

    @app.get("/{who}")
    def endpoint(who: Annotated[str, Depends(one)]) -> str:
        order.append(who)
        return who

    return app


def test_functions_that_follow_each_other_make_one_hop() -> None:
    """With one thread, the functions of another request come after all of the first's."""

    async def main() -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        for layer in (Passes, Dispatches):
            for waiting in (order, begun, go):
                waiting.clear()
            with forced("none"):
                asked = [ask(ordered(layer), Request("GET", f"/{who}")) for who in "ab"]
                together = asyncio.gather(*asked)
                await asyncio.sleep(0)
                async with asyncio.timeout(10):
                    while not begun.is_set():
                        await asyncio.sleep(0.001)
                await asyncio.sleep(0.05)  # the second request has queued its first function
                go.set()
                await together
            assert order == ["a dependency", "a", "b dependency", "b"]

    run(main)


def test_auto_keeps_functions_on_the_loop_behind_layers_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTRD_SYNC", "auto")

    async def main() -> None:
        for layer in (Passes, Dispatches):
            app = FastAPI()
            app.add_middleware(layer)

            @app.get("/")
            def where() -> bool:
                with pytest.raises(RuntimeError):
                    asyncio.get_running_loop()
                return threading.current_thread() is threading.main_thread()

            with forced("none"):
                for _ in range(1000):
                    answer = await ask(app, Request("GET", "/"))
                    if answer.data.endswith(b"true"):
                        break
            assert answer.data.endswith(b"true")

    run(main)
