"""Starlette's own routes of an application are plans: functions that make a Response of the
Request."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI, bare, listed
from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route
from wire import Request

noted: list[str] = []


class Handled(Exception):
    pass


async def seen(request: Any) -> JSONResponse:
    scope = {name: type(value).__name__ for name, value in sorted(request.scope.items()) if name != "extensions"}
    where = [request.path_params, str(request.url_for("seen", n=3)), request.app.title, scope["endpoint"], request.scope["router"] is request.app.router]
    handlers = [sorted(getattr(key, "__name__", str(key)) for key in one) for one in request.scope["starlette.exception_handlers"]]
    return JSONResponse([scope, where, handlers, (await request.body()).decode()], background=BackgroundTask(noted.append, "task"))


def plain(request: Any) -> PlainTextResponse:
    return PlainTextResponse(request.method + request.url.query, 201, {"x-a": "b"})


async def raises(request: Any) -> Any:
    raise {"http": HTTPException(409, "no"), "handled": Handled("h"), "else": ValueError("e")}[request.path_params["what"]]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("asgi")(scope, receive, send)


async def returns(request: Any) -> Any:
    return {"asgi": asgi, "dict": {"a": 1}, "none": None, "stream": StreamingResponse(iter(["a", "b"]))}[request.path_params["what"]]


async def pushes(request: Any) -> PlainTextResponse:
    request.scope["fastapi_middleware_astack"].callback(noted.append, "left")
    return PlainTextResponse("pushed")


async def form(request: Any) -> JSONResponse:
    return JSONResponse(sorted((await request.form()).items()))


class Endpoint(HTTPEndpoint):
    async def get(self, request: Any) -> PlainTextResponse:
        return PlainTextResponse("endpoint")


class Own(Route):
    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("own")(scope, receive, send)


def make() -> FastAPI:
    noted.clear()
    app = bare(title="title")

    async def handler(request: Any, exc: Exception) -> JSONResponse:
        return JSONResponse([repr(exc), request.url.path, request.scope["endpoint"].__name__], 418)

    app.add_exception_handler(Handled, handler)
    app.add_route("/seen/{n:int}", seen, methods=["GET", "POST"])
    app.add_route("/plain", plain)
    app.add_route("/raises/{what}", raises)
    app.add_route("/returns/{what}", returns)
    app.add_route("/pushes", pushes)
    app.add_route("/form", form, methods=["POST"])
    app.router.routes += [
        Route("/partial", functools.partial(plain)), Route("/endpoint", Endpoint), Own("/own", plain),
        Route("/middleware", plain, middleware=[Middleware(GZipMiddleware)]),
    ]  # fmt: skip
    return app


FORM = (("content-type", "application/x-www-form-urlencoded"),)
ASKED = [
    Request("GET", "/seen/3"), Request("POST", "/seen/3", (), b"content"), Request("GET", "/seen/x"), Request("PUT", "/seen/3"), Request("HEAD", "/seen/3"),
    Request("GET", "/plain?q=1"), Request("POST", "/plain"), Request("HEAD", "/plain"), Request("POST", "/form", FORM, b"a=1&b=2"), Request("GET", "/pushes"),
    *(Request("GET", f"/raises/{what}") for what in ("http", "handled", "else", "none")),
    *(Request("GET", f"/returns/{what}") for what in ("asgi", "dict", "none", "stream")),
    *(Request("GET", f"/{name}") for name in ("partial", "endpoint", "own", "middleware", "plain/")),
]  # fmt: skip


@pytest.mark.parametrize("layers", [False, True], ids=["alone", "behind a layer"])
def test_answers_are_those_of_starlette(layers: bool) -> None:
    found: list[list[tuple[Answer, list[str]]]] = []

    async def main(mode: str) -> None:
        answers = []
        with forced(mode):
            app = make()
            if layers:
                app.middleware("http")(lambda request, call_next: call_next(request))
            for request in ASKED:
                noted.clear()
                answers.append((await ask(app, request), [*noted]))
        found.append(answers)

    run(lambda: main("asgi"))
    run(lambda: main("none"))
    different = [one for one in zip(ASKED, *found, strict=True) if one[1] != one[2]]
    assert not different, different[:2]
    if FASTAPI >= (0, 165):
        left = {request.target for request, (answer, _) in zip(ASKED, found[1], strict=True) if answer.data[9:10] in b"24" and not answer.compiled}
        assert left == {"/own", "/middleware"}


@pytest.mark.skipif(FASTAPI < (0, 165), reason="reasons of the newest version")
def test_those_that_are_left_to_starlette_say_why() -> None:
    said = [line.partition("asgi: ")[2] for line in listed(make()) if "asgi: " in line]
    assert said == [
        "custom route class Own",
        "plain Starlette route whose function is none, or wrapped",
    ]
