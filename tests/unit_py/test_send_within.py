"""User code that runs while send() reads a message, and goes on with the answer: what was read may
be due no more, and the exchange may be gone. Also iterators that change their class, or are called
while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastrapi import EventLoop
from fastrapi.testclient import MemoryConnection

START = {"type": "http.response.start", "status": 200, "headers": []}
END = {"type": "http.response.body", "body": b"within"}
HOST = b"Host: a\r\n"


def sent(send: Any, *messages: dict[str, Any]) -> None:
    """Send them now: none of them has to wait."""
    for message in messages:
        coroutine = send(message)
        with pytest.raises(StopIteration):
            coroutine.send(None)


class Number:
    """A truth, a number and a sequence that runs code when it is asked."""

    def __init__(self, run: Callable[[], None]) -> None:
        self.run = run

    def __bool__(self) -> bool:
        self.run()
        return False

    def __index__(self) -> int:
        self.run()
        return 200

    def __iter__(self) -> Iterator[Any]:
        self.run()
        yield b"x-field", b"value"


class Type(str):
    def __new__(cls, text: str, run: Callable[[], None]) -> Type:
        made = super().__new__(cls, text)
        made.__dict__["run"] = run
        return made

    def __eq__(self, other: object) -> bool:
        self.__dict__.pop("run", lambda: None)()
        return str(self) == str(other)

    __hash__ = str.__hash__


class FailingType(str):
    def __eq__(self, other: object) -> bool:
        raise LookupError("no comparison")

    __hash__ = str.__hash__


class Asked(dict[str, Any]):
    """A message that runs code when it is asked for a key, once."""

    def __init__(self, of: dict[str, Any], key: str, run: Callable[[], None]) -> None:
        super().__init__(of)
        self.runs = {key: run}

    def __getitem__(self, key: str) -> Any:
        self.runs.pop(key, lambda: None)()
        return super().__getitem__(key)


def message(name: str, run: Callable[[], None]) -> dict[str, Any]:
    number = Number(run)
    return {
        "more": {**END, "more_body": number},
        "content": {**END, "body": number},
        "type": {**END, "type": Type("http.response.body", run)},
        "asked type": Asked(END, "type", run),
        "asked content": Asked(END, "body", run),
        "asked more": Asked(END, "more_body", run),
        "status": {**START, "status": number},
        "fields": {**START, "headers": number},
        "a field": {**START, "headers": [number]},
    }[name]


def answers(application: Any, requests: int = 3) -> tuple[bytes, list[str]]:
    """What a client gets for pipelined requests, and what the application has noted."""
    notes: list[str] = []

    async def main() -> bytes:
        connection = MemoryConnection(lambda scope, receive, send: application(scope, receive, send, notes))
        connection.feed(b"".join(b"GET /%d HTTP/1.1\r\n%s\r\n" % (i, HOST) for i in range(requests)))
        answer = b""
        while answer.count(b"HTTP/1.1 200") < requests:
            got = await connection.read()
            if not got:
                break
            answer += got
        return answer

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(main()), notes


@pytest.mark.parametrize("name", ["more", "content", "type", "asked type", "asked content", "asked more"])
def test_what_completes_the_answer_while_content_is_read(name: str) -> None:
    async def application(scope: Any, receive: Any, send: Any, notes: list[str]) -> None:
        await send(START)
        try:
            await send(message(name, lambda: sent(send, END)))
        except RuntimeError as exc:
            notes.append(str(exc))

    answer, notes = answers(application)
    assert notes == ["Unexpected ASGI message 'http.response.body' sent, after response already completed."] * 3
    assert answer.count(b"\r\n\r\n6\r\nwithin\r\n0\r\n\r\n") == 3


@pytest.mark.parametrize("name", ["status", "fields", "a field"])
def test_what_ends_the_answer_while_its_start_is_read(name: str) -> None:
    """The start counts as sent, and the end comes before it: that is no answer."""

    async def application(scope: Any, receive: Any, send: Any, notes: list[str]) -> None:
        try:
            await send(message(name, lambda: sent(send, {**END, "body": b""})))
        except RuntimeError as exc:
            notes.append(str(exc))

    answer, notes = answers(application)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert notes == ["Unexpected ASGI message 'http.response.start' sent, after response already completed."]


def test_a_type_that_cannot_be_compared() -> None:
    async def application(scope: Any, receive: Any, send: Any, notes: list[str]) -> None:
        for kind in ({**START, "type": FailingType("a")}, START, {**END, "type": FailingType("a")}, END):
            try:
                await send(kind)
                notes.append("sent")
            except LookupError as exc:
                notes.append(str(exc))

    answer, notes = answers(application)
    assert notes == ["no comparison", "sent"] * 6
    assert answer.count(b"within") == 3


def test_an_iterator_that_loses_its_next() -> None:
    class Pieces:
        def __aiter__(self) -> Pieces:
            return self

        async def __anext__(self) -> bytes:
            del Pieces.__anext__
            return b"piece"

    app = FastAPI()

    @app.get("/")
    async def endpoint() -> StreamingResponse:
        return StreamingResponse(Pieces())

    async def main() -> tuple[bytes, list[str]]:
        connection = MemoryConnection(app)
        connection.feed(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = b""
        while got := await connection.read():
            answer += got
        return answer, [str(exc) for exc in connection.exceptions]

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        answer, raised = runner.run(main())
    assert b"piece" in answer and not answer.endswith(b"0\r\n\r\n")
    assert raised == ["'async for' requires an iterator with __anext__ method, got Pieces"]


def test_a_traceback_that_is_none_is_refused() -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any, notes: list[str]) -> None:
        coroutine = send(START)
        with pytest.raises(TypeError):
            coroutine.throw(ValueError, None, 5)
        seen.append("refused")
        await coroutine
        await send(END)

    answer, _ = answers(application)
    assert seen == ["refused"] * 3 and answer.count(b"within") == 3
