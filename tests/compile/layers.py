"""Middleware of every kind that C code stands behind, and an application to put it around.

Everything that happens is written to one log, in its order.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import UserDict
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, field_validator
from starlette.middleware.exceptions import ExceptionMiddleware

Log = list[Any]
MARK: contextvars.ContextVar[str] = contextvars.ContextVar("MARK", default="none")


class Item(BaseModel):
    name: str
    price: float = 1.0


class Checked(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def check(cls, value: str) -> str:
        if value == "bad":
            raise ValueError("bad name")
        return value


class Refused(Exception):
    pass


class Layer:
    """Calls what it wraps; a subclass does something else as well."""

    def __init__(self, app: Any, log: Log) -> None:
        self.app, self.log = app, log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Afterwards(Layer):
    """Does something when the application has ended."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)
        self.log.append(("afterwards", MARK.get()))
        if scope["path"] == "/plain":
            raise ValueError("afterwards")


class Looks(Layer):
    """Logs every message and what the scope has before, while and after."""

    def look(self, scope: Any) -> dict[str, Any]:
        found = {key: scope[key] for key in ("path_params", "endpoint") if key in scope}
        found["keys"] = list(scope)
        found["route"] = getattr(scope.get("route"), "path", None)
        found["router"] = type(scope.get("router"))
        found["app"] = type(scope.get("app"))
        found["handlers"] = len(scope.get("starlette.exception_handlers", ((), ()))[0])
        found["fastapi"] = {key: type(value) for key, value in scope.get("fastapi", {}).items()}
        found["stacks"] = [type(value) for key, value in scope.items() if key.endswith("_astack")]
        found["endpoint"] = getattr(found.get("endpoint"), "__name__", None)
        return found

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def look_send(message: Any) -> None:
            self.log.append(("send", {**message}, self.look(scope)))
            await send(message)

        async def look_receive() -> Any:
            message = await receive()
            self.log.append(("receive", message))
            return message

        self.log.append(("before", self.look(scope)))
        MARK.set("layer")
        try:
            value = await self.app(scope, look_receive, look_send)
            self.log.append(("value", value))
        except BaseException as exc:
            self.log.append(("raised", repr(exc), repr(exc.__cause__)))
            raise
        finally:
            self.log.append(("after", self.look(scope), MARK.get()))


class Adds(Layer):
    """Adds a field and changes the status, in the message itself."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def add(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-added", b"1"))
                message["status"] += 1
            await send(message)

        await self.app(scope, receive, add)


class Names(Layer):
    """Passes everything by name."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope=scope, receive=receive, send=send)


class Copies(Layer):
    """Passes a scope of its own on."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        inner = dict(scope)
        await self.app(inner, receive, send)
        self.log.append(sorted(set(inner) - set(scope)))


class Odd(dict[str, Any]):
    pass


class Subclasses(Layer):
    """Passes a scope of a class of its own on."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(Odd(scope), receive, send)


class Rewrites(Layer):
    """Changes the path and the method, after it has made the coroutine."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        inner = self.app(scope, receive, send)
        if scope["path"] == "/hello":
            scope["path"] = "/items/seven/8"
        elif scope["path"] == "/model":
            scope["method"] = "GET"
        elif scope["path"].startswith("/items"):
            scope["path"] = "/nowhere"
        await inner


class Roots(Layer):
    """Mounts the application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["root_path"] = "/root"
        scope["path"] = "/root" + scope["path"]
        await self.app(scope, receive, send)


class Fields(Layer):
    """Gives the request other fields and another query."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] = [*scope["headers"], (b"x-token", b"given"), (b"cookie", b"c=1")]
        scope["query_string"] = b"q=5&q=6"
        await self.app(scope, receive, send)


class Contents(Layer):
    """Gives the request other content, in two pieces."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        pieces = [b'{"name": "other', b'", "price": 3}']

        async def give() -> Any:
            if pieces:
                body = pieces.pop(0)
                return {"type": "http.request", "body": body, "more_body": bool(pieces)}
            return await receive()

        await self.app(scope, give, send)


class Pieces(Layer):
    """Gives the content in messages of every kind."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = "http.request"
        pieces: list[Any] = [
            {"type": "other"}, {"type": kind, "more_body": True},
            {"type": kind, "body": b"", "more_body": 1}, {"type": kind, "body": None, "more_body": True},
            UserDict({"type": kind, "body": bytearray(b'{"name":'), "more_body": [1]}),
            {"type": kind, "body": b'"pieces"', "more_body": True}, UserDict({"type": kind, "body": b"}"}),
        ]  # fmt: skip
        if scope["path"] == "/checked":
            pieces.insert(3, {"type": kind, "body": "text", "more_body": True})
        if scope["path"] == "/raw":
            pieces.insert(3, {"no": "type"})

        async def give() -> Any:
            return pieces.pop(0) if pieces else await receive()

        await self.app(scope, give, send)
        self.log.append(len(pieces))


class Hangs(Layer):
    """The client has gone before its content came."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def give() -> Any:
            return {"type": "http.disconnect"}

        await self.app(scope, give, send)


class Short(Layer):
    """Answers itself."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("short")(scope, receive, send)


class Catches(Layer):
    """Answers when the application has failed."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as exc:
            self.log.append(repr(exc))
            await PlainTextResponse("caught", 555)(scope, receive, send)


class Raises(Layer):
    """Raises before the application, or after it."""

    def __init__(self, app: Any, log: Log, error: Callable[[], BaseException], after: bool) -> None:
        super().__init__(app, log)
        self.error, self.after = error, after

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.after:
            await self.app(scope, receive, send)
        raise self.error()


class Sends(Layer):
    """Its `send` raises: at the start, or at the body."""

    def __init__(self, app: Any, log: Log, error: Callable[[], BaseException], at: str, through: bool) -> None:
        super().__init__(app, log)
        self.error, self.at, self.through = error, at, through

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def fail(message: Any) -> None:
            if self.through:
                await send(message)
            if message["type"] == self.at:
                raise self.error()

        await self.app(scope, receive, fail)


class Tasks(Layer):
    """Runs the application in a task of its own."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.create_task(self.app(scope, receive, send))
        self.log.append(MARK.get())


class Waits(Layer):
    """Gives the application a time."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with asyncio.timeout(10):
            await asyncio.wait_for(self.app(scope, receive, send), 10)


class Elsewhere(Layer):
    """Runs the application on another thread's loop."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        messages: list[Any] = []
        given, raised = [await receive()], list[BaseException]()

        async def keep(message: Any) -> None:
            messages.append(message)

        async def give() -> Any:
            return given.pop()

        async def run() -> None:
            try:
                await self.app(scope, give, keep)
            except BaseException as exc:
                raised.append(exc)

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0.001)
        for message in messages:
            await send(message)
        for exc in raised:
            raise exc


class Twice(Layer):
    """Asks the application first for something else, and drops that answer."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def drop(message: Any) -> None:
            self.log.append(message)

        await self.app({**scope, "path": "/hello", "method": "GET"}, receive, drop)
        await self.app(scope, receive, send)


class Stacks(Layer):
    """Uses FastAPI's exit stacks while the answer goes out."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def push(message: Any) -> None:
            for key in sorted(key for key in scope if key.endswith("_astack")):
                scope[key].callback(self.log.append, (key, message["type"]))
            await send(message)
            self.log.append(message["type"])

        await self.app(scope, receive, push)
        self.log.append("end")


class Awaits(Layer):
    """Its `send` suspends."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def wait(message: Any) -> None:
            await asyncio.sleep(0)
            await send(message)
            await asyncio.sleep(0)

        await self.app(scope, receive, wait)


class Inspects(Layer):
    """Looks at what it wraps."""

    def __init__(self, app: Any, log: Log) -> None:
        super().__init__(app, log)
        log.append((
            isinstance(app, ExceptionMiddleware), app.__class__, callable(app), type(app.app),
            hasattr(app, "nothing"), sorted(vars(app)), asyncio.iscoroutinefunction(app.__call__),
        ))  # fmt: skip

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.app.debug = self.app.debug
        inner = self.app(scope, receive, send)
        self.log.append((asyncio.iscoroutine(inner), hasattr(inner, "__await__")))
        await inner


class Nameless:
    """Keeps what it wraps under another name."""

    def __init__(self, other: Any, log: Log) -> None:
        self._other = other

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._other(scope, receive, send)


def closure(app: Any, log: Log) -> Any:
    """A function in the place of a class."""

    async def layer(scope: Any, receive: Any, send: Any) -> None:
        log.append("closure")
        await app(scope, receive, send)

    return layer


def nothing(app: Any, log: Log) -> Any:
    """A function that adds no layer."""
    return app


UPLOADED = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ntext\r\n'
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nada\r\n--b--\r\n'
)
TYPES = {"/form": "application/x-www-form-urlencoded", "/upload": "multipart/form-data; boundary=b"}
KINDS: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    cls.__name__: [(cls, {})]
    for cls in (
        Layer, Afterwards, Looks, Adds, Names, Copies, Subclasses, Rewrites, Roots, Fields, Contents, Pieces, Hangs,
        Short, Catches, Tasks, Waits, Elsewhere, Twice, Stacks, Awaits, Inspects, Nameless,
        closure, nothing,
    )
}  # fmt: skip
_ERRORS: dict[str, Callable[[], BaseException]] = {
    "ValueError": lambda: ValueError("layer"),
    "HTTPException": lambda: HTTPException(409, "layer"),
    "Refused": lambda: Refused("layer"),
    "CancelledError": lambda: asyncio.CancelledError("layer"),
}
for _name, _error in _ERRORS.items():
    for _after in (False, True):
        KINDS[f"Raises {_name} {'after' if _after else 'before'}"] = [
            (Raises, {"error": _error, "after": _after})
        ]
    for _at in ("http.response.start", "http.response.body"):
        for _through in (False, True):
            KINDS[f"Sends {_name} {_at} {_through}"] = [
                (Sends, {"error": _error, "at": _at, "through": _through})
            ]
KINDS |= {
    "Catches, Adds, Looks": [(Catches, {}), (Adds, {}), (Looks, {})],
    "Looks, Catches, Raises": [
        (Looks, {}), (Catches, {}), (Raises, {"error": lambda: Refused("in"), "after": False})
    ],
    "Looks, Stacks, Sends": [
        (Looks, {}), (Stacks, {}),
        (Sends, {"error": lambda: ValueError("s"), "at": "http.response.body", "through": True}),
    ],
    "Looks, Tasks, Fields, closure": [(Looks, {}), (Tasks, {}), (Fields, {}), (closure, {})],
}  # fmt: skip


def make(layers: list[tuple[Any, dict[str, Any]]]) -> tuple[FastAPI, Log]:
    """The application behind ``layers``, outermost first, and its log."""
    log: Log = []
    app = FastAPI()
    for cls, arguments in reversed(layers):
        app.add_middleware(cls, log=log, **arguments)

    @app.exception_handler(Refused)
    async def refused(request: Request, exc: Refused) -> Response:
        log.append(("handler", sorted(request.scope), request.scope.get("path_params")))
        return PlainTextResponse(f"refused {exc}", 418)

    @app.exception_handler(ZeroDivisionError)
    def divided(request: Request, exc: ZeroDivisionError) -> Response:
        return PlainTextResponse("divided", 419)

    @app.exception_handler(500)
    async def failed(request: Request, exc: Exception) -> Response:
        log.append(("failed", repr(exc)))
        return PlainTextResponse(f"failed {exc!r}", 500)

    _routes(app, log)
    return app, log


def _routes(app: FastAPI, log: Log) -> None:
    async def session() -> AsyncIterator[str]:
        log.append("open")
        try:
            yield MARK.get()
        finally:
            log.append("close")

    def token(x_token: str | None = None) -> str:
        return str(x_token)

    @app.get("/hello")
    async def hello() -> dict[str, str]:
        MARK.set("endpoint")
        return {"hello": "world"}

    @app.get("/plain")
    def plain() -> str:
        return MARK.get()

    @app.get("/items/{name}/{number}")
    async def items(
        name: str, number: int, request: Request, q: list[int] | None = None
    ) -> list[Any]:
        return [name, number, q, str(request.url), request.path_params]

    # The router asks it before the routes below, and leaves something in the scope.
    inner = APIRouter()
    inner.api_route("/inner/{n:int}", methods=["POST", "PUT"], include_in_schema=False)(token)
    inner.get("/slash/")(token)
    app.include_router(inner, prefix="/in")

    @app.get("/params/{part:path}")
    async def params(part: str, token: str = Depends(token)) -> tuple[str, str]:
        await asyncio.sleep(0)
        return part, token

    @app.post("/model")
    async def model(item: Item) -> Item:
        return item

    @app.post("/checked", status_code=201)
    async def checked(item: Checked, response: Response) -> Checked:
        response.headers["x-injected"] = "yes"
        response.set_cookie("k", "v")
        return item

    @app.post("/form")
    async def form(name: str = Form(), tags: list[str] = Form([])) -> Any:
        return [name, tags]

    @app.post("/upload")
    async def upload(file: UploadFile, name: str = Form("none"), fails: bool = False) -> Any:
        if fails:
            raise HTTPException(409, [name, file.file.closed])
        return [name, file.filename, len(await file.read())]

    @app.post("/raw")
    async def raw(request: Request) -> Any:
        return [len(await request.body()), await request.is_disconnected()]

    @app.get("/response")
    async def response() -> Response:
        return PlainTextResponse("text", 203, {"x-own": "1"})

    @app.get("/empty", status_code=204)
    async def empty() -> None:
        return None

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b"]))

    @app.get("/stream/{ends}")
    async def stream_further(ends: str, mark: str = Depends(session)) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            for n in range(3):
                log.append(("piece", n, MARK.get()))
                MARK.set(f"piece {n}")
                yield f"{n} {mark}"
                await asyncio.sleep(0)
            raise {
                "http": HTTPException(404), "refused": Refused("stream"), "value": ValueError("stream"),
                "cause": ExceptionGroup("two", [ValueError(), KeyError()]),
            }[ends]

        return StreamingResponse(pieces(), 201, {"x-stream": "1"}, "text/plain")

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> int:
        tasks.add_task(log.append, "background")
        return 1

    @app.get("/yield")
    async def yields(mark: str = Depends(session)) -> str:
        return mark

    @app.get("/stacks")
    async def stacks(request: Request) -> int:
        for key in ("fastapi_inner_astack", "fastapi_function_astack", "fastapi_middleware_astack"):
            request.scope[key].callback(log.append, key)
        return 1

    @app.get("/raise/{kind}")
    async def raises(kind: str) -> None:
        log.append(("endpoint", kind))
        raise {
            "http": HTTPException(404, "gone", {"x-why": "1"}),
            "refused": Refused("endpoint"),
            "zero": ZeroDivisionError(),
            "value": ValueError("endpoint"),
            "cancelled": asyncio.CancelledError("endpoint"),
        }[kind]

    @app.get("/odd")
    async def odd() -> Any:
        return {"number": complex(1, 2)}


def requests() -> list[tuple[str, str, bytes]]:
    """Method, target and content of each request; some match no route."""
    found = [("GET", path, b"") for path in (
        "/hello", "/plain", "/items/a/7?q=1&q=2", "/items/a/x", "/params/a/b?x_token=t",
        "/response", "/empty", "/stream", "/background", "/yield", "/stacks", "/raise/http",
        "/raise/refused", "/raise/zero", "/raise/value", "/raise/cancelled", "/raise/none", "/odd",
        "/nowhere", "/hello/", "/openapi.json", "/model", "/", "/nowhere/", "/in/slash?a=b", "/in/slash/",
        "/in/inner/7", "/in/inner/x", "/stream/http", "/stream/refused", "/stream/value", "/stream/cause",
    )]  # fmt: skip
    found += [
        ("POST", "/model", b'{"name": "a"}'),
        ("POST", "/model", b'{"name": '),
        ("POST", "/model", b'{"price": "x"}'),
        ("POST", "/checked", b'{"name": "good"}'),
        ("POST", "/checked", b'{"name": "bad"}'),
        ("POST", "/raw", b"x" * 5000),
        ("POST", "/in/inner/7?x_token=t", b""),
        ("POST", "/form", b"name=a+b&tags=%C3%A9&tags="),
        ("POST", "/form", b"tags=1"),
        ("POST", "/upload", UPLOADED),
        ("POST", "/upload?fails=yes", UPLOADED),
        ("POST", "/upload", UPLOADED.replace(b'"file"', b'"other"')),
        ("POST", "/upload", UPLOADED.replace(b"form-data", b"form")),
        ("POST", "/upload", UPLOADED.replace(b"text", b"x" * 1_100_000)),
        ("DELETE", "/hello", b""),
        ("DELETE", "/items/a/7", b""),
        ("BREW", "/hello", b""),
    ]
    return found
