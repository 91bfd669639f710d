"""Streaming responses of plans: the same bytes and the same exceptions as inside FastAPI's
layers, which plain streams do not need."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import streams_app
from client import Answer, ask, forced, run, without_date
from declared import FASTAPI, bare
from fastapi import BackgroundTasks, FastAPI, HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from reference import chain
from wire import Request

from fastrapi.compile.seam import Seam
from fastrapi.testclient import MemoryConnection

NAMES = [name for name in streams_app.MAKE if name not in ("endless", "hangs")]


def asked(path: str) -> list[Request]:
    return [Request("GET", target) for name in NAMES for target in (f"{path}/{quote(name)}", "/noted")]


PATHS = ["/async", "/plain", "/task", "/background", "/held", "/threads", "/own-task", "/closes"]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_streamed_is_the_same(path: str) -> None:
    """And so is what reaches the server when an iterator fails."""
    found: list[list[Answer]] = []
    for mode in ("asgi", "none"):
        app = importlib.reload(streams_app).app
        answers: list[Answer] = []

        async def main(mode: str = mode, app: FastAPI = app, answers: list[Answer] = answers) -> None:
            with forced(mode):
                answers += [await ask(app, request) for request in asked(path)]

        run(main)
        found.append(answers)
    different = [one for one in zip(asked(path), *found, strict=True) if one[1] != one[2]]
    assert not different


@pytest.fixture
def layers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of requests that came through the application's layers."""
    seen: list[str] = []
    call = Seam.__call__

    async def note(self: Any, scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await call(self, scope, receive, send)

    monkeypatch.setattr(Seam, "__call__", note)
    return seen


BARE = {"pieces", "waiting", "texts", "plain", "own", "204", "times out"}
LAYERED = {"different", "raises", "custom", "wrong"}


def test_which_streams_need_no_layers(layers: list[str]) -> None:
    if FASTAPI < (0, 165):  # earlier Starlettes treat exceptions otherwise
        return
    app = importlib.reload(streams_app).app

    async def main() -> None:
        for path in ("/async", "/plain", "/task"):
            for name in BARE | LAYERED:
                layers.clear()
                assert (await ask(app, Request("GET", f"{path}/{quote(name)}"))).compiled
                assert (f"{path}/{name}" in layers) == (name in LAYERED), name
        layers.clear()
        await ask(app, Request("GET", "/background/pieces"))
        assert "/background/pieces" not in layers
        assert "background" in streams_app.noted
        # Its content has not come.
        await ask(app, Request("POST", "/async/pieces", body=b"x" * 200_000))
        assert "/async/pieces" not in layers

    run(main)


class Layer:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: Any) -> None:
            seen.append(message["type"])
            await send(message)

        await self.app(scope, receive, noting)


seen: list[str] = []


class Handled(Exception):
    pass


@pytest.mark.parametrize("exc", [ValueError("text"), Handled(), HTTPException(418), asyncio.CancelledError()])
def test_a_background_task_that_raises(exc: BaseException) -> None:
    """What the server learns of it, and where it comes from."""

    async def content() -> AsyncIterator[bytes]:
        yield b"one"

    async def fails(before: str) -> None:
        try:
            raise KeyError(before)
        except KeyError:
            raise exc  # noqa: B904

    async def stream(tasks: BackgroundTasks) -> StreamingResponse:
        tasks.add_task(fails, "before")
        tasks.add_task(seen.append, "never")
        return StreamingResponse(content())

    found: list[Any] = []

    async def main(mode: str) -> None:
        with forced(mode):
            app = bare()
            app.add_exception_handler(Handled, lambda request, exc: JSONResponse("handled"))
            app.get("/", response_model=None)(stream)
            connection = MemoryConnection(app)
            connection.feed(Request("GET", "/").encode())
            data = await connection.read()
            connection.eof()
            while piece := await connection.read():
                data += piece
            found.append((without_date(data), list(map(chain, connection.exceptions))))

    seen.clear()
    run(lambda: main("asgi"))
    run(lambda: main("none"))
    assert found[0] == found[1] and seen == []


def test_middleware_sees_every_message_of_a_stream() -> None:
    app = bare()
    app.add_middleware(Layer)
    app.get("/")(streams_app.from_plain)

    async def content() -> AsyncIterator[bytes]:
        yield b"one"

    async def stream() -> StreamingResponse:
        return StreamingResponse(content())

    app.get("/stream", response_model=None)(stream)
    seen.clear()
    run(lambda: ask(app, Request("GET", "/stream")))  # type: ignore[arg-type, return-value]
    assert seen == ["http.response.start", "http.response.body", "http.response.body"]


@pytest.mark.parametrize("mode", ["asgi", "none"])
@pytest.mark.parametrize("path", ["/async", "/plain", "/task"])
def test_an_iterator_whose_client_leaves_is_cancelled(path: str, mode: str) -> None:
    module = importlib.reload(streams_app)

    async def main() -> None:
        with forced(mode):
            connection = MemoryConnection(module.app)
            connection.feed(Request("GET", f"{path}/endless").encode())
            assert await connection.read()
            connection.eof()
            while await connection.read():
                pass
            assert connection.exceptions == []
        await asyncio.sleep(0)
        assert module.noted == ["CancelledError", "again CancelledError", "finally"]

    run(main)
