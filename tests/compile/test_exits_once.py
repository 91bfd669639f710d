"""Dependencies with ``yield`` are left once, whoever ends the request: a cancelled task, a
client that has gone, threads that are all taken."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI
from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response
from passing import Passes
from starlette.middleware.base import BaseHTTPMiddleware
from wire import Request as Asked

from fastrapi.testclient import MemoryConnection

if FASTAPI < (0, 121):
    pytest.skip("dependencies have no scope", allow_module_level=True)

PATIENCE_S = 10.0
POINTS = ("enter 0", "enter 1", "enter 2", "endpoint", "leave 2", "leave 1", "leave 0")


def make(
    log: list[str], at: str, does: Any, plain: bool, layers: tuple[Any, ...] = ()
) -> FastAPI:
    """Dependencies 0 and 1 are late, 2 is early. ``does`` is awaited where ``at`` says."""
    app = FastAPI()
    for layer in layers:
        app.add_middleware(layer)

    async def point(name: str) -> None:
        log.append(name)
        await asyncio.sleep(0)
        if name == at:
            await does()
        log.append(f"{name} done")

    def dependency(number: int) -> Any:
        async def generator() -> AsyncIterator[int]:
            await point(f"enter {number}")
            try:
                yield number
            except BaseException as exc:
                log.append(f"{number}: {type(exc).__name__}")
                raise
            finally:
                await point(f"leave {number}")

        return generator

    def threaded() -> Iterator[None]:
        log.append("enter thread")
        try:
            yield
        finally:
            log.append("leave thread")

    between = threaded if plain else dependency(9)

    @app.get("/")
    async def endpoint(
        zero: Any = Depends(dependency(0)),
        one: Any = Depends(dependency(1)),
        nine: Any = Depends(between),
        two: Any = Depends(dependency(2), scope="function"),
    ) -> str:
        await point("endpoint")
        return "done"

    return app


async def events(
    mode: str, at: str, plain: bool, kind: str, layers: tuple[Any, ...]
) -> tuple[list[str], Answer]:
    log: list[str] = []

    async def cancel_self() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0.001)

    async def raise_cancelled() -> None:
        raise asyncio.CancelledError("own")

    async def exit_group() -> None:
        raise BaseExceptionGroup("group", [KeyError(1), asyncio.CancelledError()])

    does = {"cancel": cancel_self, "raise": raise_cancelled, "group": exit_group}[kind]
    app = make(log, at, does, plain, layers)
    with forced(mode):
        answer = await asyncio.wait_for(ask(app, Asked("GET", "/")), PATIENCE_S)
    return log, answer


@pytest.mark.parametrize("kind", ["cancel", "raise", "group"])
@pytest.mark.parametrize("plain", [False, True], ids=["async", "thread"])
@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("layers", [(), (Passes,)], ids=["alone", "behind"])
def test_a_cancelled_request_leaves_what_it_has_entered(
    layers: tuple[Any, ...], at: str, plain: bool, kind: str
) -> None:
    async def main() -> None:
        expected = await events("asgi", at, plain, kind, layers)
        found = await events("none", at, plain, kind, layers)
        assert found[1].compiled
        assert found == expected
        for name in ("0", "1", "2", "thread"):
            entered = f"enter {name} done" in found[0] or (name == "thread" and "enter thread" in found[0])
            assert found[0].count(f"leave {name}") == int(entered)

    run(main)


class Limits(BaseHTTPMiddleware):
    """Gives the application as much time as it says itself."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        async with asyncio.timeout(None) as limit:
            ENDS.append(lambda: limit.reschedule(0))
            response: Response = await call_next(request)
        return response


class Scopes(Passes):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with anyio.CancelScope() as cancel:
            ENDS.append(cancel.cancel)
            await self.app(scope, receive, send)


class Bounds(Passes):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with asyncio.timeout(None) as limit:
            ENDS.append(lambda: limit.reschedule(0))
            await self.app(scope, receive, send)


class Dispatches(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response


ENDS: list[Any] = []


@pytest.mark.parametrize("plain", [False, True], ids=["async", "thread"])
@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize(
    "layers",
    [
        (Limits,), (Limits, Passes), (Passes, Limits), (Scopes,), (Limits, Limits), (Bounds,),
        (Dispatches, Bounds), (Dispatches, Passes, Bounds),
    ],
    ids=lambda layers: ", ".join(layer.__name__ for layer in layers),
)  # fmt: skip
def test_a_time_that_is_over_lets_exits_end(
    layers: tuple[Any, ...], at: str, plain: bool
) -> None:
    """What is entered and waits is cancelled. An exit that waits is not by a cancel scope, as
    in FastAPI. ``layers``: the innermost first."""

    async def main() -> None:
        logs = []
        for mode in ("asgi", "none"):
            log: list[str] = []

            async def waits() -> None:
                ENDS.pop()()
                await asyncio.sleep(0.01)
                await asyncio.sleep(0)

            app = make(log, at, waits, plain, layers)
            with forced(mode):
                answer = await asyncio.wait_for(ask(app, Asked("GET", "/")), PATIENCE_S)
            logs.append((log, answer))
        assert logs[0] == logs[1]
        assert logs[1][1].compiled

    run(main)


@pytest.mark.parametrize("layers", [(Limits,), (Passes, Limits)], ids=["one", "two"])
def test_a_time_that_is_over_waits_for_plain_functions(layers: tuple[Any, ...]) -> None:
    """What they use is left when they have ended."""

    async def main() -> None:
        logs = []
        for mode in ("asgi", "none"):
            log: list[str] = []
            app = FastAPI()
            loop = asyncio.get_running_loop()
            for layer in layers:
                app.add_middleware(layer)

            async def session() -> AsyncIterator[None]:
                try:
                    yield
                finally:
                    log.append("left")

            @app.get("/", dependencies=[Depends(session)])
            def endpoint() -> None:
                loop.call_soon_threadsafe(ENDS.pop())
                time.sleep(0.02)
                log.append("endpoint")

            with forced(mode):
                answer = await asyncio.wait_for(ask(app, Asked("GET", "/")), PATIENCE_S)
            logs.append((log, answer))
        assert logs[0] == logs[1] and logs[1][0] == ["endpoint", "left"]

    run(main)


@pytest.mark.parametrize("plain", [False, True], ids=["async", "thread"])
@pytest.mark.parametrize("at", POINTS)
def test_a_client_that_has_gone_changes_nothing(at: str, plain: bool) -> None:
    async def main() -> None:
        logs = []
        for mode in ("asgi", "none"):
            log: list[str] = []
            gone = asyncio.Event()

            async def leave() -> None:
                connection.eof()
                gone.set()
                await asyncio.sleep(0.005)

            app = make(log, at, leave, plain)
            with forced(mode):
                connection = MemoryConnection(app)
                connection.feed(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
                while await asyncio.wait_for(connection.read(), PATIENCE_S):
                    pass
            assert gone.is_set() and connection.exceptions == []
            logs.append(log)
        assert logs[0] == logs[1]
        assert logs[1][-1] == "leave 0 done"

    run(main)


@pytest.mark.parametrize("at", POINTS)
def test_a_loop_that_is_closed_leaves_nothing_behind(at: str) -> None:
    """asyncio cancels what still runs, and the exits run then."""
    log: list[str] = []

    async def stay() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        connection = MemoryConnection(make(log, at, stay, True))
        connection.feed(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        while at not in log:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.001)

    run(main)
    gc.collect()
    for name in ("0", "1", "2", "thread"):
        entered = f"enter {name} done" in log or (name == "thread" and "enter thread" in log)
        assert log.count(f"leave {name}") == int(entered), log


@pytest.mark.parametrize("endpoint", ["plain", "async"])
def test_exits_find_a_thread_when_entries_have_taken_all(endpoint: str) -> None:
    """Entries wait for what only an exit gives back."""
    connections = threading.Semaphore(1)
    app = FastAPI()
    log = []

    def connection() -> Iterator[int]:
        assert connections.acquire(timeout=PATIENCE_S)
        try:
            yield 1
        finally:
            connections.release()
            log.append("released")

    if endpoint == "plain":
        def plain(_: Any = Depends(connection)) -> str:
            time.sleep(0.001)
            return "done"

        app.get("/")(plain)
    else:
        async def asynchronous(_: Any = Depends(connection)) -> str:
            await asyncio.sleep(0.001)
            return "done"

        app.get("/")(asynchronous)

    async def main() -> None:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 2
        with forced("none"):
            answers = await asyncio.gather(*(ask(app, Asked("GET", "/")) for _ in range(12)))
        assert [answer.data.rpartition(b"\r\n\r\n")[2] for answer in answers] == [b'"done"'] * 12
        assert all(answer.compiled for answer in answers)

    run(main)
    assert log == ["released"] * 12


@pytest.mark.parametrize("what", ["exit", "plain exit", "background", "plain background"])
def test_the_next_request_does_not_wait_for_what_follows_the_answer(what: str) -> None:
    """It could not end before: the second request's endpoint lets it go on."""
    app = FastAPI()
    go_on = threading.Event()
    log: list[str] = []

    async def wait() -> None:
        while not go_on.is_set():
            await asyncio.sleep(0.001)
        log.append("over")

    def wait_plainly() -> None:
        assert go_on.wait(PATIENCE_S)
        log.append("over")

    async def exits() -> AsyncIterator[None]:
        yield
        await wait()

    def exits_plainly() -> Iterator[None]:
        yield
        wait_plainly()

    if "exit" in what:
        @app.get("/first", dependencies=[Depends(exits if what == "exit" else exits_plainly)])
        def first() -> str:
            return "first"
    else:
        @app.get("/first")
        async def puts_off(tasks: BackgroundTasks) -> str:
            tasks.add_task(wait if what == "background" else wait_plainly)
            return "first"

    @app.get("/second")
    async def second() -> str:
        log.append("second")
        go_on.set()
        return "second"

    async def main() -> None:
        with forced("none"):
            connection = MemoryConnection(app)
            connection.feed(
                b"GET /first HTTP/1.1\r\nHost: t\r\n\r\n"
                b"GET /second HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
            )
            data = b""
            while piece := await asyncio.wait_for(connection.read(), PATIENCE_S):
                data += piece
            assert connection.compiled == 2
        assert data.index(b'"first"') < data.index(b'"second"')
        # The connection has ended when nothing of the application runs for it any more.
        assert log == ["second", "over"]

    run(main)
