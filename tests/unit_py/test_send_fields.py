"""Fields of an answer that come as other buffers than bytes: what one of uvicorn's two implementations
or both send for them."""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import Callable
from typing import Any

import h11
import pytest
from fastrapi import EventLoop
from fastrapi.serving import serving_of
from fastrapi.testclient import MemoryConnection
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http import h11_impl, httptools_impl
from uvicorn.protocols.http.flow_control import FlowControl

CONTENT = b"abc"
LENGTH = (b"content-length", b"3")
# What each implementation of uvicorn sends, by its name; for a name that is not there it raises.
BOTH, H11 = {"httptools", "h11"}, {"h11"}
CASES: dict[str, tuple[Callable[[], list[Any]], set[str]]] = {
    "bytearrays": (lambda: [LENGTH, (bytearray(b"x-a"), bytearray(b"1"))], BOTH),
    "a list of two": (lambda: [LENGTH, [bytearray(b"x-a"), b"1"]], BOTH),
    "memoryview value": (lambda: [LENGTH, (b"x-a", memoryview(b"1"))], BOTH),
    "part of a memoryview": (lambda: [LENGTH, (b"x-a", memoryview(b"12345")[1:3])], BOTH),
    "array": (lambda: [LENGTH, (b"x-a", array("B", b"1"))], BOTH),
    "length": (lambda: [(bytearray(b"content-length"), bytearray(b"3"))], BOTH),
    "close": (lambda: [LENGTH, (bytearray(b"connection"), bytearray(b"close"))], BOTH),
    "chunked": (lambda: [(bytearray(b"transfer-encoding"), bytearray(b"chunked"))], BOTH),
    "memoryview name": (lambda: [LENGTH, (memoryview(b"x-a"), b"1")], H11),
    "memoryview length": (lambda: [(b"content-length", memoryview(b"3"))], H11),
    "a bad name": (lambda: [LENGTH, (bytearray(b"x a"), b"1")], set()),
    "a bad value": (lambda: [LENGTH, (b"x-a", bytearray(b"1\r\nb: c"))], set()),
    "a bad length": (lambda: [(b"content-length", bytearray(b"x"))], set()),
    "number": (lambda: [LENGTH, (b"x-a", 1)], set()),
}


def app_of(fields: list[Any]) -> Any:
    """Raw ASGI. What the fields are read from is something else once they are sent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        for member in (member for pair in fields for member in pair):
            if isinstance(member, bytearray | array):
                member[:] = member[:0]
        await send({"type": "http.response.body", "body": CONTENT})

    return app


class Sink(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.data = b""

    def write(self, data: Any) -> None:
        self.data += bytes(data)

    def close(self) -> None:
        pass


def uvicorns(implementation: str, fields: list[Any]) -> bytes | None:
    """What uvicorn's implementation sends; None: it raises."""
    log, sink = logging.getLogger("nowhere"), Sink()
    shared: dict[str, Any] = {
        "scope": {"method": "GET", "headers": []}, "transport": sink, "flow": FlowControl(sink), "logger": log,
        "access_logger": log, "access_log": False, "default_headers": [], "on_response": lambda: None,
    }  # fmt: skip

    async def main() -> None:
        event = asyncio.Event()
        if implementation == "httptools":
            cycle: Any = httptools_impl.RequestResponseCycle(
                **shared, message_event=event, expect_100_continue=False, keep_alive=True
            )
        else:
            conn = h11.Connection(h11.SERVER)
            conn.receive_data(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            while conn.next_event() is not h11.PAUSED and conn.their_state is h11.SEND_BODY:
                pass
            cycle = h11_impl.RequestResponseCycle(**shared, conn=conn, message_event=event)
        await app_of(fields)(None, None, cycle.send)

    try:
        asyncio.run(main())
    except Exception:
        return None
    return sink.data


def ours(app: Any) -> bytes:
    async def main() -> bytes:
        connection, data = MemoryConnection(app), b""
        connection.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        while piece := await connection.read():
            data += piece
        return data

    serving_of(app)
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(main())


def fields_of(answer: bytes) -> list[tuple[bytes, bytes]]:
    """Names in lower case, with what each server adds of its own left out."""
    lines = answer.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    pairs = [tuple(line.split(b": ", 1)) for line in lines]
    return [(pair[0].lower(), pair[1]) for pair in pairs if pair[0].lower() not in (b"date", b"server", b"connection")]


@pytest.mark.parametrize("case", CASES)
def test_what_one_of_uvicorns_sends_is_sent(case: str) -> None:
    make, senders = CASES[case]
    sent = {name: answer for name in sorted(BOTH) if (answer := uvicorns(name, make())) is not None}
    assert set(sent) == senders
    answer = ours(app_of(make()))
    if not senders:
        assert answer.startswith(b"HTTP/1.1 500 ")
        return
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.split(b"\r\n\r\n", 1)[1].count(CONTENT) == 1
    # h11 moves the fields of the framing.
    first = sorted if "httptools" not in sent else list
    reference = sent.get("httptools", sent["h11"])
    assert first(fields_of(answer)) == first(fields_of(reference))


def with_buffers(response: Response) -> Response:
    """Its fields are bytearrays, as some code leaves them that edits ``raw_headers``."""
    response.raw_headers = [(bytearray(name), bytearray(value)) for name, value in response.raw_headers]
    return response


@pytest.mark.parametrize("packs", [False, True])
@pytest.mark.parametrize("kind", ["whole", "stream"])
def test_responses_may_have_them(kind: str, packs: bool) -> None:
    async def endpoint(request: Any) -> Response:
        fields = {"x-a": "1"}
        whole = kind == "whole"
        return with_buffers(Response(CONTENT, headers=fields) if whole else StreamingResponse(iter([CONTENT]), headers=fields))

    app = Starlette(routes=[Route("/", endpoint)])
    if packs:
        app.add_middleware(GZipMiddleware, minimum_size=500)
    answer = ours(app)
    assert answer.startswith(b"HTTP/1.1 200 ") and (b"x-a", b"1") in fields_of(answer) and CONTENT in answer
