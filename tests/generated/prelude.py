"""What every generated application has at hand: `from prelude import *`.

All of its functions note that they ran, in the file $SHOP_DATABASE.notes.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from enum import Enum
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

import anyio
from fastapi import (APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, File, Form, Header,
                     HTTPException, Path, Query, Request, Response, Security, UploadFile)
from fastapi.exceptions import RequestValidationError
from fastapi.responses import *
from fastapi.routing import APIRoute
from fastapi.security import APIKeyHeader, HTTPBasic, OAuth2PasswordBearer, SecurityScopes
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles
from pydantic import AliasChoices, BaseModel, Field, field_validator
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Host, Mount, Route

HERE = FilePath(__file__).parent
NOTES = os.open(os.environ["SHOP_DATABASE"] + ".notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def note(what: str) -> None:
    os.write(NOTES, f"{what}\n".encode())


class Refused(Exception):
    pass


class Teapot(HTTPException):
    pass


ERRORS = {
    "http": lambda: HTTPException(409, "conflict", {"X-Why": "http"}), "plain": lambda: StarletteHTTPException(404),
    "teapot": lambda: Teapot(418, {"tea": ["pot"]}), "refused": lambda: Refused("refused"),
    "value": lambda: ValueError("value"), "key": lambda: KeyError("key"),
}


def perhaps(fail: str | None, where: str) -> None:
    """Raise what the client asked for, where it asked for it: ?fail=WHERE.WHAT"""
    if fail and fail.partition(".")[0] == where:
        note(f"{where} raises")
        raise ERRORS[fail.partition(".")[2]]()


Fail = Annotated[str | None, Query()]


class Inner(BaseModel):
    weight: float = Field(default=1.0, ge=0)
    tags: list[str] = []


class Item(BaseModel):
    name: str = Field(min_length=1, max_length=20)
    price: float | None = None
    inner: Inner = Inner()


class Checked(BaseModel):
    name: str
    secret: str = "hidden"

    @field_validator("name")
    @classmethod
    def title(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("a bad name")
        return value.title()


class Shown(BaseModel):
    name: str


class Filters(BaseModel):
    limit: int = Field(10, gt=0, le=100)
    order: str = "name"
    tag: list[str] = []


class Seen(BaseModel):
    x_one: str = "none"
    user_agent: str | None = None


class Filled(BaseModel):
    name: str
    price: float = Field(1, ge=0)
    tags: list[str] = []


class Colour(Enum):
    red = "red"
    blue = "blue"


class Tagged(APIRoute):
    """Changes only what the documentation says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["tags"] = [*(kwargs.get("tags") or []), "tagged"]
        super().__init__(*args, **kwargs)


class Wrapped(APIRoute):
    def get_route_handler(self) -> Any:
        handler = super().get_route_handler()

        async def wrapped(request: Request) -> Response:
            note("wrapped in")
            response = await handler(request)
            response.headers["X-Wrapped"] = "yes"
            return response

        return wrapped


oauth2 = OAuth2PasswordBearer("token", auto_error=False)
key = APIKeyHeader(name="X-Key")
basic = HTTPBasic(auto_error=False)


class Adds:
    """A plain ASGI middleware that adds a field."""

    def __init__(self, app: Any, name: str) -> None:
        self.app, self.name = app, name

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        note(f"{self.name} in {scope['method']} {scope['path']}")

        async def adding(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-" + self.name.encode(), b"added")]
            elif message["type"] == "http.response.body" and not message.get("more_body"):
                note(f"{self.name} sends the end")
            await send(message)

        try:
            await self.app(scope, receive, adding)
        except Exception as exc:
            note(f"{self.name} sees {type(exc).__name__}")
            raise
        note(f"{self.name} out")


class Passes:
    """A plain ASGI middleware that changes nothing."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Answers:
    """A plain ASGI middleware that answers some paths, and puts something into the state."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/answered":
            return await PlainTextResponse("answered by a layer")(scope, receive, send)
        scope.setdefault("state", {})["layer"] = "answers"
        await self.app(scope, receive, send)


class Times(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        note("times in")
        request.state.timed = 1
        response = await call_next(request)
        response.headers["X-Time"] = "1"
        note(f"times out {response.status_code}")
        return response


class Reads(BaseHTTPMiddleware):
    """Reads what the client sent before the application does."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        note(f"reads {len(await request.body())}")
        return await call_next(request)


class Replaces(BaseHTTPMiddleware):
    """Gives another response with the same content."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        content = b"".join([piece async for piece in response.body_iterator])
        note(f"replaces {len(content)}")
        return Response(content, response.status_code, dict(response.headers), response.media_type,
                        BackgroundTask(note, "replaced"))


class Guards(BaseHTTPMiddleware):
    """Answers or raises itself when asked to."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        fail = request.query_params.get("fail", "")
        if fail == "guard.answer":
            return JSONResponse({"guard": "no"}, 403)
        try:
            perhaps(fail, "guard")
            return await call_next(request)
        except (Refused, KeyError) as exc:
            note(f"guard saw {type(exc).__name__}")
            return PlainTextResponse("guarded", 503)


class Receives:
    """A plain ASGI middleware with a receive of its own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def receiving() -> Any:
            return await receive()

        await self.app(scope, receiving, send)


class Wraps(BaseHTTPMiddleware):
    """Puts an iterator of its own around the content."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        inner = response.body_iterator

        async def content() -> AsyncIterator[bytes]:
            async for piece in inner:
                yield piece
            note("wraps the end")

        response.body_iterator = content()
        return response


class Profiled(JSONResponse):
    media_type = "application/json; profile=x"


@asynccontextmanager
async def lifespan(app: Any) -> AsyncIterator[dict[str, int]]:
    note("starts")
    yield {"from_lifespan": 1}


async def slowly() -> AsyncIterator[str]:
    for n in range(4):
        note(f"piece {n}")
        yield f"piece {n} " * 8
        await asyncio.sleep(0)


def plainly() -> Iterator[str]:
    for n in range(4):
        yield f"plain {n} " * 8


async def timed() -> AsyncIterator[str]:
    """Waits in all the ways that end what waits."""
    try:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)
    except TimeoutError:
        yield "timed out "
    with anyio.move_on_after(0.001):
        await anyio.sleep(60)
    yield "moved on "
    async with anyio.create_task_group() as group:
        group.start_soon(asyncio.sleep, 0)
    yield "grouped"


async def nothing() -> AsyncIterator[str]:
    for piece in ():
        yield piece


async def seen(request: Request) -> Response:
    note("seen")
    about = [request.path_params, request.scope["root_path"], str(request.url), str(request.url_for("seen", n=1)) if "n" in request.query_params else ""]
    return JSONResponse([*about, type(request.scope.get("route")).__name__, type(request.app).__name__], background=BackgroundTask(note, "seen later"))


def fails(request: Request) -> Response:
    note("fails")
    raise ERRORS[request.path_params["what"]]()


class Thing(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        note("thing")
        return PlainTextResponse(request.url.path)

    def post(self, request: Request) -> Response:
        note("posted")
        raise Refused(str(len(request.query_params)))
