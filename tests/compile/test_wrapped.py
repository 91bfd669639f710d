"""What a dispatch layer's Request passes on: C does so in the place of wrapped_receive(), and
gives the same messages and leaves the same marks, whatever has come and whoever has read."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest
from starlette.middleware.base import BaseHTTPMiddleware, _CachedRequest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse

from fastrapi.compile.dispatch import application_of
from fastrapi.loop import EventLoop


def piece(body: Any, more: Any) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


class Odd(dict):  # type: ignore[type-arg]
    """A message of a class of its own."""

    def get(self, key: str, default: Any = None) -> Any:
        return b"odd" if key == "body" else super().get(key, default)


ARRIVING: dict[str, list[Any]] = {
    "one": [piece(b"a", False)],
    "two": [piece(b"a", True), piece(b"b", False)],
    "empty ones": [piece(b"", True), piece(b"", True), piece(b"b", True), piece(b"", False)],
    "nothing": [piece(b"", False)],
    "neither key": [{"type": "http.request"}],
    "leaves": [piece(b"a", True), {"type": "http.disconnect"}],
    "left": [{"type": "http.disconnect"}],
    "no type": [{}],
    "another type": [{"type": "else"}, piece(b"a", False)],
    "a class of its own": [Odd(piece(b"a", True)), Odd(piece(b"a", False))],
    "raises": [ValueError("of receive")],
    "says that the client has left": [ClientDisconnect()],
    "no bytes": [piece("text", True), piece(None, 0), piece(b"", False)],
}
READS = ("nothing", "body", "a piece", "all pieces", "in between")
MARKS = ("_stream_consumed", "_is_disconnected", "_wrapped_rcv_consumed",
         "_wrapped_rcv_disconnected")  # fmt: skip


async def one(put: Any, arriving: list[Any], reads: str) -> list[Any]:
    """All that user code sees."""
    log: list[Any] = []
    left = iter(arriving)
    requests: list[Request] = []

    async def receive() -> Any:
        log.append("receive")
        await asyncio.sleep(0)
        message = next(left, None)
        if message is None:
            return {"type": "http.disconnect"}
        if isinstance(message, Exception):
            raise message
        return message

    async def send(message: Any) -> None:
        log.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for number in range(4):
            try:
                log.append(("app", await receive()))
            except Exception as exc:
                log.append(("app", repr(exc)))
            log.append([getattr(requests[0], mark) for mark in MARKS])
            if reads == "in between" and number == 0:
                await read(requests[0], "all pieces")
        await PlainTextResponse("done")(scope, receive, send)

    async def read(request: Request, how: str) -> None:
        try:
            if how == "body":
                log.append(await request.body())
            elif how == "a piece":
                log.append(await anext(request.stream()))
            elif how == "all pieces":
                log.append([part async for part in request.stream()])
        except Exception as exc:
            log.append(("dispatch", repr(exc)))

    class Layer(BaseHTTPMiddleware):
        async def dispatch(self, request: Request, call_next: Any) -> Any:
            requests.append(request)
            await read(request, reads)
            return await call_next(request)

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    await put(Layer(app))(scope, receive, send)
    return log


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("arriving", ARRIVING)
def test_the_same_messages_and_marks(arriving: str, reads: str) -> None:
    async def main() -> tuple[list[Any], list[Any]]:
        theirs = await one(lambda layer: layer, ARRIVING[arriving], reads)
        return theirs, await one(application_of, ARRIVING[arriving], reads)

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        theirs, ours = runner.run(main())
    assert ours == theirs


@pytest.mark.parametrize(
    ("where", "name"), [("class", "stream"), ("request", "stream"), ("class", "wrapped_receive")]
)
def test_a_method_of_somebody_else_is_called(
    where: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    original = getattr(_CachedRequest, name)

    def replaced(request: Any) -> Any:
        called.append(name)
        return original(request)

    if where == "class":
        monkeypatch.setattr(_CachedRequest, name, replaced)

    class Layer(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            if where == "request":
                request.stream = functools.partial(replaced, request)
            return await call_next(request)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["body"] == b"a"
        await PlainTextResponse("done")(scope, receive, send)

    async def receive() -> Any:
        return piece(b"a", False)

    async def send(message: Any) -> None:
        pass

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(application_of(Layer(app))(scope, receive, send))
    assert called == [name]
