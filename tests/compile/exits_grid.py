"""Applications whose dependencies have ``yield``, and everything that may happen in them.

A route has a shape: which dependencies there are, of which kind and scope, and what the
endpoint is. What each of them does in a request is its ``Case``'s; what has happened is the
``LOG``'s.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware

LOG: list[str] = []
PATIENCE = 10_000  # milliseconds
seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="")

# What a dependency does. The name says where it raises.
QUIET = ("ok", "finally", "swallow", "again", "translate")
LOUD = ("before", "before-http", "before-stop", "after", "after-http", "after-stop", "twice", "never",
        "finally-http", "other")  # fmt: skip
DOES = (*QUIET, *LOUD)
ENDS = ("plain", "value-error", "http", "refused", "invalid", "response", "stream", "broken", "query")
BACKGROUND = ("", "injected", "own", "both", "raises")


class Refused(Exception):
    pass


class Out(BaseModel):
    n: int


@dataclass(frozen=True)
class Shape:
    """``dependencies``: of each its kind (async, plain) and its scope; ``how``: side (by
    side), in (each needs the one before), cached (the first is needed twice)."""

    dependencies: tuple[tuple[str, str], ...]
    how: str
    endpoint: str  # async, plain
    requests: bool  # do the functions get the Request?

    def path(self) -> str:
        names = [f"{kind}-{scope}" for kind, scope in self.dependencies]
        return "/".join(["", *names, self.how, self.endpoint, str(self.requests)])


@dataclass(frozen=True)
class Case:
    shape: Shape
    does: tuple[str, ...]
    end: str  # query: the endpoint's parameter is invalid
    background: str

    def target(self) -> str:
        return self.shape.path() + ("?q=x" if self.end == "query" else "")

    def __str__(self) -> str:
        return f"{self.shape.path()} {','.join(self.does)} {self.end} {self.background}"


@dataclass
class Now:
    """The case of the request in hand."""

    does: tuple[str, ...] = ()
    end: str = ""
    background: str = ""


NOW = Now()


def begin(case: Case) -> None:
    """The next request is this one."""
    LOG.clear()
    NOW.does, NOW.end, NOW.background = case.does, case.end, case.background


def note(text: str) -> None:
    LOG.append(f"{text} [{seen.get()}]")
    seen.set(text)


def before(at: int) -> None:
    note(f"enter {at}")
    if NOW.does[at] == "before":
        raise ValueError(f"before {at}")
    if NOW.does[at] == "before-http":
        raise HTTPException(419, f"before {at}")
    if NOW.does[at] == "before-stop":
        raise StopAsyncIteration(f"before {at}")


def caught(at: int, exc: BaseException) -> None:
    """What a dependency does with an exception at its yield."""
    note(f"caught {at} {exc!r} {exc.__cause__!r} {exc.__context__!r}")
    does = NOW.does[at]
    if does == "swallow":
        return
    if does == "translate":
        raise HTTPException(418, f"translated {at}") from exc
    if does == "other":
        raise KeyError(at)
    raise exc


def after(at: int) -> None:
    does = NOW.does[at]
    if does == "after":
        raise ValueError(f"after {at}")
    if does == "after-http":
        raise HTTPException(417, f"after {at}")
    if does == "after-stop":
        raise StopAsyncIteration(f"after {at}")


def left(at: int) -> None:
    note(f"left {at}")
    if NOW.does[at] == "finally-http":
        raise HTTPException(416, f"finally {at}")


def is_early() -> bool:
    """Has the client no answer, though nothing has failed? What comes after the answer waits
    for it."""
    return "answered" not in LOG and not any(text.startswith("caught") for text in LOG)


async def wait(patience: int) -> None:
    for _ in range(patience):
        if not is_early():
            break
        await asyncio.sleep(0.001)


def wait_plainly(patience: int) -> None:
    for _ in range(patience):
        if not is_early():
            break
        time.sleep(0.001)


def make_dependency(at: int, kind: str, scope: str, below: Any, requests: bool) -> Any:
    """The dependency with that number; ``below`` is the one that it needs, or None."""
    patience = 3 if scope == "function" else PATIENCE
    needs = below if below is not None else Depends(lambda: None)

    def plain(value: Any) -> Iterator[Any]:
        before(at)
        if NOW.does[at] == "never":
            return
        try:
            try:
                yield (at, value)
            except Exception as exc:
                caught(at, exc)
            else:
                wait_plainly(patience)
                after(at)
        finally:
            left(at)
        if NOW.does[at] == "twice":
            yield 1

    async def asynchronous(value: Any = needs) -> AsyncIterator[Any]:
        await asyncio.sleep(0)
        before(at)
        if NOW.does[at] == "never":
            return
        try:
            try:
                yield (at, value)
            except Exception as exc:
                await asyncio.sleep(0)
                caught(at, exc)
            else:
                await wait(patience)
                after(at)
        finally:
            left(at)
        if NOW.does[at] == "twice":
            yield 1

    def plain_of_request(request: Request, value: Any = needs) -> Iterator[Any]:
        yield from plain(value)

    def plain_alone(value: Any = needs) -> Iterator[Any]:
        yield from plain(value)

    async def of_request(request: Request, value: Any = needs) -> AsyncIterator[Any]:
        async with asynccontextmanager(asynchronous)(value) as sent:
            yield sent

    if kind == "plain":
        return plain_of_request if requests else plain_alone
    return of_request if requests else asynchronous


async def later(text: str) -> None:
    await wait(PATIENCE)
    note(f"background {text}")
    if NOW.background == "raises":
        raise ValueError("background")


def later_plainly(text: str) -> None:
    wait_plainly(PATIENCE)
    note(f"background {text}")


def end(tasks: BackgroundTasks) -> Any:
    note(f"endpoint {NOW.end}")
    if NOW.background in ("injected", "both", "raises"):
        tasks.add_task(later, "injected")
        tasks.add_task(later_plainly, "plain")
    if NOW.end == "value-error":
        raise ValueError("endpoint")
    if NOW.end == "http":
        raise HTTPException(404, "endpoint", {"x-why": "none"})
    if NOW.end == "refused":
        raise Refused("endpoint")
    if NOW.end == "invalid":
        return {"n": "none"}
    own = None
    if NOW.background in ("own", "both"):
        own = BackgroundTasks()
        own.add_task(later, "own")
    if NOW.end == "response" or (own is not None and NOW.end == "plain"):
        return PlainTextResponse("text", 201, {"x-a": "b"}, background=own)
    if NOW.end == "stream":
        return StreamingResponse(stream(), background=own)
    if NOW.end == "broken":
        return Broken("broken", background=own)
    return {"n": 1}


class Broken(PlainTextResponse):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        note("broken")
        raise Refused("response")


async def stream() -> AsyncIterator[bytes]:
    for n in range(3):
        await asyncio.sleep(0)
        note(f"piece {n}")
        yield b"piece %d\n" % n


def add_route(app: FastAPI, shape: Shape) -> None:
    made: list[Any] = []
    for at, (kind, scope) in enumerate(shape.dependencies):
        below = made[-1] if made and shape.how == "in" else None
        scopes = {"scope": scope} if scope else {}
        made.append(Depends(make_dependency(at, kind, scope, below, shape.requests), **scopes))
    if shape.how == "cached":
        made.append(made[0])
    used = made[-1:] if shape.how == "in" else made
    names = [f"d{n}" for n in range(len(used))]
    call = {"end": end, "BackgroundTasks": BackgroundTasks, "used": used}
    arguments = ", ".join(["tasks: BackgroundTasks", "q: int = 0", *(f"{n}=used[{i}]" for i, n in enumerate(names))])
    word = "async def" if shape.endpoint == "async" else "def"
    exec(f"{word} endpoint({arguments}):\n    return end(tasks)\n", call)
    app.add_api_route(shape.path(), call["endpoint"], response_model=Out)


def shapes(scopes: bool) -> list[Shape]:
    """``scopes``: does this version of FastAPI have scopes of dependencies?"""
    ones = list(itertools.product(("async", "plain"), ("request", "function") if scopes else ("",)))
    found = []
    for endpoint, requests in itertools.product(("async", "plain"), (False, True)):
        found += [Shape((one,), "side", endpoint, requests) for one in ones]
        found += [Shape((one,), "cached", endpoint, requests) for one in ones]
        for pair in itertools.product(ones, ones):
            found.append(Shape(pair, "side", endpoint, requests))
            # FastAPI refuses a late one that needs an early one.
            if not (pair[0][1] == "function" and pair[1][1] == "request"):
                found.append(Shape(pair, "in", endpoint, requests))
    return found


def cases(scopes: bool, n: int, seed: int) -> list[Case]:
    """Of one dependency every case, of two a sample of ``n``."""
    chosen = random.Random(seed)
    found = []
    for shape in shapes(scopes):
        if len(shape.dependencies) == 1:
            found += [
                Case(shape, (does,), end, "") for does, end in itertools.product(DOES, ENDS)
            ]
            found += [
                Case(shape, (does,), end, background)
                for does in ("ok", "after", "finally-http", "swallow")
                for end in ("plain", "response", "stream", "http")
                for background in BACKGROUND[1:]
            ]
    pairs = [shape for shape in shapes(scopes) if len(shape.dependencies) == 2]
    for _ in range(n):
        does = (chosen.choice(DOES), chosen.choice(DOES))
        found.append(
            Case(chosen.choice(pairs), does, chosen.choice(ENDS), chosen.choice(("", "", *BACKGROUND)))
        )
    return found


class Passes:
    """A layer that notes the messages of the answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def look(message: Any) -> None:
            note(f"layer {message['type']}")
            await send(message)

        try:
            await self.app(scope, receive, look)
        finally:
            note("layer over")


class Fails(Passes):
    """Its `send` raises for the content."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def fail(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                raise Refused("layer")

        await self.app(scope, receive, fail)


class Scopes(Passes):
    """Puts a cancel scope around the application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        with anyio.CancelScope():
            await self.app(scope, receive, send)


class Dispatches(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        note("dispatch")
        response: Response = await call_next(request)
        response.headers["x-dispatch"] = "1"
        return response


LAYERS: dict[str, tuple[Any, ...]] = {
    "asgi": (Passes,), "dispatch": (Dispatches,), "asgi, dispatch": (Passes, Dispatches),
    "dispatch, asgi": (Dispatches, Passes), "fails": (Passes, Fails), "scopes": (Scopes,),
    "two dispatch": (Dispatches, Dispatches),
}  # fmt: skip


def make(scopes: bool, layers: tuple[Any, ...] = ()) -> FastAPI:
    app = FastAPI()
    for layer in reversed(layers):
        app.add_middleware(layer)

    @app.exception_handler(Refused)
    async def refused(request: Request, exc: Refused) -> JSONResponse:
        note("handler")
        return JSONResponse({"refused": str(exc)}, 418)

    for shape in shapes(scopes):
        add_route(app, shape)
    return app
