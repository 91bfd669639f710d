"""The applications that the leak tests load: a route for each way a request can run.

``direct`` has no middleware of its own, so its plans run without FastAPI's stack;
``layered`` has, so its plans run inside.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import (
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    File,
    Form,
    Header,
    HTTPException,
    Path,
    Query,
    Request,
    Response,
    UploadFile,
)
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from pydantic import BaseModel, Field, field_validator
from starlette.middleware.base import BaseHTTPMiddleware


class Part(BaseModel):
    name: str
    weights: list[float] = []


class Item(BaseModel):
    name: str = Field(min_length=1)
    price: float = Field(ge=0)
    parts: list[Part] = []


class Checked(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def upper(cls, value: str) -> str:
        return value.upper()


class Refused(Exception):
    pass


async def refused(_request: Request, exc: Refused) -> JSONResponse:
    return JSONResponse({"refused": str(exc)}, 418)


async def page(skip: Annotated[int, Query(ge=0)] = 0, limit: int = 10) -> tuple[int, int]:
    return skip, limit


def agent(user_agent: Annotated[str | None, Header()] = None) -> str:
    return user_agent or "nobody"


async def resting(who: Annotated[str, Depends(agent)]) -> str:
    await asyncio.sleep(0)
    return who * 2


async def opened() -> AsyncIterator[list[int]]:
    held = [1, 2, 3]
    yield held
    held.clear()


def opened_plainly() -> Iterator[list[int]]:
    held = [1, 2, 3]
    yield held
    held.clear()


def scoped(scopes: SecurityScopes) -> list[str]:
    return scopes.scopes


oauth2 = OAuth2PasswordBearer(tokenUrl="token")
Page = Annotated[tuple[int, int], Depends(page)]
BIG = [{"n": n, "text": "text " * 5} for n in range(200)]
direct = FastAPI()
layered = FastAPI()


def on(path: str, **options: Any) -> Any:
    """A route of both applications."""

    def add(function: Any) -> Any:
        for app in (direct, layered):
            app.add_api_route(path, function, **options)
        return function

    return add


@on("/hello")
async def hello() -> dict[str, str]:
    return {"message": "hello"}


@on("/plain-hello", methods=["HEAD"])
@on("/plain-hello")
def plain_hello() -> dict[str, str]:
    return {"message": "hello"}


@on("/suspended/{seconds}")
async def suspended(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


@on("/params/{number}/{name}")
async def params(
    number: Annotated[int, Path(ge=1)],
    name: str,
    q: Annotated[list[str] | None, Query()] = None,
    flag: bool = False,
    x_token: Annotated[str | None, Header()] = None,
    cart: Annotated[str | None, Cookie()] = None,
) -> list[Any]:
    return [number, name, q, flag, x_token, cart]


@on("/items", methods=["POST"], response_model=Item, status_code=201)
async def create(item: Item) -> Any:
    return item


@on("/plain-items", methods=["POST"])
def plain_create(item: Item, page: Page) -> dict[str, Any]:
    return {"item": item, "page": page}


@on("/checked", methods=["POST"])
async def checked(item: Checked) -> Checked:
    return item


@on("/dependencies")
async def dependencies(
    page: Page,
    again: Page,
    who: Annotated[str, Depends(agent)],
    twice: Annotated[str, Depends(resting)],
) -> list[Any]:
    return [page, again, who, twice]


@on("/yielding")
async def yielding(
    one: Annotated[list[int], Depends(opened)], two: Annotated[list[int], Depends(opened_plainly)]
) -> int:
    return len(one) + len(two)


@on("/request")
async def request(
    request: Request, response: Response, scopes: Annotated[list[str], Depends(scoped)]
) -> dict[str, Any]:
    response.headers["x-method"] = request.method
    response.set_cookie("seen", "yes")
    return {"path": request.url.path, "agent": request.headers.get("user-agent"), "s": scopes}


@on("/background")
async def background(tasks: BackgroundTasks) -> str:
    tasks.add_task(len, "plain")
    tasks.add_task(asyncio.sleep, 0)
    return "later"


@on("/secret")
async def secret(token: Annotated[str, Depends(oauth2)]) -> str:
    return token


@on("/raise/{what}")
async def fail(what: str) -> None:
    if what == "http":
        raise HTTPException(404, "none", headers={"x-why": "none"})
    if what == "refused":
        raise Refused(what)
    if what == "late":
        await asyncio.sleep(0)
        raise Refused(what)
    raise ValueError(what)


@on("/plain-raise")
def plain_fail() -> None:
    raise Refused("in a thread")


@on("/big")
async def big() -> list[dict[str, Any]]:
    return BIG


@on("/response")
async def response() -> Response:
    return PlainTextResponse("plain", headers={"x-a": "b"})


@on("/stream")
async def stream() -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        for n in range(5):
            await asyncio.sleep(0)
            yield b"chunk %d\n" % n

    return StreamingResponse(content())


@on("/plain-stream")
def plain_stream() -> StreamingResponse:
    return StreamingResponse(iter(["a", "b", "c"]), media_type="text/plain")


@on("/endless")
async def endless() -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b"x" * 4096

    return StreamingResponse(content())


@on("/file")
def file() -> FileResponse:
    return FileResponse(__file__)


@on("/form", methods=["POST"])
async def form(name: Annotated[str, Form()], n: Annotated[int, Form()] = 0) -> list[Any]:
    return [name, n]


@on("/upload", methods=["POST"])
async def upload(file: UploadFile, small: Annotated[bytes, File()]) -> list[int]:
    return [len(await file.read()), len(small)]


@on("/raw", methods=["POST"])
async def raw(request: Request) -> int:
    return len(await request.body())


async def look(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    response.headers["x-looked"] = "yes"
    return response


for app in (direct, layered):
    app.add_exception_handler(Refused, refused)  # type: ignore[arg-type]
layered.add_middleware(GZipMiddleware, minimum_size=500)
layered.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
layered.add_middleware(BaseHTTPMiddleware, dispatch=look)
