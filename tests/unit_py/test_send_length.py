"""What send() raises over the length of an answer's content: what uvicorn's raises."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from fastrapi import EventLoop
from fastrapi.testclient import MemoryConnection

LENGTH_5 = (b"content-length", b"5")
CHUNKED = (b"transfer-encoding", b"chunked")
FIVE, SIX, REST = b"12345", b"123456", b"45"

# Method, status, fields, pieces of content (the last one ends the answer).
CASES: dict[str, tuple[str, int, list[tuple[bytes, bytes]], list[bytes]]] = {
    "as long as announced": ("GET", 200, [LENGTH_5], [FIVE]),
    "longer in one piece": ("GET", 200, [LENGTH_5], [SIX]),
    "longer in the second piece": ("GET", 200, [LENGTH_5], [b"123", b"456"]),
    "shorter": ("GET", 200, [LENGTH_5], [b"1"]),
    "in pieces": ("GET", 200, [LENGTH_5], [b"123", REST]),
    "nothing of what was announced": ("GET", 200, [LENGTH_5], [b""]),
    "no length": ("GET", 200, [], [FIVE, SIX]),
    "chunked": ("GET", 200, [CHUNKED], [FIVE]),
    "length, then chunked": ("GET", 200, [LENGTH_5, CHUNKED], [SIX]),
    "chunked, then length": ("GET", 200, [CHUNKED, LENGTH_5], [SIX]),
    "a second length": ("GET", 200, [LENGTH_5, (b"content-length", b"6")], [SIX]),
    "HEAD, shorter": ("HEAD", 200, [LENGTH_5], [b""]),
    "HEAD, longer": ("HEAD", 200, [LENGTH_5], [SIX]),
    "HEAD, no length": ("HEAD", 200, [], [SIX]),
    "204 with content": ("GET", 204, [], [b"1"]),
    "204 without": ("GET", 204, [], [b""]),
    "304, as long as announced": ("GET", 304, [LENGTH_5], [b"123", REST]),
    "304, shorter": ("GET", 304, [LENGTH_5], [b""]),
    "304, longer": ("GET", 304, [LENGTH_5], [SIX]),
    "a length that is no number": ("GET", 200, [(b"content-length", b"five")], [FIVE]),
    "an empty length": ("GET", 200, [(b"content-length", b"")], [FIVE]),
    "no number behind chunked": ("GET", 200, [CHUNKED, (b"content-length", b"five")], [FIVE]),
}


def messages(status: int, fields: list[tuple[bytes, bytes]], pieces: list[bytes]) -> list[Any]:
    start = {"type": "http.response.start", "status": status, "headers": fields}
    bodies = [{"type": "http.response.body", "body": p, "more_body": True} for p in pieces]
    bodies[-1]["more_body"] = False
    return [start, *bodies]


async def raised(send: Any, sent: list[Any]) -> str:
    """How far it came, and what ended it."""
    for number, message in enumerate(sent):
        try:
            await send(message)
        except Exception as exc:
            return f"{number}: {type(exc).__name__}: {exc}"
    return "sent"


class Sink(asyncio.Transport):
    """Takes everything."""

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass


async def uvicorn_raises(method: str, sent: list[Any]) -> str:
    sink, log = Sink(), logging.getLogger("nowhere")
    cycle = RequestResponseCycle(
        {"method": method}, sink, FlowControl(sink), log, log, False, [], asyncio.Event(),
        False, True, lambda: None,
    )  # type: ignore[typeddict-item]  # fmt: skip
    return await raised(cycle.send, sent)


async def ours_raises(method: str, sent: list[Any]) -> str:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(await raised(send, sent))

    connection = MemoryConnection(app)
    connection.feed(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    connection.eof()
    while await connection.read():
        pass
    (one,) = seen
    return one


@pytest.mark.parametrize("case", CASES)
def test_send_raises_what_uvicorns_raises(case: str) -> None:
    method, status, fields, pieces = CASES[case]
    sent = messages(status, fields, pieces)

    async def both() -> tuple[str, str]:
        return await ours_raises(method, sent), await uvicorn_raises(method, sent)

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        ours, theirs = runner.run(both())
    assert ours == theirs
    assert (ours == "sent") == (case in SENT)


# Not all alike, or the comparison would show nothing.
SENT = {
    "as long as announced", "in pieces", "no length", "chunked", "length, then chunked",
    "chunked, then length", "HEAD, shorter", "HEAD, longer", "HEAD, no length", "204 without",
    "304, as long as announced", "no number behind chunked",
}  # fmt: skip
