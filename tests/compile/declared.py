"""Applications of one route or a few, and what the compiler says of them."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import inspect
import re
from collections.abc import Callable
from typing import Any

import fastapi
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel, PrivateAttr, field_validator

from fastrapi.compile import compile_app
from fastrapi.compile.records import NotCompiled
from fastrapi.compile.report import explain_lines, routes_lines

FASTAPI = tuple(int(part) for part in fastapi.__version__.split(".")[:2])
Build = Callable[[FastAPI], None]


class Color(enum.Enum):
    red = "red"


class Item(BaseModel):
    name: str
    price: float = 1.0


class Checked(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def check(cls, value: str) -> str:
        return value


class Private(BaseModel):
    name: str
    _secret: int = PrivateAttr(default=1)


@dataclasses.dataclass
class Point:
    x: int


class Strange:
    """Copies of it are not it."""

    def __deepcopy__(self, memo: Any) -> Strange:
        return Strange()


async def dependency(q: int = 0) -> int:
    return q


async def waiting(r: Request) -> bytes:
    return await r.body()


def plain_dependency() -> int:
    return 1


async def generator():  # type: ignore[no-untyped-def]
    yield 1


def plain_generator():  # type: ignore[no-untyped-def]
    yield 1


class Callable_:
    async def __call__(self, q: str = "") -> str:
        return q


def endpoint(*annotations: Any, plain: bool = False, **defaults: Any) -> Any:
    """An endpoint with parameters v, w, ... of these annotations."""
    names = [chr(ord("v") + i) for i in range(len(annotations))]

    async def coroutine_(**values: Any) -> Any:
        return "fine"

    def plain_(**values: Any) -> Any:
        return "fine"

    chosen: Any = plain_ if plain else coroutine_
    chosen.__signature__ = inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=defaults.get(name, inspect.Parameter.empty),
            )
            for name, annotation in zip(names, annotations, strict=True)
        ]
    )
    return chosen


def get(*annotations: Any, path: str = "/r", plain: bool = False, **more: Any) -> Build:
    defaults = {name: more.pop(name) for name in ("v", "w") if name in more}

    def build(app: FastAPI) -> None:
        app.get(path, **more)(endpoint(*annotations, plain=plain, **defaults))

    return build


def post(*annotations: Any, **defaults: Any) -> Build:
    return lambda app: app.post("/r")(endpoint(*annotations, **defaults)) and None


def returning(function: Any, **options: Any) -> Build:
    return lambda app: app.get("/r", **options)(function) and None


async def text() -> str:
    return "a"


async def stream():  # type: ignore[no-untyped-def]
    yield "a"


async def sleeps() -> None:
    await asyncio.sleep(0)


def bare(**options: Any) -> FastAPI:
    """An application without documentation pages."""
    return FastAPI(openapi_url=None, **options)


def explained(app: FastAPI, method: str, target: str) -> list[str]:
    return list(explain_lines(compile_app(app), method, target))


def listed(app: FastAPI) -> list[str]:
    """``fastrd routes``, its columns a space apart."""
    return [re.sub(" +", " ", line) for line in routes_lines(compile_app(app))]


def refused(app: Any) -> str:
    with pytest.raises(NotCompiled) as caught:
        compile_app(app)
    return str(caught.value)
