"""A response model's own code runs once for each answer, whatever becomes of it, and errors say
what FastAPI says."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from client import ask, forced, run
from declared import FASTAPI, bare
from fastapi import FastAPI, Request, Response, routing
from fastapi.exceptions import ResponseValidationError
from fastapi.responses import JSONResponse
from passing import LAYERS, compiled_behind
from pydantic import AfterValidator, BaseModel, PlainSerializer, field_validator
from wire import Request as Asked

ran: list[str] = []


def counted(value: int) -> int:
    ran.append(f"validator {value}")
    if value == 2:
        raise ValueError("two")
    if value == 3:
        raise RuntimeError("three")
    return value


def written(value: int) -> int:
    ran.append(f"serialiser {value}")
    if value == 4:
        raise KeyError("four")
    return value


Number = Annotated[int, AfterValidator(counted), PlainSerializer(written)]


class Model(BaseModel):
    number: Number
    other: int = 0

    @field_validator("other")
    @classmethod
    def look(cls, value: int) -> int:
        ran.append(f"other {value}")
        return value


class Alike:
    """Whose attributes the model reads."""

    @property
    def number(self) -> int:
        ran.append("attribute")
        return 2


NAMES = [b"x-one", b"x two", b"x-\xff", b"content-length"]


def application() -> FastAPI:
    app = bare()

    def odd(response: Response, name: int) -> None:
        response.headers.raw.append((NAMES[name], b"5" if name else b"1\n"))

    @app.get("/model/{n}", response_model=Model)
    async def model(n: int, response: Response, name: int = -1) -> Any:
        if name >= 0:
            odd(response, name)
        return {"number": n, "other": n}

    @app.get("/plain/{n}", response_model=Model, status_code=201)
    def plain(n: int, response: Response, name: int = -1) -> Any:
        if name >= 0:
            odd(response, name)
        return {"number": n}

    @app.get("/list/{n}")
    async def several(n: int) -> list[Number]:
        return [1, n, "x"]  # type: ignore[list-item]

    @app.get("/alike", response_model=Model)
    async def alike() -> Any:
        return Alike()

    @app.get("/status/{n}/{status}", response_model=Model)
    async def by_status(n: int, status: int, response: Response) -> Any:
        response.status_code = status
        return {"number": n}

    @app.exception_handler(ResponseValidationError)
    async def invalid(request: Request, exc: ResponseValidationError) -> Response:
        context = getattr(exc, "endpoint_ctx", None)
        shown = [repr(exc.errors()), repr(type(exc.body)), str(exc), repr(context), repr(exc.__context__)]
        return JSONResponse([one.split(" at 0x")[0] for one in shown], 500)

    return app


TARGETS = [
    *(f"/{kind}/{n}{query}" for kind in ("model", "plain") for n in (1, 2, 3, 4)
      for query in ("", "?name=0", "?name=1", "?name=2", "?name=3")),
    "/list/1", "/list/2", "/list/3", "/alike",
    *(f"/status/{n}/{status}" for n in (1, 2) for status in (204, 205, 304, 299, 700)),
]  # fmt: skip


@pytest.mark.skipif(FASTAPI < (0, 130), reason="this version serialises in Python")
@pytest.mark.parametrize("layers", compiled_behind(LAYERS))
def test_the_code_of_a_model_runs_once(layers: str) -> None:
    found: list[list[Any]] = []

    async def main(mode: str) -> None:
        # FastAPI remembers where an endpoint stands by its id(), which may have been another's.
        getattr(routing, "_endpoint_context_cache", {}).clear()
        app = application()
        for layer in LAYERS[layers]:
            app.add_middleware(layer)
        answers: list[Any] = []
        with forced(mode):
            for target in TARGETS:
                ran.clear()
                answer = await ask(app, Asked("GET", target))
                answers.append((target, answer.data, answer.exceptions, list(ran)))
                assert answer.compiled or mode == "asgi", target
        found.append(answers)

    for mode in ("asgi", "none"):
        run(lambda mode=mode: main(mode))  # type: ignore[misc]
    different = [pair for pair in zip(*found, strict=True) if pair[0] != pair[1]]
    assert not different, different[:2]
