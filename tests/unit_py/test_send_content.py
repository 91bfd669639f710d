"""What send() raises over content and over messages that are not due: what uvicorn's raises, and
with --gzip what Starlette's GZipMiddleware in front of uvicorn does."""

from __future__ import annotations

import asyncio
import itertools
import logging
import zlib
from typing import Any

import pytest
from fastrapi import EventLoop
from fastrapi.serving import serving_of
from fastrapi.testclient import MemoryConnection
from starlette.middleware.gzip import GZipMiddleware
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

LONG = b"long enough " * 100
TEXT = (b"content-type", b"text/plain")


def start(*fields: Any, **more: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": [TEXT, *fields], **more}


def body(content: Any, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


def length(n: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % n


GAPS, BACKWARDS = memoryview(LONG)[::2], memoryview(LONG)[::-1]
# Ways of content with which a message may come.
CONTENTS: dict[str, Any] = {
    "bytes": LONG, "bytearray": bytearray(LONG), "memoryview": memoryview(LONG), "part": memoryview(LONG)[5:900],
    "gaps": GAPS, "backwards": BACKWARDS, "text": "text " * 200, "number": 5, "list": [1, 2], "empty text": "",
    "none": None, "empty": b"", "empty gaps": memoryview(b"")[::2],
}  # fmt: skip
CASES: dict[str, list[dict[str, Any]]] = {
    **{f"{name}, in pieces": [start(), body(b"first", True), body(content, True), body(b"end")] for name, content in CONTENTS.items()},
    "too long": [start(length(5)), body(b"abcdefgh"), body(b"abc", True), body(b"de")],
    "too long, not packed": [start(length(5), (b"content-encoding", b"br")), body(b"abcdefgh"), body(b"abcde")],
    "too short": [start(length(9)), body(b"abc"), body(b"defghi")],
    "too long in pieces": [start(length(5)), body(b"abc", True), body(b"def", True), body(b"de")],
    "a second start": [start(), start(status=201), body(LONG)],
    "a second start, not packed": [start(), start(status=201), body(b"short")],
    "a start within": [start(), body(LONG, True), start(status=201), body(b"end")],
    "another type": [{"type": "http.response.debug"}, start(), {"type": "http.response.debug"}, body(LONG)],
    "trailers": [start(), body(LONG, True), {"type": "http.response.trailers"}, body(b"end")],
}
# Content alone; with GZip the layer decides whether it reads it by its length.
ALONE: dict[str, list[dict[str, Any]]] = {
    **{f"{name}": [start(), body(content)] for name, content in CONTENTS.items()},
    **{f"{name}, announced": [start(length(len(content))), body(content)] for name, content in CONTENTS.items() if hasattr(content, "__len__")},
    "a bad field": [start((b"a b", b"c")), body(b""), body(b"abc")],
    "no status": [{"type": "http.response.start", "headers": []}, body(b"abc")],
    "a status that is no number": [start(status="200"), body(b"abc")],
}  # fmt: skip


def told(exc: BaseException) -> str:
    """A TypeError's words depend on the loop, and on Python."""
    return f"{type(exc).__name__}: {'' if isinstance(exc, TypeError) else exc}"


async def all_sent(send: Any, sent: list[Any]) -> list[str]:
    found = []
    for message in sent:
        message = {**message, "headers": list(message["headers"])} if "headers" in message else dict(message)
        try:
            await send(message)
            found.append("sent")
        except Exception as exc:
            found.append(told(exc))
    return found


class Sink(asyncio.Transport):
    """Takes what a socket takes."""

    def write(self, data: Any) -> None:
        zlib.crc32(data)

    def close(self) -> None:
        pass


def uvicorns(method: str, packs: bool, sent: list[Any], fields: list[Any]) -> list[str]:
    found: list[str] = []
    log = logging.getLogger("nowhere")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.extend(await all_sent(send, sent))

    async def main() -> None:
        sink = Sink()
        cycle = RequestResponseCycle(
            {"method": method}, sink, FlowControl(sink), log, log, False, [], asyncio.Event(),
            False, True, lambda: None,
        )  # type: ignore[typeddict-item]  # fmt: skip
        scope: Any = {"type": "http", "method": method, "headers": fields}
        await (GZipMiddleware(app, 0) if packs else app)(scope, None, cycle.send)  # type: ignore[arg-type]

    asyncio.run(main())
    return found


def ours(method: str, packs: bool, sent: list[Any], fields: list[Any], patch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found.extend(await all_sent(send, sent))

    async def main() -> None:
        with patch.context() as env:
            if packs:
                env.setenv("FASTRD_GZIP", "1")
                env.setenv("FASTRD_GZIP_MINIMUM_SIZE", "0")
            serving_of(app)
        connection = MemoryConnection(app)
        head = b"".join(b"%s: %s\r\n" % field for field in fields)
        connection.feed(b"%s / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n%s\r\n" % (method.encode(), head))
        while await connection.read():
            pass

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
    return found


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("case", [*CASES, *ALONE])
def test_exceptions_are_those_of_uvicorn(case: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = (CASES | ALONE)[case]
    assert ours(method, False, sent, [], monkeypatch) == uvicorns(method, False, sent, [])


@pytest.mark.parametrize(("case", "accepts"), list(itertools.product(CASES, [False, True])))
def test_with_gzip_around_they_are_those_of_starlettes_class(
    case: str, accepts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [(b"accept-encoding", b"gzip")] if accepts else []
    # Packed, the length is right, and the second message would end the answer once more.
    sent = CASES[case][:2] if accepts and case in ("too long", "too short") else CASES[case]
    assert ours("GET", True, sent, fields, monkeypatch) == uvicorns("GET", True, sent, fields)


@pytest.mark.parametrize("packs", [False, True])
@pytest.mark.parametrize("content", [b"", b"abc", LONG])
def test_nothing_follows_a_head_that_was_refused(content: bytes, packs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag's GZip has no head then, in front of which it could pack content."""
    sent = [start((b"a b", b"c")), body(content, True), body(content)]
    found = ours("GET", packs, sent, [(b"accept-encoding", b"gzip")], monkeypatch)
    follows = "RuntimeError: Response content longer than Content-Length" if content else "sent"
    assert found == ["RuntimeError: Invalid HTTP header name.", follows, follows]
