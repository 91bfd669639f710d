"""Dispatch layers do what Starlette's BaseHTTPMiddleware does."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import fuzz_dispatch
import pytest
from anyio._backends._asyncio import _task_states
from client import ask, calls, forced, run
from fastapi import FastAPI, Request, Response
from fastapi.testclient import TestClient
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import StreamingResponse
from wire import Request as Wire

from fastrapi.compile import dispatch
from fastrapi.testclient import MemoryConnection

CASES, FIRST = 700, 20_000


@pytest.mark.filterwarnings("ignore")
def test_generated_cases() -> None:
    """With one layer, one call of call_next() and a host that nobody cancels everything
    is the same, in the same order; else what the client receives."""
    runner, compared = fuzz_dispatch.new_runner(), 0
    for seed in range(FIRST, FIRST + CASES):
        case = fuzz_dispatch.case_of(seed)
        if fuzz_dispatch.tags(case) not in ((), ("two layers",)):
            continue
        results = fuzz_dispatch.both(runner, case)
        if results is None:  # it never ends under Starlette's class
            runner = fuzz_dispatch.new_runner()
            continue
        theirs, ours = results
        compared += 1
        if fuzz_dispatch.tags(case):
            theirs, ours = ({"sent": one["sent"]} for one in results)
        assert fuzz_dispatch.difference(theirs, ours) == [], f"fuzz_dispatch.py 1 {seed}"
    assert compared > CASES // 2


def _hello(path: str = "/hello") -> Wire:
    return Wire("GET", path, (), b"")


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/sleep/{seconds}")
    async def sleep(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    @app.middleware("http")
    async def look(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-look"] = "1"
        return response

    return app


async def _functions(app: FastAPI) -> set[tuple[str, str]]:
    """Module and name of the functions that run for one request."""
    answer, frames = await calls(app, _hello())
    assert b"x-look: 1" in answer.data and answer.data.endswith(b'{"hello":"world"}')
    return {(frame.f_globals.get("__name__", ""), frame.f_code.co_name) for frame in frames}


def test_a_complete_answer_needs_no_task_group() -> None:
    async def main() -> None:
        found = {module for module, _ in await _functions(_app())}
        assert not [name for name in found if name.startswith(("anyio", "fastapi."))]
        assert not found & {"starlette.middleware.exceptions", "starlette.routing"}

    run(main)


@pytest.mark.parametrize("why", ["factory", "version", "class"])
def test_starlettes_own_class_runs_where_it_must(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = _app()
    if why == "version":
        monkeypatch.setattr(dispatch, "is_known", lambda: False)
    if why == "class":
        original = BaseHTTPMiddleware.__call__

        async def patched(*args: Any) -> None:
            await original(*args)

        monkeypatch.setattr(BaseHTTPMiddleware, "__call__", patched)
    async def main() -> None:
        if why == "factory":
            asyncio.get_running_loop().set_task_factory(
                lambda loop, coro, **options: asyncio.Task(coro, loop=loop, **options)
            )
        assert ("starlette.middleware.base", "coro") in await _functions(app)

    run(main)


class Scopes:
    """A time-out that does not fire."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with anyio.fail_after(60) as scope["limit"]:
            await self.app(scope, receive, send)


def test_a_layer_in_a_cancel_scope_needs_no_group_of_tasks() -> None:
    """The application is in a scope within it, as in the group's."""

    def make() -> FastAPI:
        app = _app()

        @app.get("/scoped")
        async def scoped(request: Request) -> list[bool]:
            own: Any = _task_states[asyncio.current_task()].cancel_scope  # type: ignore[index]
            outer = request.scope["limit"]
            while own._parent_scope is not None:
                own = own._parent_scope
            return [own is outer, anyio.current_effective_deadline() == outer.deadline]

        app.add_middleware(Scopes)
        return app

    async def main() -> None:
        assert ("starlette.middleware.base", "coro") not in await _functions(make())
        for mode in ("asgi", "none"):
            with forced(mode):
                answer = await ask(make(), _hello("/scoped"))
            assert answer.data.endswith(b"[true,true]"), answer.data

    run(main)


def test_a_timeout_that_fires() -> None:
    """It reaches dispatch as TimeoutError, and the application as its cancellation."""

    def make() -> tuple[FastAPI, list[str]]:
        app, log = FastAPI(), list[str]()

        @app.get("/slow")
        async def slow() -> None:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                log.append("cancelled")
                raise

        @app.middleware("http")
        async def limit(request: Request, call_next: Any) -> Response:
            try:
                async with asyncio.timeout(0.02):
                    response: Response = await call_next(request)
            except TimeoutError:
                log.append("late")
                raise
            return response

        return app, log

    async def main() -> None:
        found = []
        for mode in ("asgi", "none"):
            app, log = make()
            with forced(mode):
                found.append((await asyncio.wait_for(ask(app, _hello("/slow")), 5), log))
        assert found[0] == found[1] and found[1][1] == ["late", "cancelled"]

    run(main)


@pytest.mark.parametrize("turns", range(5))
@pytest.mark.parametrize("layers", [1, 2])
def test_a_task_of_the_applications_sends_while_another_fails(turns: int, layers: int) -> None:
    """Whether the start of the answer, or a piece, goes out before the cancellation."""

    async def wait(count: int) -> None:
        for _ in range(count):
            await asyncio.sleep(0)

    def make(before: int) -> FastAPI:
        app = FastAPI()

        class Sends:
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                async def answer() -> None:
                    await wait(before)
                    await send({"type": "http.response.start", "status": 200, "headers": []})
                    for piece in (b"one", b"two"):
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                    await send({"type": "http.response.body", "body": b""})

                async with anyio.create_task_group() as group:
                    group.start_soon(answer)
                    await wait(turns)
                    raise ValueError("fails")

        app.mount("/", Sends())
        for _ in range(layers):
            app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, call_next: call_next(request))
        return app

    async def main() -> None:
        for before in range(4):
            found = []
            for mode in ("asgi", "none"):
                with forced(mode):
                    found.append(await asyncio.wait_for(ask(make(before), _hello("/")), 5))
            assert found[0] == found[1], before

    run(main)


def test_call_next_looks_as_starlettes() -> None:
    """To inspect, to asyncio and to callers with wrong arguments."""

    def make(found: list[Any]) -> FastAPI:
        app = FastAPI()

        @app.get("/hello")
        async def hello() -> None: ...

        @app.middleware("http")
        async def look(request: Request, call_next: Any) -> Response:
            for arguments, named in (((), {}), ((1, 2), {}), ((), {"other": 1})):
                try:
                    call_next(*arguments, **named)
                except TypeError as error:
                    found.append(str(error))
            found.extend([
                call_next.__name__,
                call_next.__qualname__,
                inspect.iscoroutinefunction(call_next),
                list(inspect.signature(call_next).parameters),
            ])
            answer = call_next(request=request)
            found.extend([asyncio.iscoroutine(answer), inspect.isawaitable(answer)])
            response: Response = await answer
            found.extend([
                type(response),
                sorted(vars(response)),
                inspect.isasyncgen(response.body_iterator),  # type: ignore[attr-defined]
            ])
            return response

        return app

    async def main() -> None:
        seen = []
        for mode in ("asgi", "none"):
            with forced(mode):
                found: list[Any] = []
                await ask(make(found), _hello())
                seen.append(found)
        assert seen[0] == seen[1] and len(seen[0]) == 12

    run(main)


def test_concurrent_requests_do_not_meet() -> None:
    app = _app()

    async def main() -> None:
        paths = [f"/sleep/{n / 1000}" for n in range(30)] * 3
        answers = await asyncio.gather(*[ask(app, _hello(path)) for path in paths])
        for path, answer in zip(paths, answers, strict=True):
            assert float(answer.data.rpartition(b"\r\n")[2]) == float(path.rpartition("/")[2])
            assert b"x-look: 1" in answer.data

    run(main)


def test_a_client_that_leaves_while_the_application_runs() -> None:
    """The application ends, and nothing is left."""
    app = _app()

    async def main() -> None:
        connection = MemoryConnection(app)
        connection.feed(b"GET /sleep/0.02 HTTP/1.1\r\nHost: a\r\n\r\n")
        await asyncio.sleep(0.005)
        connection.eof()
        await asyncio.sleep(0.05)
        assert connection.exceptions == []
        assert len(asyncio.all_tasks()) == 1

    run(main)


@pytest.mark.parametrize("layers", [1, 2])
def test_a_client_that_leaves_a_stream(layers: int) -> None:
    """The generator is closed, background tasks run, and nothing is left."""

    def make(log: list[str]) -> FastAPI:
        app = FastAPI()

        async def after() -> None:
            log.append("background")

        @app.get("/stream")
        async def stream() -> StreamingResponse:
            async def pieces() -> AsyncGenerator[bytes, None]:
                try:
                    while True:
                        yield b"piece"
                        await asyncio.sleep(0.001)
                except BaseException as error:
                    log.append(type(error).__name__)
                    raise

            return StreamingResponse(pieces(), background=BackgroundTask(after))

        for _ in range(layers):
            app.add_middleware(
                BaseHTTPMiddleware, dispatch=lambda request, call_next: call_next(request)
            )
        return app

    async def main() -> None:
        logs = []
        for mode in ("asgi", "none"):
            log: list[str] = []
            with forced(mode):
                connection = MemoryConnection(make(log))
                connection.feed(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
                data = b""
                while data.count(b"piece") < 3:
                    data += await connection.read()
                connection.eof()
                while await asyncio.wait_for(connection.read(), 5):
                    pass
            assert connection.exceptions == []
            assert len(asyncio.all_tasks()) == 1
            logs.append(log)
        assert logs[0] == logs[1]

    run(main)


def test_an_ordinary_client_on_another_loop() -> None:
    app = _app()

    async def main() -> None:
        await ask(app, _hello())

    run(main)
    with TestClient(app) as client:
        assert client.get("/hello").headers["x-look"] == "1"


def test_a_request_leaves_nothing_for_the_garbage_collector() -> None:
    """A complete answer; a collection now and then costs more than the request."""
    app, found = _app(), []

    async def main() -> None:
        for _ in range(5):
            await ask(app, _hello())
        gc.collect()
        gc.disable()
        try:
            for _ in range(10):
                await ask(app, _hello())
            found.append(gc.collect())
        finally:
            gc.enable()

    run(main)
    assert found == [0]


def test_an_application_that_sends_from_two_tasks() -> None:
    """While its answer waits in the layer, both senders wait."""

    async def sends(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.gather(
            send({"type": "http.response.body", "body": b"1", "more_body": True}),
            send({"type": "http.response.body", "body": b"2"}),
        )

    async def late(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        await asyncio.sleep(0.03)
        return response

    async def main() -> None:
        found = []
        for mode in ("asgi", "none"):
            app = FastAPI()
            app.mount("/", sends)
            app.middleware("http")(late)
            with forced(mode):
                found.append(await asyncio.wait_for(ask(app, _hello("/")), 5))
        assert found[0] == found[1]

    run(main)


def test_the_application_does_not_see_what_dispatch_handles() -> None:
    def make() -> FastAPI:
        app = FastAPI()

        @app.get("/hello")
        async def hello() -> Any:
            try:
                raise KeyError
            except KeyError as error:
                context = repr(error.__context__)
            return [repr(sys.exc_info()[1]), context]

        @app.middleware("http")
        async def handles(request: Request, call_next: Any) -> Response:
            try:
                int("x")
            except ValueError as error:
                response: Response = await call_next(request)
                response.headers["x-handled"] = repr(sys.exc_info()[1] is error)
                return response
            raise AssertionError

        return app

    async def main() -> None:
        found = []
        for mode in ("asgi", "none"):
            with forced(mode):
                found.append(await ask(make(), _hello()))
        assert found[0].data == found[1].data and b'["None","None"]' in found[0].data

    run(main)
