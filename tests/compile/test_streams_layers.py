"""Streaming responses behind layers of every kind: what the client receives, what reaches the
server and what user code sees are as inside FastAPI's own layers."""

from __future__ import annotations

import asyncio
import gc
import importlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
import streams_app
from client import Answer, ask, forced, run
from declared import FASTAPI
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from passing import Passes
from reference import chain
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from test_streams_answers import layers as layers
from wire import Request as Wire

from fastrapi.testclient import MemoryConnection

pytestmark = pytest.mark.skipif(FASTAPI < (0, 165), reason="no such option")


class Receives(Passes):
    """Gives a receive of its own."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def own() -> Any:
            try:
                return await receive()
            except asyncio.CancelledError:
                streams_app.noted.append("receive is cancelled")
                raise

        await self.app(scope, own, send)


class Newer(Passes):
    """Says that the server has a version of ASGI where Starlette does not listen."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def fails(message: Any) -> None:
            if message.get("body") == b"piece 2\n":
                raise OSError("gone")
            await send(message)

        await self.app({**scope, "asgi": {"version": "3.0", "spec_version": "2.4"}}, receive, fails)


async def passes(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    response.headers["x-dispatch"] = "1"
    return response


async def replaces(request: Request, call_next: Any) -> Response:
    response = await call_next(request)
    inner = response.body_iterator

    async def upper() -> Any:
        async for piece in inner:
            yield piece.upper()

    response.body_iterator = upper()
    return response  # type: ignore[no-any-return]


async def drops(request: Request, call_next: Any) -> Response:
    await call_next(request)
    return PlainTextResponse("instead")


async def reads_first(request: Request, call_next: Any) -> Response:
    response = await call_next(request)
    found = [await anext(response.body_iterator, b"none")]
    streams_app.noted.append(len(found))
    return response  # type: ignore[no-any-return]


async def asks_after(request: Request, call_next: Any) -> Response:
    """The listener has read what the request's content was."""
    response = await call_next(request)
    await asyncio.sleep(0)
    try:
        streams_app.noted.append(await request.body())
    except Exception as exc:
        streams_app.noted.append(repr(exc))
    return response  # type: ignore[no-any-return]


async def reads_before(request: Request, call_next: Any) -> Response:
    streams_app.noted.append(await request.body())
    return await call_next(request)  # type: ignore[no-any-return]


async def other_receive(request: Any, call_next: Any) -> Response:
    """As it is done by those who want to read the content twice."""
    receive = request._receive

    async def own() -> Any:
        return await receive()

    request._receive = own
    return await call_next(request)  # type: ignore[no-any-return]


def dispatch(*functions: Any) -> Callable[[Any], None]:
    def add(app: Any) -> None:
        for function in functions:
            app.add_middleware(BaseHTTPMiddleware, dispatch=function)

    return add


def natives(app: Any) -> None:
    app.add_middleware(GZipMiddleware, minimum_size=1)
    app.add_middleware(SessionMiddleware, secret_key="s")
    app.add_middleware(CORSMiddleware, allow_origins=["*"])


def between(app: Any) -> None:
    app.add_middleware(Passes)
    natives(app)
    app.add_middleware(BaseHTTPMiddleware, dispatch=passes)


KINDS: dict[str, Callable[[Any], None]] = {
    "natives": natives,
    "gzip": lambda app: app.add_middleware(GZipMiddleware, minimum_size=1),
    "cors": lambda app: app.add_middleware(CORSMiddleware, allow_origins=["*"]),
    "asgi": lambda app: app.add_middleware(Passes),
    "receives": lambda app: app.add_middleware(Receives),
    "newer": lambda app: app.add_middleware(Newer),
    "dispatch": dispatch(passes),
    "two": dispatch(passes, passes),
    "three": dispatch(passes, replaces, passes),
    "replaces": dispatch(replaces),
    "drops": dispatch(drops),
    "reads first": dispatch(reads_first),
    "asks after": dispatch(asks_after),
    "reads before": dispatch(reads_before),
    "other receive": dispatch(other_receive),
    "between": between,
}
# FastAPI's own layers have nothing to do for these, whatever stands around.
PLAIN = ["pieces", "waiting", "texts", "plain", "list", "own", "none", "204", "times out", "sets"]
# What of the content has come is a race in dispatch layers, and what the tasks of a group
# see when one of them fails.
RACED = {"raises", "http", "custom", "plain raises", "group", "chained", "wrong", "short", "long", "exits",
         "cancels itself", "raises first", "custom first", "bad field", "plain next", "no next", "no iterator"}  # fmt: skip
EXACT = {"natives", "gzip", "cors", "asgi", "receives", "newer"}
PATHS = ["/async", "/plain", "/held", "/own-task", "/closes"]
FIELDS = (("Accept-Encoding", "gzip"), ("Origin", "https://a.example"))


def make(kind: str) -> FastAPI:
    app: FastAPI = importlib.reload(streams_app).app
    KINDS[kind](app)
    return app


async def answers(kind: str, mode: str, targets: list[str]) -> list[tuple[Answer, list[Any]]]:
    found: list[tuple[Answer, list[Any]]] = []
    with forced(mode):
        app = make(kind)
        for target in targets:
            streams_app.noted.clear()
            answer = await asyncio.wait_for(ask(app, Wire("GET", target, FIELDS)), 30)
            await asyncio.sleep(0.01)
            found.append((answer, [*streams_app.noted, streams_app.variable.get()]))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_streamed_is_the_same(kind: str) -> None:
    names = [name for name in streams_app.MAKE if name not in ("endless", "hangs")]
    if kind not in EXACT:
        names = [name for name in names if name not in RACED]
    targets = [f"{path}/{quote(name)}" for path in PATHS for name in names]
    targets += [f"/held/pieces?fails={name}" for name in ("custom", "value", "http")]
    found: list[list[tuple[Answer, list[Any]]]] = []

    async def main() -> None:
        for mode in ("asgi", "none"):
            found.append(await answers(kind, mode, targets))

    run(main)
    different = [one for one in zip(targets, *found, strict=True) if one[1] != one[2]]
    assert not different, (len(different), different[:2])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "newer"])
def test_no_stream_needs_fastapis_layers(kind: str, layers: list[str]) -> None:
    async def main() -> None:
        app = make(kind)
        for path in ("/async", "/plain", "/task", "/held", "/threads", "/background"):
            for name in PLAIN if kind not in ("replaces", "three") else PLAIN[:2]:
                answer = await ask(app, Wire("GET", f"{path}/{quote(name)}", FIELDS))
                assert answer.compiled
        assert layers == []

    run(main)


async def left(kind: str, mode: str, target: str) -> tuple[list[Any], list[Any]]:
    """What user code has seen, and the server, when a client has left in a stream."""
    with forced(mode):
        app = make(kind)
        connection = MemoryConnection(app)
        connection.feed(Wire("GET", target, FIELDS).encode())
        assert await connection.read()
        connection.eof()
        while await connection.read():
            pass
        for _ in range(200):
            await asyncio.sleep(0.001)
            if {"finally", "polled", "exit held, held"} & set(streams_app.noted):
                break
        # A stream that is cancelled in send() leaves its iterator to the garbage collector.
        gc.collect()
        await asyncio.sleep(0.01)
    return [*streams_app.noted], list(map(chain, connection.exceptions))


LEFT = [(kind, f"{path}/hangs") for kind in KINDS if kind not in ("newer", "drops") for path in ("/async", "/plain", "/held")]
# Where in its turns an iterator is cancelled depends on the turns that layers take.
LEFT += [(kind, target) for kind in KINDS if kind in EXACT and kind != "newer" for target in ("/async/endless", "/held/endless", "/polls/x")]


@pytest.mark.parametrize(("kind", "target"), LEFT)
def test_a_client_that_leaves_ends_the_iterator(kind: str, target: str) -> None:
    found: list[tuple[list[Any], list[Any]]] = []

    async def main() -> None:
        for mode in ("asgi", "none"):
            found.append(await left(kind, mode, target))

    run(main)
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", KINDS)
def test_streams_beside_each_other(kind: str) -> None:
    found: list[list[Answer]] = []

    async def main() -> None:
        for mode in ("asgi", "none"):
            with forced(mode):
                app = make(kind)
                asked = [Wire("GET", f"{path}/waiting", FIELDS) for path in ("/async", "/held", "/plain") for _ in range(5)]
                found.append(await asyncio.gather(*(ask(app, request) for request in asked)))

    run(main)
    assert found[0] == found[1]
