"""Layers whose code runs in the middle of the engine's, and takes away or calls what is in use; and
cycles through the engine's objects that only the garbage collector ends."""

from __future__ import annotations

import asyncio
import gc
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Form, Request, Response
from fastapi.responses import FileResponse
from fastrapi import EventLoop
from fastrapi.testclient import MemoryConnection
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
START = {"type": "http.response.start", "status": 200, "headers": []}


def answer_of(app: Any, request: bytes = REQUEST) -> bytes:
    async def main() -> bytes:
        connection = MemoryConnection(app)
        connection.feed(request)
        answer = b""
        while got := await connection.read():
            answer += got
        gc.collect()  # what that wakes finds the loop
        return answer

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(main())


class Layer:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def test_what_waits_for_content_is_called_while_it_runs() -> None:
    notes: list[str] = []
    received: list[Any] = []

    class Outer(Layer):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def own() -> Any:
                try:
                    received[0].cr_await.throw(RuntimeError("within"))
                except ValueError as exc:
                    notes.append(str(exc))
                return await receive()

            await self.app(scope, own, send)

    class Dispatch(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            return await call_next(request)

    class Inner(Layer):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            received.append(receive())
            notes.append((await received[0])["type"])
            await self.app(scope, receive, send)

    app = FastAPI()
    app.add_middleware(Inner)
    app.add_middleware(Dispatch)
    app.add_middleware(Outer)

    @app.get("/")
    async def endpoint() -> str:
        return "answer"

    assert answer_of(app).endswith(b'"answer"')
    assert notes == ["coroutine already executing", "http.request"]


def test_who_waits_for_the_work_of_a_layer_is_collected() -> None:
    held: list[weakref.ref[Any]] = []

    class Held:
        parts: Any = None

        def __call__(self, future: Any) -> None: ...

    class Inner(Layer):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send(START)
            first = send({"type": "http.response.body", "body": b"long " * 200_000, "more_body": True})
            second = send({"type": "http.response.body"})
            first.send(None)
            future = second.send(None)
            owner = Held()
            owner.parts = first, second, future
            future.add_done_callback(owner)
            held.append(weakref.ref(owner))

    app = FastAPI()
    app.add_middleware(Inner)
    app.add_middleware(GZipMiddleware)
    app.add_middleware(Layer)
    answer_of(app)
    assert [ref() for ref in held] == [None]


@pytest.mark.parametrize("kept", ["background", "response", "request"])
def test_a_run_that_what_it_has_made_refers_to_is_collected(kept: str) -> None:
    """It waits for nothing, and nobody else knows it."""
    held: list[weakref.ref[Any]] = []
    made: list[Any] = []

    class Held:
        run: Any = None

        def __call__(self) -> None: ...

    @types.coroutine
    def waits() -> Iterator[None]:
        yield

    class Inner(Layer):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            run = self.app(scope, receive, send).__await__()
            run.send(None)
            made.pop().run = run

    app = FastAPI()
    app.add_middleware(Inner)

    @app.get("/")
    async def endpoint(request: Request, response: Response, background: BackgroundTasks) -> None:
        owner: Any = Held()
        made.append(owner)
        held.append(weakref.ref(owner))
        if kept == "background":
            background.add_task(owner)
        else:
            {"response": response, "request": request}[kept].__dict__["owner"] = owner
        del owner
        await waits()

    answer_of(app)
    assert [ref() for ref in held] == [None]


def test_a_response_that_drops_its_fields_when_it_is_looked_at() -> None:
    class Headers:
        def __init__(self, response: FileResponse) -> None:
            self.members = response.__dict__

        @property
        def _list(self) -> Any:
            return self.members.pop("raw_headers")

    app = FastAPI()

    @app.get("/")
    async def endpoint() -> FileResponse:
        response = FileResponse(Path(__file__))
        response._headers = Headers(response)  # type: ignore[assignment]
        return response

    assert answer_of(app).startswith(b"HTTP/1.1 ")


def test_a_dependency_that_drops_the_fields_of_the_request() -> None:
    """The Request that is made afterwards knows all the same that the form was read."""
    scopes: list[Any] = []
    others: list[bytes] = []
    consumed: list[bool] = []

    class Keeping(Layer):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scopes.append(scope)
            await self.app(scope, receive, send)

    async def drops() -> None:
        scopes[0]["headers"].clear()
        others.extend(b"%012d" % i for i in range(2000))

    app = FastAPI()
    app.add_middleware(Keeping)

    @app.post("/", dependencies=[Depends(drops)])
    async def endpoint(request: Request, word: str = Form()) -> str:
        consumed.append(request._stream_consumed)
        return word

    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\nConnection: close\r\n\r\nword=w"
    assert answer_of(app, b"POST / HTTP/1.1\r\nHost: a\r\n" + form).endswith(b'"w"')
    assert consumed == [True]
