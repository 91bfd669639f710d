"""Exceptions that plans answer as FastAPI's own handlers do: which they are, and that their
answers are those of FastAPI."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import fastapi.exception_handlers
import pytest
import raised_app
import starlette.exceptions
from client import Answer, ask, forced, run
from declared import bare
from fastapi import Depends, FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from passing import LAYERS
from starlette.middleware import Middleware
from wire import Request

from fastrapi.compile import answers
from fastrapi.compile.seam import Resume


def asking(path: str, n: int) -> Request:
    if path == "/model":
        json = (("Content-Type", "application/json"),)
        return Request("POST", path, json, b'{"n": %d}' % n)
    return Request("GET", f"{path}?n={n}")


def both(app: FastAPI, asked: list[Request]) -> list[tuple[Answer, Answer]]:
    """For each FastAPI's answer and the plan's."""
    found: list[list[Answer]] = [[], []]

    async def main() -> None:
        for mode, taken in zip(("asgi", "none"), found, strict=True):
            app.__dict__.pop("_fastrapi_serving", None)
            with forced(mode):
                taken += [await ask(app, request) for request in asked]
        app.__dict__.pop("_fastrapi_serving")

    run(main)
    return list(zip(*found, strict=True))


@pytest.fixture(params=LAYERS)
def app(request: pytest.FixtureRequest) -> Iterator[FastAPI]:
    """The parity tests' application, behind a layer."""
    app = raised_app.app
    app.middleware_stack = None
    app.user_middleware[:] = [Middleware(layer) for layer in LAYERS[request.param]]
    yield app
    app.user_middleware.clear()
    app.middleware_stack = None


@pytest.mark.parametrize("path", raised_app.PATHS)
def test_answers_are_those_of_fastapi(path: str, app: FastAPI) -> None:
    """Those of a status or a field that no server can send, too, and what reaches the
    server in the place of an answer."""
    asked = [asking(path, n) for n in range(len(raised_app.RAISED))]
    different = [
        (request, *pair)
        for request, pair in zip(asked, both(app, asked), strict=True)
        if pair[0] != pair[1]
    ]
    assert not different


def test_an_answer_that_user_code_has_begun_stays_the_only_one(app: FastAPI) -> None:
    asked = [asking("/started", n) for n in range(8)]
    for expected, found in both(app, asked):
        assert found.data == expected.data


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names what of Python an answer took: the application's ``layers``, or FastAPI's
    ``handler``."""
    seen: list[str] = []
    resume, handled = Resume.__call__, answers._handled

    def note_resume(self: Any, *asgi: Any) -> Any:
        seen.append("layers")
        return resume(self, *asgi)

    def note_handled(handler: Any, exc: Any) -> Any:
        # Those two are made when the application is bound.
        if getattr(exc, "detail", None) not in ("Not Found", "Method Not Allowed"):
            seen.append("handler")
        return handled(handler, exc)

    monkeypatch.setattr(Resume, "__call__", note_resume)
    monkeypatch.setattr(answers, "_handled", note_handled)
    return seen


class Mine(HTTPException):
    pass


class Custom(Exception):
    pass


async def mine(_request: Any, _exc: Any) -> JSONResponse:
    return JSONResponse("mine")


RAISED: list[tuple[Any, list[str]]] = [
    (lambda: HTTPException(404, "text"), []),
    (lambda: starlette.exceptions.HTTPException(503), []),
    (lambda: HTTPException(404, "text", {"X-A": "b"}), ["handler"]),
    (lambda: HTTPException(404, {"a": 1}), ["handler"]),
    (lambda: HTTPException(204), ["handler"]),
    (lambda: RequestValidationError([{"loc": ("a",)}]), []),
    (lambda: RequestValidationError([{"input": {1}}]), ["handler"]),
    (lambda: Mine(404, "text"), []),
    (lambda: HTTPException(406), ["layers"]),
    (lambda: Custom(), ["layers"]),
    (lambda: ValueError("text"), ["layers"]),
    (lambda: HTTPException(205), ["handler", "layers"]),
    (lambda: HTTPException(404, float("nan")), ["handler", "layers"]),
]


def application(raised: Callable[[], Exception]) -> FastAPI:
    app = bare()
    app.add_exception_handler(406, mine)
    app.add_exception_handler(Custom, mine)

    async def fail() -> None:
        raise raised()

    def plain_fail() -> None:
        raise raised()

    app.get("/async")(fail)
    app.get("/plain")(plain_fail)

    async def dependant() -> None: ...

    app.get("/dependency", dependencies=[Depends(plain_fail)])(dependant)
    return app


@pytest.mark.parametrize("path", ["/async", "/plain", "/dependency"])
@pytest.mark.parametrize(("raised", "steps"), RAISED)
def test_what_of_python_an_answer_takes(
    calls: list[str], raised: Callable[[], Exception], steps: list[str], path: str
) -> None:
    found, expected = both(application(raised), [Request("GET", path)])[0]
    assert found == expected
    assert calls == steps


def late_class(app: FastAPI, _patch: pytest.MonkeyPatch) -> None:
    layer: Any = app.middleware_stack
    while not hasattr(layer, "_exception_handlers"):
        layer = layer.app
    layer._exception_handlers[Mine] = mine


def late_status(app: FastAPI, _patch: pytest.MonkeyPatch) -> None:
    layer: Any = app.middleware_stack
    while not hasattr(layer, "_status_handlers"):
        layer = layer.app
    layer._status_handlers[404] = mine


def late_response(_app: FastAPI, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        fastapi.exception_handlers, "JSONResponse", lambda *_args, **_: JSONResponse("mine")
    )


@pytest.mark.parametrize("change", [late_class, late_status, late_response])
def test_a_change_takes_effect_with_the_next_request(
    change: Callable[[FastAPI, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = application(lambda: Mine(404, "text"))

    async def main() -> None:
        assert (await ask(app, Request("GET", "/async"))).data.endswith(b'{"detail":"text"}')
        change(app, monkeypatch)
        assert (await ask(app, Request("GET", "/async"))).data.endswith(b'"mine"')

    run(main)
