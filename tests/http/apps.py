"""The applications behind the wire tests: one plain ASGI, one FastAPI."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Annotated, Any

import anyio
from fastapi import BackgroundTasks, Body, Depends, FastAPI, Form, UploadFile
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

seen = {"disconnects": 0, "running": 0, "requests": 0}


async def _answer(send: Send, body: bytes, status: int = 200, more: Any = ()) -> None:
    headers = [(b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _content(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            seen["disconnects"] += 1
            raise ConnectionError("client left")
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def _stream(send: Send, total: int) -> None:
    chunk = b"x" * 65536
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while total > 0:
        part = chunk[:total]
        total -= len(part)
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    seen["disconnects"] += 1


async def _poll(receive: Receive, times: int) -> bytes:
    """Ask whether the client has left; how many futures that left behind."""
    request = Request({"type": "http"}, receive)
    for _ in range(times):
        assert not await request.is_disconnected()
    return str(sum(isinstance(o, asyncio.Future) for o in gc.get_objects())).encode()


async def _failmid(send: Send) -> None:
    headers = [(b"content-length", b"10")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("in the middle")


async def _begin(send: Send, pause_ms: int) -> None:
    """An answer without a length: the head, a pause (0: none), two bytes, a failure."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if pause_ms:
        await asyncio.sleep(pause_ms / 1000)
    await send({"type": "http.response.body", "body": b"ab", "more_body": True})
    await asyncio.sleep(0.05)
    raise RuntimeError("in the middle")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        what = (await receive())["type"]
        await send({"type": f"{what}.complete"})
        if what == "lifespan.shutdown":
            return


async def _route(path: str, receive: Receive, send: Send) -> None:
    verb, _, number = path[1:].partition("/")
    if verb == "echo":
        await _answer(send, await _content(receive))
    elif verb == "count":
        await _answer(send, str(len(await _content(receive))).encode())
    elif verb == "stream":
        await _stream(send, int(number))
    elif verb == "status":
        await _answer(send, b"text", int(number))
    elif verb == "late":
        await asyncio.sleep(int(number) / 1000)
        await _answer(send, b"late")
    elif verb == "nth":
        pause_ms, _, name = number.partition("/")
        await asyncio.sleep(int(pause_ms) / 1000)
        await _answer(send, name.encode())
    elif verb == "wait":
        await asyncio.sleep(3)  # without reading
        await _until_left(receive)
    elif verb == "until-left":
        await _until_left(receive)
    elif verb == "poll":
        await _answer(send, await _poll(receive, int(number)))
    elif verb == "fail":
        raise RuntimeError("before the answer")
    elif verb == "failmid":
        await _failmid(send)
    elif verb == "begin":
        await _begin(send, int(number))
    elif verb == "plus":
        headers = [(b"content-length", b"+5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})
    elif verb == "short":
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]}
        )
        await send({"type": "http.response.body", "body": b"short"})
    elif verb == "split":
        await _answer(send, b"", more=[(b"x-split", b"a\r\nx-evil: b")])
    elif verb == "seen":
        await _answer(send, json.dumps(seen).encode())
    else:
        await _answer(send, b"hello")


async def plain(scope: Message, receive: Receive, send: Send) -> None:
    """Behaves as the first word of the path says; see _route."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    seen["running"] += 1
    seen["requests"] += 1
    try:
        await _route(scope["path"], receive, send)
    except ConnectionError:
        pass
    finally:
        seen["running"] -= 1


class Item(BaseModel):
    name: str
    price: float


fast = FastAPI()


@fast.get("/hello")
async def hello() -> dict[str, str]:
    return {"message": "hello"}


@fast.get("/plain-function/{number}")
def plain_function(number: int, q: str = "none") -> dict[str, Any]:
    return {"number": number, "q": q}


@fast.api_route("/methods", methods=["GET", "QUERY", "BREW"])
async def methods(request: Request) -> str:
    return request.method


@fast.api_route("/methods/other", methods=["BREW"])
async def brew() -> str:
    return "brewed"


@fast.post("/items")
async def create(item: Item) -> Item:
    return item


# Answers whose content does not come before somebody asks for /go.
streams = FastAPI()
_go = threading.Event()


async def _pieces() -> AsyncIterator[bytes]:
    while not _go.is_set():
        await asyncio.sleep(0.01)
    yield b"gone"


def _plain_pieces() -> Iterator[bytes]:
    _go.wait(20)
    yield b"gone"


async def _resource() -> AsyncIterator[None]:
    yield


@streams.get("/go")
async def go() -> None:
    _go.set()


@streams.get("/wait")
async def wait() -> None:
    _go.clear()


@streams.get("/stream")
async def stream() -> StreamingResponse:
    return StreamingResponse(_pieces())


@streams.get("/stream-of-plain-function")
def stream_of_plain_function() -> StreamingResponse:
    return StreamingResponse(_pieces())


@streams.get("/plain-generator")
async def plain_generator() -> StreamingResponse:
    return StreamingResponse(_plain_pieces())


@streams.get("/plain-generator-of-plain-function")
def plain_generator_of_plain_function() -> StreamingResponse:
    return StreamingResponse(_plain_pieces())


@streams.get("/behind-a-resource", dependencies=[Depends(_resource)])
async def behind_a_resource(tasks: BackgroundTasks) -> StreamingResponse:
    tasks.add_task(_resource)
    return StreamingResponse(_pieces())


@streams.get("/events", response_class=EventSourceResponse)
async def events() -> AsyncIterable[str]:
    async for piece in _pieces():
        yield piece.decode()


@streams.get("/lines")
async def lines() -> AsyncIterable[str]:
    async for piece in _pieces():
        yield piece.decode()


async def _raw(_: Message, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    async for piece in _pieces():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


streams.mount("/raw", _raw)


@streams.get("/dictionary")
async def dictionary() -> dict[str, int]:
    return {"a": 1}


@streams.get("/response")
async def response() -> Response:
    return JSONResponse({"a": 1})


streams.mount("/raw-response", JSONResponse({"a": 1}))


class _Wrapped:
    """Middleware that only passes on."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


async def _dispatch(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


behind_middleware = FastAPI()
behind_middleware.add_middleware(_Wrapped)
behind_middleware.include_router(streams.router)
behind_base_middleware = FastAPI()
behind_base_middleware.add_middleware(BaseHTTPMiddleware, dispatch=_dispatch)
behind_base_middleware.include_router(streams.router)


# The ways to take a request's content.
uploads = FastAPI()


@uploads.post("/model")
async def model(item: Item) -> Item:
    return item


@uploads.post("/model-of-plain-function")
def model_of_plain_function(item: Item) -> Item:
    return item


@uploads.post("/request")
async def request(request: Request) -> int:
    return len(await request.body())


class Text(BaseModel):
    text: str


def _digest(content: bytes) -> dict[str, Any]:
    return {"bytes": len(content), "sum": zlib.crc32(content)}


@uploads.post("/digest/model")
async def digest_of_model(text: Text) -> dict[str, Any]:
    return _digest(text.text.encode())


@uploads.post("/digest/form")
async def digest_of_form(text: Annotated[str, Form()]) -> dict[str, Any]:
    return _digest(text.encode())


@uploads.post("/digest/request")
async def digest_of_request(request: Request) -> dict[str, Any]:
    return _digest(await request.body())


@uploads.post("/digest/stream")
async def digest_of_stream(request: Request) -> dict[str, Any]:
    """Keeps each piece: none may change when the next one comes."""
    pieces = []
    async for piece in request.stream():
        pieces.append((piece, zlib.crc32(piece)))
        await asyncio.sleep(0)
    assert all(zlib.crc32(piece) == seen for piece, seen in pieces)
    return _digest(b"".join(piece for piece, _ in pieces))


@uploads.post("/digest/file")
async def digest_of_file(file: UploadFile, text: Annotated[str, Form()]) -> dict[str, Any]:
    assert text == "behind"
    return _digest(await file.read())


@uploads.post("/digest/file-of-plain-function")
def digest_of_file_of_plain_function(file: UploadFile) -> dict[str, Any]:
    return _digest(file.file.read())


@uploads.post("/request-of-group")
async def request_of_group(request: Request) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(request.body)


@uploads.post("/request-behind-a-resource", dependencies=[Depends(_resource)])
async def request_behind_a_resource(request: Request) -> int:
    return len(await request.body())


async def _raw_upload(scope: Message, receive: Receive, send: Send) -> None:
    await Request(scope, receive).body()
    await _answer(send, b"uploaded")


uploads.mount("/raw", _raw_upload)
uploads_behind_middleware = FastAPI()
uploads_behind_middleware.add_middleware(_Wrapped)
uploads_behind_middleware.mount("", uploads)
uploads_behind_base_middleware = FastAPI()
uploads_behind_base_middleware.add_middleware(BaseHTTPMiddleware, dispatch=_dispatch)
uploads_behind_base_middleware.mount("", uploads)


async def _guarded() -> AsyncIterator[None]:
    yield


def make_verdicts() -> FastAPI:
    """Routes of every kind: a plan alone, on a pool thread, with content, with the Request,
    nested in FastAPI's own stack."""
    app = FastAPI()
    methods = ["GET", "HEAD", "POST", "QUERY", "BREW"]

    @app.api_route("/plan/{rest:path}", methods=methods)
    async def plan(rest: str) -> str:
        return "plan"

    @app.api_route("/thread/{rest:path}", methods=methods)
    def thread(rest: str) -> str:
        return "thread"

    @app.api_route("/content/{rest:path}", methods=methods)
    async def content(rest: str, data: Annotated[Any, Body()] = None) -> str:
        return "content"

    @app.api_route("/request/{rest:path}", methods=methods)
    async def request_(request: Request) -> str:
        await request.body()
        return "request"

    @app.api_route("/nested/{rest:path}", methods=methods, dependencies=[Depends(_guarded)])
    async def nested(request: Request) -> str:
        return str(len([piece async for piece in request.stream()]))

    return app


verdicts = make_verdicts()
