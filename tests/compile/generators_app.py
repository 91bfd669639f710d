"""Endpoints that are generator functions, of every kind that FastAPI streams; ``noted`` says
what they, their dependencies and their background tasks have seen."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel

noted: list[Any] = []
variable = contextvars.ContextVar("variable", default="unset")


class Item(BaseModel):
    n: int
    text: str = "\xe9\u20ac"
    ratio: float | None = None


class Custom(Exception):
    pass


async def custom(_request: Request, exc: Custom) -> JSONResponse:
    return JSONResponse({"custom": str(exc)}, 418)


async def resource() -> AsyncIterator[str]:
    noted.append("enter")
    try:
        yield "resource"
    except BaseException as exc:
        noted.append(type(exc).__name__)
        raise
    finally:
        noted.append("exit")


async def refuses() -> None:
    raise HTTPException(403, "not you")


Resource = Annotated[str, Depends(resource)]


async def items(n: int = 3, fails: int = -1) -> AsyncIterable[Item]:
    variable.set("endpoint's")
    for i in range(n):
        if i == fails:
            raise Custom("late")
        await asyncio.sleep(0)
        yield Item(n=i)


def plain_items(n: int = 3, fails: int = -1) -> Iterable[Item]:
    for i in range(n):
        if i == fails:
            raise Custom("late")
        yield {"n": i, "more": 1}  # type: ignore[misc]


async def anything(held: Resource) -> AsyncIterator[Any]:
    yield held
    yield {"nan": float("nan"), "b": {1, 2}}
    yield Item(n=1)
    yield None


async def invalid() -> AsyncIterable[Item]:
    yield {"n": "x"}  # type: ignore[misc]


async def marks(response: Response, tasks: BackgroundTasks, held: Resource) -> None:
    response.headers["X-Held"] = held
    response.set_cookie("c", "1")
    response.status_code = 207
    tasks.add_task(noted.append, "background")


async def everything(request: Request, response: Response, held: Resource, _: Annotated[None, Depends(marks)]) -> AsyncIterable[str]:
    response.headers["X-Late"] = "1"
    yield request.url.path
    noted.append("ends")
    yield variable.get()


async def of_form(name: Annotated[str, Form()], request: Request) -> AsyncIterable[str]:
    yield name
    yield str(sorted(await request.form()))


async def of_content(item: Item, request: Request) -> AsyncIterable[Any]:
    yield item
    yield (await request.body()).decode()


async def forbidden(_: Annotated[None, Depends(refuses)], held: Resource) -> AsyncIterable[str]:
    yield held


async def endless(held: Resource) -> AsyncIterable[str]:
    try:
        while True:
            yield held * 2000
            await asyncio.sleep(0)
    finally:
        noted.append("ends")


async def events() -> AsyncIterator[Any]:
    yield ServerSentEvent(data={"a": float("inf")}, event="e", id="1", retry=5, comment="c")
    yield ServerSentEvent(raw_data="two\nlines")
    yield ServerSentEvent(data=Item(n=1))
    yield ServerSentEvent(comment="only")
    yield {"plain": 1}


def plain_events() -> Iterator[Any]:
    yield ServerSentEvent(data="x")
    yield "y"


async def slow(held: Resource) -> AsyncIterable[int]:
    yield 1
    await asyncio.sleep(0.15)
    yield 2


async def pieces() -> AsyncIterator[Any]:
    yield b"one "
    yield "two \xe9"


def plain_pieces() -> Iterator[Any]:
    yield "a"
    yield b"b"


def no_generator() -> list[int]:
    noted.append("called")
    return [1, 2]


class Text(StreamingResponse):
    media_type = "text/own"


LINES = {"items": items, "plain_items": plain_items, "anything": anything, "invalid": invalid,
         "everything": everything, "forbidden": forbidden}  # fmt: skip
EVENTS = {**LINES, "events": events, "plain_events": plain_events, "no_generator": no_generator, "slow": slow}
PIECES = {"pieces": pieces, "plain_pieces": plain_pieces, "everything": everything}


def make(**options: Any) -> FastAPI:
    """The application; ``/lines``, ``/events``, ``/pieces`` and so on are ways to stream."""
    noted.clear()
    app = FastAPI(openapi_url=None, **options)
    app.add_exception_handler(Custom, custom)
    for name, function in LINES.items():
        app.get(f"/lines/{name}")(function)
    for name, function in EVENTS.items():
        app.get(f"/events/{name}", response_class=EventSourceResponse)(function)
    for name, function in PIECES.items():
        app.get(f"/pieces/{name}", response_class=StreamingResponse)(function)
        app.get(f"/own/{name}", response_class=Text, status_code=206)(function)
        app.get(f"/html/{name}", response_class=HTMLResponse)(function)
    for kind, response in (("lines", None), ("events", EventSourceResponse)):
        more: dict[str, Any] = {} if response is None else {"response_class": response}
        app.post(f"/{kind}/form", **more)(of_form)
        app.post(f"/{kind}/content", **more)(of_content)
        app.get(f"/{kind}/endless", **more)(endless)
        app.get(f"/{kind}/exclude", response_model_exclude_none=True, **more)(items)
    return app


TARGETS = [
    *(f"/lines/{name}" for name in LINES), *(f"/events/{name}" for name in EVENTS),
    *(f"/{kind}/{name}" for kind in ("pieces", "own", "html") for name in PIECES),
    "/lines/items?n=x", "/lines/items?n=0", "/lines/items?fails=0", "/lines/items?fails=2", "/lines/plain_items?fails=1",
    "/events/items?n=x", "/events/items?n=0", "/events/items?n=300", "/events/exclude", "/lines/exclude", "/lines/items?n=300",
]  # fmt: skip
