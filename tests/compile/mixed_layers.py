"""Starlette's own middleware and the user's in every order, and what they are asked.

Each setup is drawn from a seed. What a layer of the user's sees of an answer goes to the
log: every message, and the messages once more when all is over.
"""

from __future__ import annotations

import asyncio
import gzip
import inspect
import json
import random
import tempfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

from dispatch_layers import Heads, Rescues, Shortens, by_function
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse
from itsdangerous import TimestampSigner
from layers import (
    Adds, Awaits, Catches, Copies, Fields, Layer, Log, Raises, Refused, Rewrites, Roots, Sends, Short, Tasks, make,
)  # fmt: skip
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.middleware import sessions
from starlette.middleware.sessions import SessionMiddleware
from wire import Request as Asked

Session: Any = getattr(sessions, "Session", dict)  # of older versions
FILE = tempfile.NamedTemporaryFile()
FILE_BYTES = FILE.write(b"a line of a file\n" * 10_000)
FILE.flush()
ORIGIN = ("Origin", "https://a.example")
PREFLIGHT = (ORIGIN, ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "X-A"))
GZIP = ("Accept-Encoding", "br, gzip")


class Sees(Layer):
    """Logs each message as it passes, and when the application has ended what has become of
    all of them, and of the scope's fields."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kept: list[Any] = []
        lists: list[Any] = []
        fields = scope["headers"]

        async def see(message: Any) -> None:
            self.log.append((id(self), {key: copied(value) for key, value in message.items()}))
            kept.append(message)
            lists.append(message.get("headers"))
            await send(message)

        try:
            await self.app(scope, receive, see)
        except BaseException as exc:
            self.log.append(repr(exc))
            raise
        finally:
            for message, seen in zip(kept, lists, strict=True):
                now = message.get("headers")
                self.log.append((id(self), message, copied(seen), now is seen))
            self.log.append(scope["headers"] == fields)


def _replaced(scope: Any, value: Any) -> None:
    scope["session"] = value


USES: dict[str, Callable[[Any], Any]] = {
    "reads": lambda scope: getattr(scope["session"], "mark_accessed", bool)(),
    "sets": lambda scope: scope["session"].update(n=1),
    "clears": lambda scope: scope["session"].clear(),
    "puts a session": lambda scope: _replaced(scope, Session(m=2)),
    "puts a changed session": lambda scope: (_replaced(scope, Session()), scope["session"].update(m=3)),
    "puts a dict": lambda scope: _replaced(scope, {"n": 2}),
    "sets an object": lambda scope: scope["session"].update(n=USES),
    "takes it away": lambda scope: scope.pop("session"),
}


class Uses(Layer):
    """Does something to the session, if there is one here."""

    def __init__(self, app: Any, log: Log, does: str, early: bool) -> None:
        super().__init__(app, log)
        self.does, self.early = does, early

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        def use() -> None:
            if isinstance(scope.get("session"), Session):
                USES[self.does](scope)
                self.log.append(repr(scope.get("session")) if self.does != "sets an object" else None)

        async def late(message: Any) -> None:
            if message["type"] == "http.response.start":
                use()
            await send(message)

        if self.early:
            use()
        await self.app(scope, receive, send if self.early else late)


def copied(value: Any) -> Any:
    return list(value) if isinstance(value, list) else value


class Late(Layer):
    """Gives the request another origin in the scope's own list, before or while it is
    answered."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def change(message: Any) -> None:
            if message["type"] == "http.response.start":
                scope["headers"].insert(0, (b"origin", b"https://late.example"))
            await send(message)

        await self.app(scope, receive, change)


class Early(Layer):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["headers"].append((b"origin", b"https://early.example"))
        scope["headers"].append((b"accept-encoding", b"gzip"))
        await self.app(scope, receive, send)


class Afterthought(Layer):
    """Changes the start of an answer after it was sent."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def change(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-afterthought", b"1"))

        await self.app(scope, receive, change)


class Answers(Layer):
    """Answers in messages of its own, of unusual forms as well."""

    def __init__(self, app: Any, log: Log, messages: list[dict[str, Any]]) -> None:
        super().__init__(app, log)
        self.messages = messages

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            for message in self.messages:
                await send({key: copied(value) for key, value in message.items()})
        except Exception as exc:
            self.log.append(type(exc).__name__)
            raise


def start(headers: Any = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "http.response.start", "status": 200, **more}
    return found if headers is None else {**found, "headers": headers}


def body(content: Any = b"", **more: Any) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, **more}


TEXT = (b"content-type", b"text/plain")
LONG = b"long enough to be worth it " * 40
LARGE = LONG * 200
NO_BODY = {"type": "http.response.body", "more_body": True}
ANSWERS: list[list[dict[str, Any]]] = [
    [start([TEXT]), body(LONG)],
    [start([TEXT]), body(b"tiny")],
    [start([TEXT]), body()],
    [start([TEXT, (b"content-length", b"1080")]), body(LONG)],
    [start([TEXT]), body(LONG, more_body=True), body(LONG, more_body=True), body()],
    [start([TEXT]), body(b"a", more_body=True), body(b"", more_body=True), body(b"b", more_body=False)],
    [start([TEXT]), body(LONG, more_body=True), {"type": "http.response.body"}],
    [start([TEXT]), NO_BODY, body(b"b")],
    [start([TEXT]), {"type": "http.response.body"}],
    [start([TEXT]), body(bytearray(LONG))],
    [start([TEXT]), body(LONG, more_body=1), body(memoryview(LONG), more_body=0)],
    [start([TEXT]), body(LONG, more_body=True), body("text", more_body=True)],
    [start(((b"content-type", b"text/plain"),)), body(LONG)],
    [start([[b"content-type", b"text/plain"]]), body(LONG)],
    [start([(b"Content-Type", b"text/plain"), (b"Vary", b"A"), (b"vary", b"B"), (b"vary", b"C")]), body(LONG)],
    [start(), body(LONG)],
    [start([TEXT], status=206), body(LONG)],
    [start([TEXT], status=304), body()],
    [start([TEXT], status=True), body(LONG)],
    [start([(b"content-type", b"Image/PNG; a=b")]), body(LONG)],
    [start([(b"content-type", b"text/event-stream")]), body(LONG, more_body=True), body(LONG)],
    [start([TEXT, (b"content-encoding", b"br")]), body(LONG, more_body=True), body(LONG)],
    [start([TEXT, (b"content-encoding", b"br")]), {"type": "http.response.debug"}, body(LONG)],
    [start([TEXT]), {"type": "http.response.debug", "info": 1}, body(LONG)],
    [start([TEXT]), start([TEXT]), body(LONG)],
    [start([TEXT]), start([TEXT], status=201), body(LONG)],
    [start([TEXT]), body(LONG, more_body=True), start([TEXT]), body()],
    [start([TEXT])],
    [start([TEXT]), body(LONG, more_body=True)],
    [start([TEXT]), body(LARGE)],
    [start([TEXT]), body(LARGE, more_body=True), body(LARGE[:70_000], more_body=True), body(b"end")],
    [start([TEXT]), body(LARGE[:70_000], more_body=True), body(bytearray(LARGE), more_body=True), body(LARGE)],
    [start([TEXT, (b"content-encoding", b"br")]), body(LARGE)],
    [body(LONG)],
    [],
    [{"type": "http.response.start", "headers": [TEXT]}, body(LONG)],
    [start([TEXT], status="200"), body(LONG)],
    [start([(b"content-type", "text/plain")]), body(LONG)],
    [start([(b"a b", b"c")]), body(LONG)],
    [{"no": "type"}],
]  # fmt: skip

# Makes the class and the options of a layer, by a random number generator.
Maker = Callable[[random.Random], tuple[Any, dict[str, Any]]]


def _cors(rng: random.Random) -> tuple[Any, dict[str, Any]]:
    return CORSMiddleware, rng.choice([
        {"allow_origins": ["*"]},
        {"allow_origins": ["*"], "allow_credentials": True, "expose_headers": ["X-B", "X-C"]},
        {"allow_origins": ["https://a.example"], "allow_headers": ["X-A"], "allow_credentials": True},
        {"allow_origins": ["https://b.example"]},
        {"allow_origin_regex": r"https://(a|late|early)\.example", "allow_methods": ["*"]},
    ])  # fmt: skip


def _gzip(rng: random.Random) -> tuple[Any, dict[str, Any]]:
    return GZipMiddleware, rng.choice([
        {"minimum_size": 0}, {"minimum_size": 1, "compresslevel": 1}, {},
        {"minimum_size": 10, "thread_minimum_size": 100},
        {"minimum_size": 10, "exclude_content_types": ("application/json",)},
    ])  # fmt: skip


def _session(rng: random.Random) -> tuple[Any, dict[str, Any]]:
    return SessionMiddleware, rng.choice([
        {"secret_key": "secret"}, {"secret_key": "secret", "max_age": None},
        {"secret_key": "other", "session_cookie": "theme", "https_only": True},
    ])  # fmt: skip


def _uses(rng: random.Random) -> tuple[Any, dict[str, Any]]:
    return Uses, {"does": rng.choice(list(USES)), "early": rng.random() < 0.5}


def _hosts(rng: random.Random) -> tuple[Any, dict[str, Any]]:
    hosts = rng.choice([["*"], ["*.example"], ["www.c.test", "b.example"]])
    return TrustedHostMiddleware, {"allowed_hosts": hosts}


def _https(rng: random.Random) -> tuple[Any, dict[str, Any]]:
    return HTTPSRedirectMiddleware, {}


def _answers(rng: random.Random) -> tuple[Any, dict[str, Any]]:
    return Answers, {"messages": rng.choice(ANSWERS)}


def _fails(rng: random.Random) -> tuple[Any, dict[str, Any]]:
    error = rng.choice([lambda: ValueError("layer"), lambda: Refused("layer"), asyncio.CancelledError])
    if rng.random() < 0.5:
        return Raises, {"error": error, "after": rng.random() < 0.5}
    at = rng.choice(["http.response.start", "http.response.body"])
    return Sends, {"error": error, "at": at, "through": rng.random() < 0.5}


NATIVE: list[Maker] = [_cors, _cors, _cors, _gzip, _gzip, _gzip, _hosts, _hosts, _https, _session, _session, _session]
PLAIN: list[Maker] = [lambda rng, cls=cls: (cls, {}) for cls in (
    Sees, Sees, Sees, Adds, Awaits, Copies, Fields, Rewrites, Roots, Catches, Tasks, Late, Early, Afterthought,
    Short, Heads, Heads, by_function, by_function, Rescues, Shortens,
)]  # fmt: skip
PLAIN += [_answers, _answers, _answers, _fails, _uses, _uses, _uses]


def setup(seed: object) -> list[tuple[Any, dict[str, Any]]]:
    """One to five layers, outermost first, of which some are native, and most times some are
    not."""
    rng = random.Random(str(seed))
    makers = [rng.choice(NATIVE) for _ in range(rng.randint(1, 3))]
    makers += [rng.choice(PLAIN) for _ in range(rng.choice([0, 1, 1, 2, 2]))]
    rng.shuffle(makers)
    return [maker(rng) for maker in makers]


def dispatches(seed: object) -> bool:
    return any(cls is by_function or issubclass(cls, BaseHTTPMiddleware) for cls, _ in setup(seed))


def known(cls: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Those that the class has in this version of Starlette."""
    names = inspect.signature(cls).parameters
    return {name: value for name, value in options.items() if name in names}


class Logged:
    """A layer that takes no log, in the place of its class."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls

    def __call__(self, app: Any, log: Log, **options: Any) -> Any:
        return self.cls(app, **known(self.cls, options))


def application(layers: list[tuple[Any, dict[str, Any]]]) -> tuple[FastAPI, Log]:
    natives = (CORSMiddleware, GZipMiddleware, TrustedHostMiddleware, HTTPSRedirectMiddleware, SessionMiddleware)
    app, log = make([
        (Logged(cls) if cls in natives else cls, options) for cls, options in layers
    ])

    @app.get("/long")
    async def long(n: int = 1000) -> Any:
        return {"long": "x" * n}

    @app.get("/pieces")
    async def pieces(n: int) -> Response:
        return StreamingResponse((b"%d" % i * n for i in range(3)), media_type="text/plain")

    @app.get("/file")
    async def file() -> Response:
        return FileResponse(FILE.name, media_type="text/plain")

    @app.get("/vary")
    async def vary() -> Response:
        headers = {"Vary": "Cookie", "Access-Control-Allow-Origin": "https://own.example"}
        return PlainTextResponse("varies " * 20, headers=headers)

    @app.get("/packed")
    async def packed() -> Response:
        return Response(b"packed already", media_type="image/png")

    @app.get("/session")
    async def session(request: Request) -> Any:
        found = request.scope.get("session")
        if found is not None:
            found["seen"] = found.get("seen", 0) + 1
        return repr(found)

    return app, log


TARGETS = (
    "/hello", "/hello", "/hello", "/plain", "/items/a/7?q=1", "/items/a/x", "/response", "/empty", "/stream",
    "/background", "/yield", "/raise/http", "/raise/refused", "/raise/value", "/odd", "/nowhere", "/hello/",
    "/session", "/session", "/session", "/long", "/long", "/long?n=20", "/vary", "/packed",
    "/long?n=70000", "/long?n=200000", "/pieces?n=2000", "/pieces?n=70000", "/pieces?n=200000", "/file",
)  # fmt: skip


def _cookie(name: str) -> str:
    signer = TimestampSigner("secret" if name == "session" else "other")
    data = b64encode(json.dumps({"user": 7}).encode())
    return f"{name}={signer.sign(data).decode()}"


def asked(seed: object, count: int) -> Iterator[Asked]:
    rng = random.Random(f"asked {seed}")
    for _ in range(count):
        host = rng.choice(["a.example", "a.example", "a.example", "c.test", "bad host", "b.example:80"])
        more = rng.choice([(), (ORIGIN,), (GZIP,), (ORIGIN, GZIP), (("Origin", "https://z.example"), GZIP)])
        method = rng.choice(["GET"] * 6 + ["HEAD", "OPTIONS", "DELETE"])
        if method == "OPTIONS" and rng.random() < 0.8:
            more = (*PREFLIGHT, *more[1:])
        cookie = rng.choice([None, None, "session=x", "theme=dark", _cookie("session"), _cookie("theme")])
        more = more if cookie is None else (*more, ("Cookie", cookie))
        content = b""
        target = rng.choice(TARGETS)
        if rng.random() < 0.1:
            method, target, content = "POST", "/model", rng.choice([b'{"name": "a"}', b"{", b"{}"])
            more = (*more, ("Content-Type", "application/json"))
        yield Asked(method, target, (("Host", host), *more), content)


def plain_answer(data: bytes) -> tuple[Any, ...]:
    """An answer's head and content, unpacked: the same content may be packed in more than
    one way."""
    head, _, content = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if b"content-encoding: gzip" not in lines:
        return lines, content
    if b"transfer-encoding: chunked" in lines:
        sizes, content = _dechunked(content)
        whole = content and zlib.decompressobj(31).decompress(content)
        # What a file becomes is kept, and then goes out in one.
        return lines, len(whole) == FILE_BYTES or sizes, whole
    known = b"content-length: %d" % len(content)
    lines = [b"content-length: packed" if line == known and content else line for line in lines]
    if not content:  # HEAD: nobody can unpack it
        lines = [line for line in lines if not line.startswith(b"content-length: ")]
    return lines, content and gzip.decompress(content)


def _dechunked(content: bytes) -> tuple[int, bytes]:
    """How many chunks there are, and what is in them."""
    found, n = b"", 0
    while content:
        size, _, content = content.partition(b"\r\n")
        found, content = found + content[: int(size or b"0", 16)], content[int(size or b"0", 16) + 2:]
        n += 1
    return n, found


def plain_log(log: Log) -> list[Any]:
    """The log with messages unpacked, and without what differs between processes."""
    unpackers: dict[int, Any] = {}
    names: dict[int, int] = {}
    return [_plain_entry(entry, unpackers, names) for entry in log]


def _plain_entry(entry: Any, unpackers: dict[int, Any], names: dict[int, int]) -> Any:
    if not (isinstance(entry, tuple) and len(entry) > 1 and isinstance(entry[1], dict) and type(entry[0]) is int):
        return tuple(map(_plain_fields, entry)) if isinstance(entry, tuple) else entry
    layer, message, *rest = entry
    name = names.setdefault(layer, len(names))
    message = {key: _plain_fields(value) for key, value in message.items()}
    rest = [_plain_fields(value) for value in rest]
    if rest:  # once more: the content was compared when it passed
        return name, {key: value for key, value in message.items() if key != "body"}, rest
    if message.get("type") == "http.response.start":
        packed = (b"content-encoding", b"gzip") in message.get("headers", ())
        unpackers[layer] = zlib.decompressobj(31) if packed else None
    elif unpackers.get(layer) is not None and message.get("body"):
        message["body"] = unpackers[layer].decompress(message["body"])
    return name, message, rest


def _plain_fields(value: Any) -> Any:
    """A list of fields, with the length of packed content left out."""
    if not isinstance(value, (list, tuple)) or (b"content-encoding", b"gzip") not in value:
        return value
    return [pair for pair in value if pair[0] != b"content-length"]
