"""Applications that were served in this process end when nobody else has them."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import weakref
from typing import Any

from fastapi import FastAPI
from fastrapi import EventLoop
from fastrapi.serving import serving_of
from fastrapi.testclient import MemoryConnection
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def look(request: Any, call_next: Any) -> Any:
    return await call_next(request)


def make(n: int) -> FastAPI:
    app = FastAPI()
    if n % 2:
        app.add_middleware(BaseHTTPMiddleware, dispatch=look)

    @app.get("/")
    def root() -> int:
        return n

    return app


async def use(app: Any) -> bytes:
    connection = MemoryConnection(app)
    connection.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    data = b""
    while piece := await connection.read():
        data += piece
    return data


def run(app: Any) -> bytes:
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(use(app))


def test_applications_used_once_are_collected() -> None:
    alive = []
    for n in range(50):
        app = make(n)
        assert run(app).endswith(b"\r\n\r\n%d" % n)
        alive.append(weakref.ref(app))
        del app
    gc.collect()
    assert sum(ref() is not None for ref in alive) == 0


def test_an_application_is_compiled_once() -> None:
    app = make(0)
    run(app)
    serving = serving_of(app)
    run(app)
    assert serving_of(app) is serving
    assert serving.engine.compiled == 2


def test_a_copy_of_a_served_application_is_served_for_itself() -> None:
    app = make(0)
    serving_of(app)
    twin = copy.copy(app)
    assert serving_of(twin) is not serving_of(app)
    assert serving_of(twin).app is twin


class Plain:
    """An ASGI application that can be pickled."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"plain"})


def test_a_served_application_can_be_pickled_as_before() -> None:
    app = Plain()
    run(app)
    assert b"plain" in run(pickle.loads(pickle.dumps(app)))
    assert b"plain" in run(copy.deepcopy(app))


def test_an_application_without_a_dictionary_is_served_all_the_same() -> None:
    assert b"plain" in run(Plain().__call__)


def test_what_is_mounted_is_collected() -> None:
    alive = []
    for _ in range(20):
        app, mounted, plain = make(0), make(1), Starlette(routes=[Route("/", PlainTextResponse("plain"))])
        app.mount("/m", mounted)
        app.mount("/s", plain)
        app.host("other", plain)

        async def ask(app: Any) -> None:
            for target in (b"/m/", b"/m/", b"/s/", b"/"):
                connection = MemoryConnection(app)
                connection.feed(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                while await connection.read():
                    pass

        with asyncio.Runner(loop_factory=EventLoop) as runner:
            runner.run(ask(app))
        alive += [weakref.ref(one) for one in (app, mounted, plain)]
        del app, mounted, plain
    gc.collect()
    assert sum(ref() is not None for ref in alive) == 0
