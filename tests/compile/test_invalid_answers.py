"""What is missing or invalid: answered from the values that the plan has read, without a
replay, and with FastAPI's errors."""

from __future__ import annotations

import importlib
from collections import Counter
from typing import Annotated, Any

import fastapi.exception_handlers
import invalid_app
import pytest
from client import ask, forced, run
from declared import FASTAPI, bare
from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from passing import LAYERS, compiled_behind
from pydantic import BaseModel
from wire import Request as Asked

from fastrapi.testclient import MemoryConnection


each_layers = pytest.mark.parametrize("layers", compiled_behind(LAYERS))


@each_layers
@pytest.mark.parametrize("group", invalid_app.GROUPS)
def test_errors_are_those_of_fastapi(group: str, layers: str) -> None:
    asked = list(invalid_app.with_called(invalid_app.GROUPS[group]()))
    found: list[list[Any]] = []
    for mode in ("asgi", "none"):
        app = importlib.reload(invalid_app).app
        for layer in LAYERS[layers]:
            app.add_middleware(layer)
        answers: list[Any] = []

        async def main(mode: str = mode, app: FastAPI = app, answers: list[Any] = answers) -> None:
            with forced(mode):
                answers += [await ask(app, request) for request in asked]

        run(main)
        found.append(answers)
    different = [pair for pair in zip(asked, *found, strict=True) if pair[1] != pair[2]]
    assert not different
    statuses = Counter((one.data[9:12], one.compiled) for one in found[1])
    assert statuses[b"422", True] >= 10 or FASTAPI < (0, 165)


class Named(BaseModel):
    x_token: str


async def reads(request: Request) -> None: ...


async def pure(q: int = 0) -> int:
    return q


async def endpoint(n: int) -> int:
    return n


def plain(n: int) -> int:
    return n


async def header_model(model: Annotated[Named, Header()]) -> None: ...


async def content(names: list[str]) -> None: ...


def application() -> FastAPI:
    app = bare()
    app.get("/async")(endpoint)
    app.get("/plain")(plain)
    app.get("/after", dependencies=[Depends(pure)])(endpoint)
    app.get("/rereads", dependencies=[Depends(reads)])(endpoint)
    app.get("/header-model")(header_model)
    app.post("/content")(content)
    return app


JSON = (("Content-Type", "application/json"),)
COMPILED, REPLAYED = "compiled", "replayed"
# Until FastAPI 0.150 a null is missing content.
CONTENT = COMPILED if FASTAPI > (0, 150) else REPLAYED
WAYS = [
    (Asked("GET", "/async?n=x"), COMPILED),
    (Asked("GET", "/async"), COMPILED),
    (Asked("GET", "/plain?n=x"), COMPILED),
    (Asked("GET", "/after?n=x"), COMPILED),
    (Asked("GET", "/after?q=x"), COMPILED),
    (Asked("POST", "/content", JSON, b"[1]"), CONTENT),
    (Asked("POST", "/content", JSON, b"["), CONTENT),
    (Asked("POST", "/content", JSON, b""), CONTENT),
    # A NaN cannot be in FastAPI's answer.
    (Asked("POST", "/content", JSON, b"[NaN]"), REPLAYED),
    (Asked("POST", "/content", (), b"[1]"), REPLAYED),
    (Asked("POST", "/content", JSON, b"\xff"), REPLAYED),
    # User code may have changed what FastAPI would read.
    (Asked("GET", "/rereads?n=x"), REPLAYED),
    # FastAPI names the header as it was sent.
    (Asked("GET", "/header-model"), COMPILED if FASTAPI >= (0, 165) else REPLAYED),
]


async def way(app: FastAPI, asked: Asked) -> tuple[bytes, str]:
    """(answer, how it ran)"""
    connection = MemoryConnection(app)
    connection.feed(asked.encode())
    data = await connection.read()
    connection.eof()
    while await connection.read():
        pass
    return data, COMPILED if connection.compiled else REPLAYED


@each_layers
@pytest.mark.parametrize(("asked", "how"), WAYS)
def test_how_errors_are_answered(asked: Asked, how: str, layers: str) -> None:
    app = application()
    for layer in LAYERS[layers]:
        app.add_middleware(layer)

    async def main() -> None:
        data, found = await way(app, asked)
        assert (data[9:12] in (b"422", b"400", b"500"), found) == (True, how)

    run(main)


def add_handler(app: FastAPI) -> None:
    async def mine(_request: Any, exc: Any) -> JSONResponse:
        return JSONResponse(["mine", exc.body], 400)

    app.add_exception_handler(RequestValidationError, mine)


def add_handler_of_the_base(app: FastAPI) -> None:
    """FastAPI's own stands for the exception's class, hence before it."""

    async def mine(_request: Any, _exc: Any) -> JSONResponse:
        return JSONResponse("mine", 400)

    app.add_exception_handler(ValueError, mine)


@each_layers
@pytest.mark.parametrize("asked", [asked for asked, how in WAYS if how == COMPILED])
def test_a_handler_of_the_applications_own_gets_the_untouched_request(
    asked: Asked, layers: str
) -> None:
    app = application()
    for layer in LAYERS[layers]:
        app.add_middleware(layer)
    add_handler(app)

    async def main() -> None:
        data, how = await way(app, asked)
        assert how == REPLAYED and b'["mine",' in data

    run(main)


def test_another_handler_changes_nothing() -> None:
    app = application()
    add_handler_of_the_base(app)

    async def main() -> None:
        data, how = await way(app, WAYS[0][0])
        assert how == COMPILED and b"422" in data

    run(main)


def late_handler(app: FastAPI, _patch: pytest.MonkeyPatch) -> None:
    async def mine(_request: Any, _exc: Any) -> JSONResponse:
        return JSONResponse("changed")

    layer: Any = app.middleware_stack
    while not hasattr(layer, "_exception_handlers"):
        layer = layer.app
    layer._exception_handlers[RequestValidationError] = mine


def late_encoder(_app: FastAPI, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fastapi.exception_handlers, "jsonable_encoder", lambda _errors: "changed")


def late_response(_app: FastAPI, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        fastapi.exception_handlers, "JSONResponse", lambda **_: JSONResponse("changed", 422)
    )


@pytest.mark.parametrize("change", [late_handler, late_encoder, late_response])
def test_a_change_takes_effect_with_the_next_request(
    change: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application()

    async def main() -> None:
        data, how = await way(app, WAYS[0][0])
        assert how == COMPILED and b"int_parsing" in data
        change(app, monkeypatch)
        data, how = await way(app, WAYS[0][0])
        assert b"changed" in data and b"int_parsing" not in data

    run(main)
