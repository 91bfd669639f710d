"""The applications that the leak tests load: a route for each way a request can run.

``direct`` has no middleware of its own, so its plans run without FastAPI's stack.
``native`` has such as run in C. ``behind`` has a plain ASGI middleware, behind which its
plans run, and ``dispatched`` an ``@app.middleware("http")``. ``layered`` has several. ``edged`` has
none; the settings EDGE put native ones around it.
"""

from __future__ import annotations

import asyncio
import gc
import pathlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import date
from decimal import Decimal
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
    WebSocket,
    WebSocketException,
)
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles
from fastrapi import broadcast
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Route


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


class Exact(BaseModel):
    when: date
    n: Decimal = Field(gt=Decimal("4.5"))


class Named(BaseModel):
    model_config = ConfigDict(validate_by_name=True, extra="allow")
    name: str = Field(alias="other")


class Numbered(BaseModel):
    numbers: list[int] = Field(alias="number")


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


async def opened_by(request: Request) -> AsyncIterator[str]:
    yield request.method


async def exits_slowly() -> AsyncIterator[None]:
    yield
    await asyncio.sleep(0.002)


async def failing(fails: str = "") -> AsyncIterator[None]:
    """Late: it raises before the answer, or after it."""
    await asyncio.sleep(0)
    if fails == "entry":
        raise Refused(fails)
    try:
        yield
    except HTTPException as exc:
        raise Refused("translated") from exc
    await asyncio.sleep(0)
    if fails == "exit":
        raise ValueError(fails)


def failing_early(fails: str = "") -> Iterator[None]:
    try:
        yield
    except KeyError:
        return  # FastAPI says what is wrong with that
    if fails == "early":
        raise HTTPException(409, fails)


def scoped(scopes: SecurityScopes) -> list[str]:
    return scopes.scopes


oauth2 = OAuth2PasswordBearer(tokenUrl="token")
Page = Annotated[tuple[int, int], Depends(page)]
BIG = [{"n": n, "text": "text " * 5} for n in range(200)]
direct = FastAPI()
native = FastAPI()
behind = FastAPI()
dispatched = FastAPI()
layered = FastAPI()
edged = FastAPI()
EVERY = {
    "direct": direct, "native": native, "behind": behind, "dispatched": dispatched,
    "layered": layered, "edged": edged,
}  # fmt: skip
EDGE = {
    "FASTRD_GZIP": "1", "FASTRD_TRUSTED_HOSTS": "leak.test,b,host.test",
    "FASTRD_CORS_ALLOW_ORIGINS": "https://a.example",
}  # fmt: skip
MOUNTED = {name: FastAPI() for name in EVERY}
for _name, _app in EVERY.items():
    _app.mount("/inner", MOUNTED[_name])


def on(path: str, **options: Any) -> Any:
    """A route of all applications, and of what they mount."""

    def add(function: Any) -> Any:
        for app in (*EVERY.values(), *MOUNTED.values()):
            app.add_api_route(path, function, **options)
        return function

    return add


@on("/collect", methods=["POST"])
async def collect() -> None:
    """Python's collector looks at everything, which it otherwise does when the heap has
    grown by a quarter: until then what waits for it looks like a leak."""
    gc.collect()


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


@on("/exact", methods=["POST"])
async def exact(item: Exact) -> Exact:
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


@on("/plain-yielding")
def plain_yielding(
    one: Annotated[list[int], Depends(opened_plainly)],
    two: Annotated[list[int], Depends(opened_plainly, use_cache=False, scope="function")],
) -> int:
    return len(one) + len(two)


@on("/yielding-request")
async def yielding_request(
    one: Annotated[str, Depends(opened_by)],
    two: Annotated[list[int], Depends(opened, scope="function")],
) -> list[Any]:
    return [one, two]


@on("/yielding-stream")
async def yielding_stream(one: Annotated[list[int], Depends(opened)]) -> StreamingResponse:
    return StreamingResponse(iter([str(number) for number in one]))


@on("/failing")
async def yielding_fails(
    one: Annotated[None, Depends(failing)],
    two: Annotated[None, Depends(failing_early, scope="function")],
    fails: str = "",
) -> str:
    if fails == "endpoint":
        raise HTTPException(404)
    if fails == "swallowed":
        raise KeyError
    return fails


@on("/plain-failing")
def plain_yielding_fails(
    one: Annotated[list[int], Depends(opened_plainly)],
    two: Annotated[None, Depends(failing_early, scope="function")],
    fails: str = "",
) -> str:
    if fails == "endpoint":
        raise HTTPException(404)
    return fails


@on("/slow-exit")
async def slow_exit(one: Annotated[None, Depends(exits_slowly)]) -> int:
    return 1


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


@on("/background-raises")
async def background_raises(
    tasks: BackgroundTasks, one: Annotated[list[int], Depends(opened)]
) -> str:
    tasks.add_task(int, "none")
    return "later"


@on("/background-of-response")
def background_of_response(tasks: BackgroundTasks) -> Response:
    tasks.add_task(len, "plain")
    return PlainTextResponse("later")


@on("/secret")
async def secret(token: Annotated[str, Depends(oauth2)]) -> str:
    return token


@on("/raise/{what}")
async def fail(what: str) -> None:
    if what == "http":
        raise HTTPException(404, "none", headers={"x-why": "none"})
    if what == "text":
        raise HTTPException(403, "no entry")
    if what == "refused":
        raise Refused(what)
    if what == "late":
        await asyncio.sleep(0)
        raise Refused(what)
    raise ValueError(what)


@on("/plain-raise")
def plain_fail() -> None:
    raise Refused("in a thread")


@on("/plain-raise-http")
def plain_fail_http() -> None:
    raise HTTPException(409, {"in": "a thread"})


@on("/big")
async def big() -> list[dict[str, Any]]:
    return BIG


@on("/large-text")
async def large_text() -> PlainTextResponse:
    return PlainTextResponse("large " * 40_000)


@on("/large-stream")
async def large_stream() -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        for n in range(3):
            yield b"%d large " % n * 12_000

    return StreamingResponse(content(), media_type="text/plain")


@on("/invalid-result", response_model=Item)
async def invalid_result(response: Response, odd: bool = False) -> Any:
    if odd:
        response.headers["X-Odd"] = "a\rb"
    return {"name": "chair", "price": 1, "parts": []} if odd else {"name": ""}


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


@on("/stream-background")
async def stream_with_background() -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        yield b"one"

    return StreamingResponse(content(), background=BackgroundTask(asyncio.sleep, 0))


@on("/failing-stream")
async def failing_stream(one: Annotated[list[int], Depends(opened)]) -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise Refused("late")

    return StreamingResponse(content())


@on("/lines")
async def lines(one: Annotated[list[int], Depends(opened)]) -> AsyncIterator[Any]:
    for n in range(5):
        await asyncio.sleep(0)
        yield [n, one]


@on("/plain-lines")
def plain_lines() -> Iterator[Any]:
    yield {"name": "plain"}
    raise Refused("late")


@on("/events", response_class=EventSourceResponse)
async def events(one: Annotated[list[int], Depends(opened)]) -> AsyncIterator[Any]:
    for n in range(5):
        yield [n, one]


@on("/plain-events", response_class=EventSourceResponse)
def plain_events(one: Annotated[list[int], Depends(opened)]) -> Iterator[Any]:
    yield ServerSentEvent(data=one, event="first", id="1", retry=10)
    yield ServerSentEvent(raw_data="second", comment="no data of its own")


@on("/failing-events", response_class=EventSourceResponse)
async def failing_events(one: Annotated[list[int], Depends(opened)]) -> AsyncIterator[Any]:
    yield one
    raise Refused("late")


@on("/endless-events", response_class=EventSourceResponse)
async def endless_events(one: Annotated[list[int], Depends(opened)]) -> AsyncIterator[Any]:
    while True:
        await asyncio.sleep(0)
        yield one


@on("/names")
async def names(n: Annotated[int, Query(validation_alias=AliasChoices("a", "b"))], more: Annotated[Named, Query()]) -> Any:
    return [n, more]


@on("/choice", methods=["POST"])
async def choice(form: Annotated[Named | Numbered, Form()]) -> Any:
    return form


@on("/form-request", methods=["POST"])
async def form_request(request: Request, number: Annotated[str, Form()]) -> Any:
    return [number, len(await request.form())]


async def of_starlette(request: Request) -> Response:
    return PlainTextResponse(request.path_params["name"])


class Endpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("endpoint")

    def post(self, request: Request) -> Response:
        raise Refused("endpoint")


GUARDED = {name: FastAPI() for name in EVERY}
for _name, _app in EVERY.items():
    _app.add_route("/starlette/{name}", of_starlette)
    _app.add_route("/endpoint", Endpoint)
    _routes = [Route("/class", Endpoint), Route("/{name}", of_starlette)]
    _app.mount("/star", Starlette(routes=_routes, exception_handlers={Refused: refused}))  # type: ignore[dict-item]
    _app.host("host.test", Starlette(routes=_routes))
    GUARDED[_name].get("/hello")(hello)
    GUARDED[_name].mount("/files", StaticFiles(directory=pathlib.Path(__file__).parent))
    GUARDED[_name].router.routes += _routes
    _app.mount("/guarded", GUARDED[_name])


async def live(websocket: WebSocket, room: int, fails: str = "", held: list[int] = Depends(opened)) -> None:
    if fails == "before":
        raise WebSocketException(4000, "before")
    await websocket.accept()
    async for text in websocket.iter_text():
        if fails:
            raise WebSocketException(4001, "after")
        await websocket.send_json([room, text])


async def said(websocket: WebSocket) -> None:
    """What is said is sent five times: by it, and by a ``send`` that is not the server's own."""

    async def relay(message: Any) -> None:
        await websocket.send(message)

    await websocket.accept()
    async for text in websocket.iter_text():
        await broadcast([websocket, relay, websocket._send, websocket], text * 100)
        await broadcast({websocket}, text, wait=False)


for _app in (*EVERY.values(), *MOUNTED.values(), *GUARDED.values()):
    _app.websocket("/live/{room}")(live)
    _app.websocket("/said")(said)


@on("/endless")
async def endless() -> StreamingResponse:
    async def content() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b"x" * 4096

    return StreamingResponse(content())


@on("/endless-yielding")
async def endless_yielding(one: Annotated[list[int], Depends(opened)], tasks: BackgroundTasks) -> StreamingResponse:
    tasks.add_task(asyncio.sleep, 0)
    return await endless()


@on("/file")
def file() -> FileResponse:
    return FileResponse(__file__)


@on("/large-file")
async def large_file(one: Annotated[list[int], Depends(opened)], tasks: BackgroundTasks) -> FileResponse:
    tasks.add_task(asyncio.sleep, 0)
    return FileResponse(pathlib.Path(LARGE.name, "0"))


@on("/form", methods=["POST"])
async def form(name: Annotated[str, Form()], n: Annotated[int, Form()] = 0) -> list[Any]:
    return [name, n]


@on("/upload", methods=["POST"])
async def upload(file: UploadFile, small: Annotated[bytes, File()]) -> list[int]:
    return [len(await file.read()), len(small)]


@on("/upload-of-file", methods=["POST"])
async def upload_of_file(file: UploadFile) -> int:
    return len(await file.read())


@on("/raw", methods=["POST"])
async def raw(request: Request) -> int:
    return len(await request.body())


async def look(request: Request, call_next: Any) -> Response:
    response: Response = await call_next(request)
    response.headers["x-looked"] = "yes"
    return response


class Looks:
    """Adds a field to every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def look_send(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-looked", b"yes"))
            await send(message)

        await self.app(scope, receive, look_send)


# Longer than what is read at once, and than what a socket takes.
LARGE = tempfile.TemporaryDirectory()
pathlib.Path(LARGE.name, "0").write_bytes(bytes(300_000))

for app in EVERY.values():
    app.add_exception_handler(Refused, refused)  # type: ignore[arg-type]
    app.mount("/mounted", StaticFiles(directory=pathlib.Path(__file__).parent))
    app.mount("/large", StaticFiles(directory=LARGE.name))
for app in GUARDED.values():
    app.add_middleware(Looks)
    app.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
    app.middleware("http")(look)
behind.add_middleware(Looks)
native.add_middleware(GZipMiddleware, minimum_size=500)
native.add_middleware(SessionMiddleware, secret_key="secret")
native.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
native.add_middleware(TrustedHostMiddleware, allowed_hosts=["leak.test", "b", "host.test"])
dispatched.middleware("http")(look)
layered.add_middleware(GZipMiddleware, minimum_size=500)
layered.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
layered.add_middleware(BaseHTTPMiddleware, dispatch=look)
