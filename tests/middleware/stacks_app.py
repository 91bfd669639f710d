"""An application behind layers that a number chooses, native ones and the user's own in any order.

SEED is the number. ``wrapped`` is the application inside Starlette's classes, as the flags have it
that the number chooses. What user code sees is noted in the file $SHOP_DATABASE.notes.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from test_edge import around

Declared = tuple[Any, dict[str, Any]]
NOTES = os.open(os.environ.get("SHOP_DATABASE", "/tmp/none") + ".notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
FILES = Path(os.environ.get("STACKS_FILES", "."))


def note(*what: Any) -> None:
    os.write(NOTES, (" ".join(map(str, what)) + "\n").encode())


def told(exc: BaseException) -> str:
    text = str(exc)
    return f"{type(exc).__name__}: {'' if isinstance(exc, TypeError | AttributeError) else text[:200]}"


class Refused(Exception):
    pass


# Layers of the user's own.


class Sees:
    """Notes the messages that pass, and what is raised."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        packed = False

        async def see(message: Any) -> None:
            nonlocal packed
            if message["type"] == "http.response.start":
                fields = list(message.get("headers", ()))
                packed = (b"content-encoding", b"gzip") in fields
                names = sorted({bytes(name) for name, _ in fields})
                note("sees", message.get("status"), names)
            else:
                content = message.get("body", b"")
                size = "packed" if packed else content.nbytes if isinstance(content, memoryview) else len(content)
                note("sees", message["type"], size, message.get("more_body"))
            try:
                await send(message)
            except Exception as exc:
                note("send raises", told(exc))
                raise

        try:
            await self.app(scope, receive, see)
        except Exception as exc:
            note("sees", told(exc))
            raise


class Passes(Sees):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Adds(Sees):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def add(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-added", b"1"), (b"vary", b"X-Added")]
            await send(message)

        await self.app(scope, receive, add)


class Rewrites(Sees):
    """Other content, of another length than the head says where that is not asked for."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def rewrite(message: Any) -> None:
            if message["type"] == "http.response.start" and b"fix" in scope["query_string"]:
                message["headers"] = [pair for pair in message["headers"] if pair[0] != b"content-length"]
            if message["type"] == "http.response.body" and message.get("body") and b"rewrite" in scope["query_string"]:
                message["body"] = bytes(message["body"]) * 2
            await send(message)

        await self.app(scope, receive, rewrite)


class Rescues(Sees):
    """Answers by itself when the application fails."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            note("rescues", told(exc))
            await PlainTextResponse(f"rescued {type(exc).__name__}", 503)(scope, receive, send)


async def looks(request: Request, call_next: Any) -> Any:
    note("dispatch", request.method)
    response = await call_next(request)
    note("status", response.status_code)
    response.headers["X-Looked"] = response.headers.get("content-length", "none")
    if "packed" in request.url.query or "gzip" in response.headers.get("content-encoding", ""):
        response.headers["X-Looked"] = "packed"
    return response


async def refuses(request: Request, call_next: Any) -> Any:
    if "refuse" in request.url.query:
        return JSONResponse({"refused": "x" * 1000}, 403, background=BackgroundTask(note, "refused"))
    return await call_next(request)


async def raises(request: Request, call_next: Any) -> Any:
    if "before" in request.url.query:
        raise Refused("before")
    response = await call_next(request)
    if "behind" in request.url.query:
        raise HTTPException(409, "behind")
    return response


async def gathers(request: Request, call_next: Any) -> Any:
    if "gather" not in request.url.query:
        return await call_next(request)
    response = await call_next(request)
    content = b"".join([piece async for piece in response.body_iterator])
    fields = dict(response.headers)
    fields.pop("content-length", None)
    return Response(content, response.status_code, fields)


NATIVE: list[Callable[[random.Random], Declared]] = [
    lambda rng: (GZipMiddleware, rng.choice([{}, {"minimum_size": 1}, {"minimum_size": 100, "compresslevel": 1},
                                             {"minimum_size": 10, "thread_minimum_size": 1000}])),
    lambda rng: (GZipMiddleware, {"minimum_size": rng.choice([0, 300])}),
    lambda rng: (CORSMiddleware, rng.choice([
        {"allow_origins": ["*"]}, {"allow_origins": ["https://a.example"], "allow_credentials": True},
        {"allow_origin_regex": "https://.*", "expose_headers": ["X-A"], "allow_headers": ["X-B"]},
    ])),
    lambda rng: (SessionMiddleware, {"secret_key": "secret", "max_age": None, "https_only": rng.random() < 0.3}),
    lambda rng: (TrustedHostMiddleware, {"allowed_hosts": ["parity.test", "*.a.example"]}),
    lambda rng: (HTTPSRedirectMiddleware, {}) if rng.random() < 0.15 else (GZipMiddleware, {"minimum_size": 50}),
]  # fmt: skip
DISPATCH: list[Callable[[random.Random], Declared]] = [
    lambda rng, function=function: (BaseHTTPMiddleware, {"dispatch": function})
    for function in (looks, looks, refuses, raises, gathers)
]
PLAIN: list[Callable[[random.Random], Declared]] = [
    lambda rng, kind=kind: (kind, {}) for kind in (Sees, Sees, Passes, Adds, Rewrites, Rescues)
]


def chosen(seed: int) -> tuple[list[Declared], dict[str, str]]:
    """Layers, outermost first, and the flags around them."""
    rng = random.Random(seed)
    makers = [rng.choice(NATIVE), *(rng.choice(rng.choice([NATIVE, NATIVE, DISPATCH, PLAIN])) for _ in range(rng.randint(1, 4)))]
    rng.shuffle(makers)
    layers = [make(rng) for make in makers]
    flags: dict[str, str] = {}
    if rng.random() < 0.35:
        layers = layers[: rng.randint(0, 3)]
        flags["gzip"] = "1"
        if rng.random() < 0.5:
            flags["gzip_minimum_size"] = rng.choice(["0", "2", "400"])
        if rng.random() < 0.4:
            flags["cors_allow_origins"] = rng.choice(["*", "https://a.example"])
        if rng.random() < 0.3:
            flags["trusted_hosts"] = "parity.test"
    return layers, flags


# What is asked for.

LONG = b"long enough to be worth it " * 40
TEXT = (b"content-type", b"text/plain")


def start(*fields: Any, **more: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": [TEXT, *fields], **more}


def body(content: Any = b"", **more: Any) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, **more}


def length(n: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % n


MESSAGES: dict[str, list[dict[str, Any]]] = {
    "whole": [start(), body(LONG)],
    "length": [start(length(len(LONG))), body(LONG)],
    "small": [start(length(3)), body(b"abc")],
    "two starts": [start(), start(status=201), body(LONG)],
    "start within": [start(), body(LONG, more_body=True), start(status=201), body(b"end")],
    "start behind": [start(), body(LONG), start(status=201), body(b"end")],
    "body behind": [start(), body(LONG), body(b"more")],
    "too long": [start(length(5)), body(LONG)],
    "too long, small": [start(length(2)), body(b"abc")],
    "too long in pieces": [start(length(5)), body(b"abc", more_body=True), body(b"def", more_body=True), body(b"ghi")],
    "too long at last": [start(length(4)), body(b"abcd", more_body=True), body(b"e")],
    "too short": [start(length(5000)), body(LONG)],
    "too short, small": [start(length(9)), body(b"abc")],
    "too short in pieces": [start(length(9)), body(b"abc", more_body=True), body(b"d")],
    "body first": [body(LONG)],
    "no body": [start()],
    "nothing": [],
    "not ended": [start(), body(LONG, more_body=True)],
    "without body": [start(), {"type": "http.response.body"}],
    "without body, more": [start(), {"type": "http.response.body", "more_body": True}, body(b"end")],
    "without headers": [{"type": "http.response.start", "status": 200}, body(LONG)],
    "without status": [{"type": "http.response.start", "headers": []}, body(LONG)],
    "without type": [start(), {"body": b"x"}],
    "status 99": [start(status=99), body(LONG)],
    "status text": [start(status="200"), body(LONG)],
    "bad name": [start((b"a b", b"c")), body(LONG)],
    "bad value": [start((b"x-a", b"b\nc")), body(LONG)],
    "bad length": [start((b"content-length", b"abc")), body(LONG)],
    "text field": [start((b"x-a", "b")), body(LONG)],
    "chunked": [start((b"transfer-encoding", b"chunked")), body(LONG)],
    "chunked and length": [start((b"transfer-encoding", b"chunked"), length(3)), body(LONG)],
    "bytearray": [start(), body(bytearray(LONG))],
    "memoryview": [start(), body(memoryview(LONG))],
    "memoryview in pieces": [start(), body(memoryview(LONG), more_body=True), body(memoryview(LONG))],
    "gaps": [start(), body(memoryview(LONG)[::2])],
    "gaps, small": [start(), body(memoryview(b"abcd")[::2])],
    "gaps in pieces": [start(), body(LONG, more_body=True), body(memoryview(LONG)[::2], more_body=True), body(b"end")],
    "backwards": [start(), body(memoryview(b"abcd")[::-1])],
    "text": [start(), body("text")],
    "text in pieces": [start(), body(b"a", more_body=True), body("text")],
    "none": [start(), body(None)],
    "number": [start(), body(5)],
    "list": [start(), body([1, 2])],
    "204": [start(status=204), body(b"abc")],
    "204 empty": [start(status=204), body()],
    "304": [start((b"content-encoding", b"br"), status=304), body()],
    "206": [start(status=206), body(LONG)],
    "packed": [start((b"content-encoding", b"br")), body(LONG, more_body=True), body(LONG)],
    "events": [start() | {"headers": [(b"content-type", b"text/event-stream")]}, body(LONG, more_body=True), body(LONG)],
    "other type": [start(), {"type": "http.response.debug", "info": {}}, body(LONG)],
    "early hint": [{"type": "http.response.early_hint", "links": []}, start(), body(LONG)],
    "trailers": [start(trailers=True), body(LONG), {"type": "http.response.trailers", "headers": []}],
    "large": [start(), body(LONG * 200)],
    "large in pieces": [start(), body(LONG * 200, more_body=True), body(LONG * 70, more_body=True), body(LONG * 200)],
}  # fmt: skip


async def sends(name: str, send: Any, goes_on: bool) -> None:
    for message in MESSAGES[name]:
        message = dict(message)
        if isinstance(message.get("headers"), list):
            message["headers"] = list(message["headers"])
        try:
            await send(message)
            note("sent", message.get("type"))
        except Exception as exc:
            note("not sent", message.get("type"), told(exc))
            if not goes_on:
                raise


class Sends(Response):
    """A response of a class of the user's."""

    def __init__(self, name: str, goes_on: bool) -> None:
        super().__init__()
        self.name, self.goes_on = name, goes_on

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await sends(self.name, send, self.goes_on)


async def raw(scope: Any, receive: Any, send: Any) -> None:
    name = scope["path"].rpartition("/")[2]
    await sends(name, send, b"on" in scope["query_string"])


async def opened() -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        note("left")


def application(layers: list[Declared]) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.exception_handler(Refused)
    async def refused(request: Request, exc: Refused) -> Response:
        note("handler", exc)
        return JSONResponse({"refused": str(exc)}, 430)

    @app.get("/json")
    async def json(n: int = 1) -> Any:
        return [{"n": i} for i in range(n)]

    @app.get("/text/{size}")
    def text(size: int, status: int = 200) -> Response:
        return PlainTextResponse(b"text " * (size // 5), status)

    @app.get("/encoded/{status}")
    def encoded(status: int) -> Response:
        # GZip would give a 304 content.
        return Response(status_code=status, headers={"content-encoding": "br", "etag": '"1"'})

    @app.get("/yields/{size}")
    async def yields(size: int, value: Annotated[int, Depends(opened)], tasks: BackgroundTasks) -> Any:
        tasks.add_task(note, "later")
        return "y" * size

    @app.get("/stream/{size}/{count}")
    async def stream(size: int, count: int, fails: int = -1) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for n in range(count):
                if n == fails:
                    raise Refused("within")
                await asyncio.sleep(0)
                yield b"%d " % n * size
            note("streamed")

        return StreamingResponse(pieces(), media_type="text/plain", background=BackgroundTask(note, "behind the stream"))

    @app.get("/plainly/{size}")
    def plainly(size: int, kind: str = "bytes") -> Response:
        def pieces() -> Iterator[Any]:
            one = b"piece " * size
            yield {"bytes": one, "text": one.decode(), "view": memoryview(one), "gaps": memoryview(one)[::2],
                   "array": bytearray(one), "number": 5}[kind]
            yield b"end"

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/body/{kind}")
    async def of_kind(kind: str) -> Response:
        one = LONG if kind.startswith("long") else b"abcd"
        name = kind.rpartition("-")[2]
        return Response({"view": memoryview(one), "gaps": memoryview(one)[::2], "array": bytearray(one)}[name])  # type: ignore[arg-type]

    @app.get("/length/{n}/{size}")
    async def of_length(n: int, size: int) -> Response:
        return PlainTextResponse("l" * size, headers={"content-length": str(n)})

    @app.get("/file/{name}")
    async def file(name: str) -> Response:
        return FileResponse(FILES / name, background=BackgroundTask(note, "behind the file"))

    @app.get("/fails/{what}")
    async def fails(what: str) -> Any:
        raise {"http": HTTPException(418, "x" * 600, {"X-Why": "tea"}), "refused": Refused("route"), "value": ValueError("v")}[what]

    @app.get("/session")
    async def session(request: Request) -> Any:
        if "session" in request.scope:
            request.session["n"] = request.session.get("n", 0) + 1
        return dict(request.scope.get("session", {}))

    @app.get("/sends/{name}")
    async def of_messages(name: str, on: str | None = None) -> Response:
        return Sends(name, on is not None)

    app.mount("/raw", raw)
    app.mount("/static", StaticFiles(directory=FILES))
    for cls, options in reversed(layers):
        app.add_middleware(cls, **options)
    return app


LAYERS, FLAGS = chosen(int(os.environ.get("SEED", "0")))
app = application(LAYERS)
wrapped = around(app, FLAGS)
