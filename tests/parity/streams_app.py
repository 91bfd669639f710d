"""Streaming responses of every kind; ``noted`` says what their iterators have seen."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import anyio
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask

app = FastAPI()
noted: list[Any] = []
variable = contextvars.ContextVar("variable", default="unset")


class Custom(Exception):
    pass


@app.exception_handler(Custom)
async def custom(_request: Request, exc: Custom) -> JSONResponse:
    return JSONResponse({"custom": str(exc)}, 418)


class Own(StreamingResponse):
    media_type = "text/own"


class Different(StreamingResponse):
    async def stream_response(self, send: Any) -> None:
        noted.append("different")
        await super().stream_response(send)


async def pieces(n: int = 5, wait: bool = False) -> AsyncIterator[Any]:
    for i in range(n):
        if wait:
            await asyncio.sleep(0)
        yield b"piece %d\n" % i


async def texts() -> AsyncIterator[Any]:
    yield "text \xe9\u20ac"
    yield b""
    yield memoryview(b"memory")
    yield "x" * 100_000


def plain() -> Iterator[str]:
    yield from "abc"


async def raising(exc: BaseException, before: int = 1) -> AsyncIterator[bytes]:
    for _ in range(before):
        yield b"before"
    raise exc


def plain_raising() -> Iterator[bytes]:
    yield b"before"
    raise Custom("plain")


async def chained() -> AsyncIterator[bytes]:
    yield b"x"
    try:
        raise KeyError("inner")
    except KeyError:
        raise ValueError("outer")  # noqa: B904


async def wrong() -> AsyncIterator[Any]:
    yield 3


async def times_out() -> AsyncIterator[bytes]:
    yield b"first"
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(10)
    except TimeoutError:
        yield b"timeout"
    with anyio.move_on_after(0):
        await anyio.sleep(10)
    yield b"moved on"
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 0)
    yield b"grouped"
    yield str(await anyio.to_thread.run_sync(len, "four"))  # type: ignore[misc]


async def sets() -> AsyncIterator[str]:
    yield variable.get()
    variable.set("stream's")
    yield variable.get()


async def cancels_itself() -> AsyncIterator[bytes]:
    yield b"x"
    raise asyncio.CancelledError


async def endless() -> AsyncIterator[bytes]:
    try:
        while True:
            yield b"x" * 10_000
            await asyncio.sleep(0)
    except BaseException as exc:
        noted.append(type(exc).__name__)
        try:
            await asyncio.sleep(0)
        except BaseException as again:
            noted.append("again " + type(again).__name__)
        raise
    finally:
        noted.append("finally")


async def hangs() -> AsyncIterator[bytes]:
    """Waits for something that never comes."""
    try:
        yield b"first"
        await asyncio.sleep(3600)
    except BaseException as exc:
        noted.append(type(exc).__name__)
        try:
            await asyncio.sleep(0)
        except BaseException as again:
            noted.append("again " + type(again).__name__)
        raise
    finally:
        noted.append("finally")


class Counts:
    """An iterator of its own class, whose ``__anext__`` gives what ``given`` makes."""

    def __init__(self, given: Any) -> None:
        self.left, self.given = 3, given

    def __aiter__(self) -> Any:
        return self

    def __anext__(self) -> Any:
        self.left -= 1
        return self.given(self.left)


class EndsAtOnce(Counts):
    """Says that it is over before there is anything to wait for."""

    def __anext__(self) -> Any:
        if self.left == 0:
            raise StopAsyncIteration
        return super().__anext__()


async def countdown(left: int) -> bytes:
    await asyncio.sleep(0)
    if left < 0:
        raise StopAsyncIteration
    return b"%d left\n" % left


class NoNext:
    def __aiter__(self) -> int:
        return 3


def of_iterator(iterator: Any) -> StreamingResponse:
    response = StreamingResponse(pieces())
    response.body_iterator = iterator
    return response


MAKE: dict[str, Any] = {
    "iterator": lambda: StreamingResponse(Counts(countdown)),
    "plain next": lambda: StreamingResponse(Counts(str)),
    "plain end": lambda: StreamingResponse(EndsAtOnce(countdown)),
    "no next": lambda: of_iterator(NoNext()),
    "no iterator": lambda: of_iterator(3),
    "pieces": lambda: StreamingResponse(pieces()),
    "waiting": lambda: StreamingResponse(pieces(wait=True)),
    "none": lambda: StreamingResponse(pieces(0)),
    "many": lambda: StreamingResponse(pieces(3000)),
    "texts": lambda: StreamingResponse(texts(), media_type="text/plain"),
    "plain": lambda: StreamingResponse(plain(), 201, {"X-A": "b"}),
    "list": lambda: StreamingResponse([b"a", "b"]),
    "own": lambda: Own(pieces()),
    "different": lambda: Different(pieces()),
    "length": lambda: StreamingResponse(pieces(1), headers={"Content-Length": "8"}),
    "short": lambda: StreamingResponse(pieces(2), headers={"Content-Length": "8"}),
    "long": lambda: StreamingResponse(pieces(1), headers={"Content-Length": "80"}),
    "204": lambda: StreamingResponse(pieces(0), 204),
    "304": lambda: StreamingResponse(pieces(2), 304),
    "raises": lambda: StreamingResponse(raising(ValueError("text"))),
    "raises first": lambda: StreamingResponse(raising(ValueError("text"), 0)),
    "http": lambda: StreamingResponse(raising(HTTPException(404, "late"))),
    "custom": lambda: StreamingResponse(raising(Custom("late"), 3)),
    "custom first": lambda: StreamingResponse(raising(Custom("early"), 0)),
    "plain raises": lambda: StreamingResponse(plain_raising()),
    "exits": lambda: StreamingResponse(raising(GeneratorExit())),
    "group": lambda: StreamingResponse(raising(ExceptionGroup("g", [Custom("in a group")]))),
    "chained": lambda: StreamingResponse(chained()),
    "wrong": lambda: StreamingResponse(wrong()),
    "times out": lambda: StreamingResponse(times_out()),
    "sets": lambda: StreamingResponse(sets()),
    "cancels itself": lambda: StreamingResponse(cancels_itself()),
    "bad field": lambda: StreamingResponse(pieces(), headers={"X": "a\r\nb"}),
    "endless": lambda: StreamingResponse(endless()),
    "hangs": lambda: StreamingResponse(hangs()),
}


@app.get("/noted")
async def get_noted() -> Any:
    found = [*noted, variable.get()]
    noted.clear()
    return found


@app.api_route("/async/{name}", methods=["GET", "HEAD", "POST"])
async def from_async(name: str) -> StreamingResponse:
    variable.set("endpoint's")
    return MAKE[name]()  # type: ignore[no-any-return]


@app.api_route("/plain/{name}", methods=["GET"])
def from_plain(name: str) -> StreamingResponse:
    return MAKE[name]()  # type: ignore[no-any-return]


@app.api_route("/task/{name}", methods=["GET"])
async def from_task(name: str, request: Request) -> StreamingResponse:
    await asyncio.sleep(0)
    return MAKE[name]()  # type: ignore[no-any-return]


@app.api_route("/background/{name}", methods=["GET"])
async def with_background(name: str, tasks: BackgroundTasks) -> StreamingResponse:
    tasks.add_task(noted.append, "background")
    return MAKE[name]()  # type: ignore[no-any-return]


async def held() -> AsyncIterator[str]:
    variable.set("held")
    noted.append("enter held")
    try:
        yield "held"
    except BaseException as exc:
        noted.append(f"held sees {type(exc).__name__}")
        raise
    finally:
        noted.append(f"exit held, {variable.get()}")


def plain_held(_: Annotated[str, Depends(held)]) -> Iterator[str]:
    noted.append("enter plain")
    try:
        yield "plain"
    except Custom as exc:
        noted.append(f"plain sees {exc}")
        raise ValueError("instead") from exc
    finally:
        noted.append("exit plain")


# Older versions leave every dependency at the same time.
EARLY: Any = {"scope": "function"} if "scope" in inspect.signature(Depends).parameters else {}


def early() -> Iterator[None]:
    yield
    noted.append("exit early")


def exit_fails(fails: str = "") -> Iterator[None]:
    yield
    noted.append("fails at its exit")
    if fails:
        raise {"custom": Custom, "value": ValueError, "http": KeyError}[fails](fails)


@app.api_route("/held/{name}", methods=["GET", "HEAD"])
async def with_dependencies(
    name: str,
    tasks: BackgroundTasks,
    request: Request,
    _one: Annotated[str, Depends(plain_held)],
    _two: Annotated[None, Depends(early, **EARLY)],
    _three: Annotated[None, Depends(exit_fails)],
) -> StreamingResponse:
    tasks.add_task(noted.append, "background")
    request.state.seen = "yes"
    return MAKE[name]()  # type: ignore[no-any-return]


@app.get("/threads/{name}")
def in_threads(name: str, _one: Annotated[None, Depends(exit_fails)]) -> StreamingResponse:
    return MAKE[name]()  # type: ignore[no-any-return]


@app.get("/own-task/{name}")
async def with_its_own_task(name: str) -> StreamingResponse:
    response: StreamingResponse = MAKE[name]()
    response.background = BackgroundTask(noted.append, "its own background")
    return response


@app.get("/closes/{name}")
async def closes_later(name: str, request: Request) -> StreamingResponse:
    """User code puts something on FastAPI's own stacks."""
    for stack in ("fastapi_inner_astack", "fastapi_middleware_astack"):
        request.scope[stack].callback(noted.append, f"left: {stack}")
    return MAKE[name]()  # type: ignore[no-any-return]


@app.get("/polls/{name}")
async def polls(name: str, request: Request) -> StreamingResponse:
    async def content() -> AsyncIterator[str]:
        while not await request.is_disconnected():
            yield name * 1000
        noted.append("polled")

    return StreamingResponse(content())


@app.get("/asks/{what}")
async def asks(what: str, request: Request) -> StreamingResponse:
    async def content() -> AsyncIterator[str]:
        yield str(await request.is_disconnected())
        yield "asked"

    return StreamingResponse(content())
