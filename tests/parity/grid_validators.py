"""User code inside validation, for the grid: it must run once, in its place, on
the loop's thread and inside the request's task."""

import asyncio
import contextvars
import threading
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Cookie, Depends, Header, HTTPException, Path, Query
from grid_versions import declared
from pydantic import (
    AfterValidator, BaseModel, BeforeValidator, Field, PrivateAttr, WrapValidator, field_validator,
    model_validator,
)  # fmt: skip

router = APIRouter(prefix="/checked")
trail: list[str] = []
seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="unset")


def even(value: int) -> int:
    loop = threading.current_thread() is threading.main_thread() and asyncio.current_task() is not None
    trail.append(f"even {value} {loop}")
    seen.set(str(value))
    if value == 13:
        raise RuntimeError("not a validation error")
    if value == 14:
        raise HTTPException(418, "from a validator")
    if value % 2:
        raise ValueError("odd")
    return value


def first(value: Any) -> Any:
    trail.append(f"before {value!r}")
    return value


def around(value: Any, handler: Any) -> Any:
    trail.append("around")
    return handler(value)


Even = Annotated[int, AfterValidator(even)]
Marked = Annotated[str, BeforeValidator(first), Field(max_length=3)]
Wrapped = Annotated[int, WrapValidator(around)]


class Item(BaseModel):
    size: Even
    name: str = "n"
    _hidden: int = PrivateAttr(default_factory=lambda: trail.append("private") or 1)

    @field_validator("name", mode="before")
    @classmethod
    def trim(cls, name: Any) -> Any:
        return name.strip() if isinstance(name, str) else name

    @model_validator(mode="after")
    def whole(self) -> "Item":
        trail.append("whole")
        if self.name == "bad":
            raise ValueError("bad name")
        return self


class Options(BaseModel):
    limit: Even = 10
    order_by: str = "id"

    def model_post_init(self, _: Any) -> None:
        trail.append("post")


class Fresh(BaseModel):
    key: uuid.UUID
    rest: list[Even] = Field(default_factory=list)


@router.get("/trail")
async def take_trail() -> list[str]:
    taken, trail[:] = list(trail), []
    return taken


@router.get("/path/{v}")
async def path(v: Annotated[Even, Path()]) -> Any:
    return [v, seen.get()]


@router.get("/query")
def query(v: Annotated[Even, Query()], w: Annotated[Marked | None, Query()] = None) -> Any:
    return [v, w, seen.get()]


@router.get("/list")
async def many(v: Annotated[list[Even], Query()] = [2]) -> Any:  # noqa: B006
    return v


@router.get("/header")
async def header(x_v: Annotated[Even, Header()], c: Annotated[Wrapped, Cookie()] = 4) -> Any:
    return [x_v, c]


@router.get("/options")
async def options(o: Annotated[Options, Query()]) -> Any:
    return o


@declared(router.get("/options/optional"))
async def options_optional(o: Annotated[Options | None, Query()] = None) -> Any:
    return o


@router.get("/factory")
async def factory(v: Annotated[int, Query(default_factory=lambda: trail.append("made") or 7)]) -> Any:
    return v


@router.get("/default")
async def default(v: Annotated[Even, Query(validate_default=True)] = 3) -> Any:
    return v


@router.post("/item")
async def item(i: Item) -> Any:
    return i


@router.post("/item/sync")
def item_sync(i: Item) -> Any:
    return [i, seen.get()]


@router.post("/item/embed")
async def item_embed(i: Annotated[Item, Body(embed=True)]) -> Any:
    return i


@router.post("/item/optional")
def item_optional(i: Item | None = None) -> Any:
    return i


@router.post("/fresh")
async def fresh(f: Fresh, n: Annotated[Even, Body()] = 2) -> Any:
    return [f, n]


async def asked(q: Annotated[Even, Query()]) -> int:
    trail.append("asked")
    return q


def asked_sync(q: Annotated[Even, Query()], below: Annotated[int, Depends(asked)]) -> int:
    trail.append("asked sync")
    return q + below


async def always() -> None:
    trail.append("always")


@router.post("/deps", dependencies=[Depends(always)])
async def deps(i: Item, a: Annotated[int, Depends(asked)], b: Annotated[int, Depends(asked_sync)]) -> Any:
    return [i, a, b]


@router.post("/deps/sync", dependencies=[Depends(always)])
def deps_sync(b: Annotated[int, Depends(asked_sync)], i: Item) -> Any:
    return [i, b]


def opened(q: Annotated[Even, Query()]):  # type: ignore[no-untyped-def]
    trail.append("open")
    yield q
    trail.append("close")


@router.post("/deps/yield")
async def deps_yield(q: Annotated[int, Depends(opened)], i: Item) -> Any:
    return [i, q]


@router.api_route("/methods", methods=["GET", "POST"], response_model=Item)
async def methods(v: Annotated[Even, Query()]) -> Any:
    return {"size": "no"} if v == 2 else {"size": v}
