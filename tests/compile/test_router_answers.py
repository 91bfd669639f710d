"""Requests that no route takes: which ones are answered without the application's layers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import fastapi.exception_handlers
import passing
import pytest
import starlette.routing
from client import forced, run, without_date
from declared import FASTAPI, bare
from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Host, Mount, Route
from wire import Request

from fastrapi.compile.dialect import STACKS_IN_SCOPE
from fastrapi.testclient import MemoryConnection

Change = Callable[[FastAPI], None]


async def endpoint() -> str:
    return "endpoint"


async def ask(app: FastAPI, method: str, target: str) -> tuple[bytes, str]:
    """(the answer, how it ran)"""
    connection = MemoryConnection(app)
    connection.feed(Request(method, target, (("Connection", "close"),)).encode())
    data = b""
    while piece := await connection.read():
        data += piece
    how = "compiled" if connection.compiled else next(iter(connection.reasons), "by its layers")
    return without_date(data), how


LAYERS = {
    **passing.LAYERS,
    "both": [passing.Passes, passing.Dispatches],
    "native": [GZipMiddleware, CORSMiddleware, passing.Passes],
}
each_layers = pytest.mark.parametrize("layers", passing.compiled_behind(LAYERS))


def application(layers: str = "alone") -> FastAPI:
    app = bare()
    for layer in LAYERS[layers]:
        app.add_middleware(layer)
    app.get("/get")(endpoint)
    app.put("/slash/")(endpoint)
    inner = APIRouter()
    inner.api_route("/inner/{n:int}", methods=["POST", "PUT", "PATCH"])(endpoint)
    app.include_router(inner, prefix="/in")
    app.router.routes.append(Route("/starlette", endpoint, methods=["POST"]))
    app.router.routes.append(Mount("/sub", bare()))
    return app


ASKED = [
    ("GET", "/nowhere"), ("HEAD", "/nowhere"), ("OPTIONS", "/"), ("POST", "/get"), ("HEAD", "/get"),
    ("GET", "/in/inner/7"), ("GET", "/starlette"), ("GET", "/slash"), ("GET", "/get/"), ("GET", "/sub"),
    ("GET", "/in/inner/7/?a=b"),
]  # fmt: skip


def both(app: FastAPI, method: str, target: str) -> tuple[bytes, str]:
    """(the answer, how it ran) of the application, having made sure that the answer is
    FastAPI's."""
    found: list[tuple[bytes, str]] = []

    async def main() -> None:
        found.append(await ask(app, method, target))
        del app.__dict__["_fastrapi_serving"]
        with forced("asgi"):
            found.append(await ask(app, method, target))
        del app.__dict__["_fastrapi_serving"]

    run(main)
    assert found[0][0] == found[1][0] and found[1][1] != "compiled"
    return found[0]


@each_layers
@pytest.mark.parametrize(("method", "target"), ASKED)
def test_what_no_route_takes_is_answered_by_the_table(
    layers: str, method: str, target: str
) -> None:
    data, how = both(application(layers), method, target)
    # What a route that is not FastAPI's leaves in the scope is not known.
    assert how == "compiled" or (layers != "alone" and target == "/starlette")
    assert data[9:12] in (b"404", b"405", b"307")


def handler(status: Any) -> Change:
    async def mine(_request: Any, exc: Any) -> JSONResponse:
        return JSONResponse(["mine", exc.status_code])

    return lambda app: app.add_exception_handler(status, mine)


def default(app: FastAPI) -> None:
    async def nothing(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("nothing")(scope, receive, send)

    app.router.default = nothing


def host(app: FastAPI) -> None:
    app.router.routes.append(Host("other", bare()))


class Slow(APIRoute):
    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await super().handle(scope, receive, send)


def custom(app: FastAPI) -> None:
    router = APIRouter(route_class=Slow)
    router.put("/custom")(endpoint)
    app.include_router(router)


@pytest.mark.parametrize(
    ("change", "method", "target"),
    [
        (handler(404), "GET", "/nowhere"),
        (handler(405), "POST", "/get"),
        (handler(HTTPException), "POST", "/get"),
        (handler(HTTPException), "GET", "/nowhere"),
        (default, "GET", "/nowhere"),
        (custom, "GET", "/custom"),
    ],
)
@each_layers
def test_what_the_application_answers_itself_is_left_to_it(
    layers: str, change: Change, method: str, target: str
) -> None:
    app = application(layers)
    change(app)
    assert both(app, method, target)[1] != "compiled"


@pytest.mark.parametrize(
    ("change", "method", "target"),
    [
        (handler(404), "POST", "/get"),
        (handler(405), "GET", "/nowhere"),
        (handler(HTTPException), "GET", "/slash"),
        (default, "POST", "/get"),
        (host, "GET", "/nowhere"),
        (custom, "GET", "/nowhere"),
    ],
)
@each_layers
def test_what_it_does_not_is_not(layers: str, change: Change, method: str, target: str) -> None:
    app = application(layers)
    change(app)
    assert both(app, method, target)[1] == "compiled"


def test_middleware_of_the_applications_own_sees_every_request() -> None:
    app, seen = application(), []

    class Sees:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            seen.append(scope["path"])
            await self.app(scope, receive, send)

    app.add_middleware(Sees)
    assert (both(app, "GET", "/nowhere")[1] == "compiled") == STACKS_IN_SCOPE
    assert seen == ["/nowhere"] * 2


def test_a_frontend_has_what_is_left(tmp_path: Any) -> None:
    if not hasattr(FastAPI, "frontend"):
        return
    (tmp_path / "index.html").write_text("front")
    app = application()
    app.frontend("/", directory=tmp_path)
    data, how = both(app, "GET", "/index.html")
    assert data.endswith(b"front")
    hows = {how, both(app, "POST", "/get")[1]}
    assert hows == {"compiled"} or FASTAPI < (0, 165)


def late_handler(app: FastAPI) -> None:
    async def mine(_request: Any, _exc: Any) -> JSONResponse:
        return JSONResponse("changed")

    layer = app.middleware_stack
    while not hasattr(layer, "_exception_handlers"):
        layer = layer.app  # type: ignore[union-attr]
    layer._exception_handlers[HTTPException] = mine


def late_redirect(app: FastAPI) -> None:
    app.router.redirect_slashes = False
    app.router.default = lambda *asgi: JSONResponse("changed")(*asgi)


def late_default(app: FastAPI) -> None:
    app.router.default = lambda *asgi: JSONResponse("changed")(*asgi)


def late_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handle(_self: Any, *asgi: Any) -> None:
        await JSONResponse("changed")(*asgi)

    monkeypatch.setattr(starlette.routing.Route, "handle", handle)


def late_response(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        fastapi.exception_handlers, "JSONResponse", lambda *_args, **_: JSONResponse("changed")
    )


@pytest.mark.parametrize(
    ("change", "method", "target"),
    [
        (late_handler, "GET", "/nowhere"),
        (late_handler, "POST", "/get"),
        (late_default, "GET", "/nowhere"),
        (late_redirect, "GET", "/slash"),
        (late_patch, "POST", "/get"),
        (late_response, "GET", "/nowhere"),
        (late_response, "POST", "/get"),
    ],
)
@each_layers
def test_a_change_takes_effect_with_the_next_request(
    layers: str, change: Callable[[Any], None], method: str, target: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    app = application(layers)

    async def main() -> None:
        data, how = await ask(app, method, target)
        assert how == "compiled" and b"changed" not in data
        change(monkeypatch if change in (late_patch, late_response) else app)
        data, how = await ask(app, method, target)
        assert json.loads(data.partition(b"\r\n\r\n")[2]) == "changed"

    run(main)
