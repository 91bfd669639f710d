"""GZip between layers of Python: what is large is compressed on a thread, without Starlette's class."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from client import ask, calls, forced, run
from declared import bare
from fastapi import FastAPI
from fastapi.responses import FileResponse, StreamingResponse
from mixed_layers import plain_answer
from passing import Dispatches, Passes
from starlette.middleware.gzip import GZipMiddleware
from wire import Request

from fastrapi.compile.dialect import STACKS_IN_SCOPE
from fastrapi.testclient import MemoryConnection

if not STACKS_IN_SCOPE:
    pytest.skip("plans of this version run behind no layer", allow_module_level=True)

LARGE = b"".join(b"%d lines " % n for n in range(40_000))
PACKED = (("Accept-Encoding", "gzip"),)
AROUND: dict[str, list[Any]] = {
    "plain": [Passes, GZipMiddleware, Passes], "dispatch": [Dispatches, GZipMiddleware, Passes],
    "within": [Passes, GZipMiddleware, Dispatches], "in front": [GZipMiddleware, Dispatches],
}  # fmt: skip


def application(layers: list[Any], directory: Path, more: Any = None) -> FastAPI:
    app = bare()

    @app.get("/whole/{size}")
    async def whole(size: int) -> str:
        return "x" * size

    @app.get("/stream/{size}")
    async def stream(size: int) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for at in range(0, len(LARGE), size):
                yield LARGE[at : at + size]

        return StreamingResponse(pieces(), media_type="text/plain")

    file = directory / "large.txt"
    file.write_bytes(LARGE)

    @app.get("/file")
    async def of_file() -> FileResponse:
        return FileResponse(file)

    for layer in reversed([*layers, *([more] if more else [])]):
        app.add_middleware(layer)
    return app


@pytest.mark.parametrize("layers", AROUND)
def test_starlettes_class_does_not_run(layers: str, tmp_path: Path) -> None:
    app, other = application(AROUND[layers], tmp_path), application(AROUND[layers], tmp_path)

    async def main() -> None:
        for target in ("/whole/200000", "/whole/2000000", "/stream/70000", "/stream/200000", "/file"):
            request = Request("GET", target, PACKED)
            answer, frames = await calls(app, request)
            with forced("asgi"):
                expected = await ask(other, request)
            assert plain_answer(answer.data) == plain_answer(expected.data), target
            files = {frame.f_code.co_filename for frame in frames}
            assert not [name for name in files if name.endswith("middleware/gzip.py")], target

    run(main)


def behind(messages: Callable[[Any], Any]) -> Any:
    """A layer that answers by itself."""

    class Answers(Passes):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
            await messages(send)

    return Answers


def piece(content: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": content, "more_body": more}


def content_of(data: bytes) -> bytes:
    head, content = plain_answer(data)[0], plain_answer(data)[-1]
    assert b"content-encoding: gzip" in head
    return bytes(content)


async def two_at_once(send: Any) -> None:
    await send(piece(LARGE))
    await asyncio.gather(send(piece(b"a" * 100_000)), send(piece(b"b" * 100_000)), send(piece(b"c")))
    await send(piece(b"", False))


async def cancelled(send: Any) -> None:
    """While the thread works: the piece is lost, and the next one comes behind it."""
    await send(piece(b"begin"))
    task = asyncio.create_task(send(piece(LARGE * 20)))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await send(piece(b"end", False))


def test_messages_that_come_while_a_thread_works_wait(tmp_path: Path) -> None:
    app = application([Passes, GZipMiddleware], tmp_path, behind(two_at_once))

    async def main() -> None:
        for _ in range(5):
            answer = await ask(app, Request("GET", "/", PACKED))
            assert content_of(answer.data) == LARGE + b"a" * 100_000 + b"b" * 100_000 + b"c"

    run(main)


def test_who_waits_for_a_thread_may_be_cancelled(tmp_path: Path) -> None:
    app = application([Passes, GZipMiddleware], tmp_path, behind(cancelled))

    async def main() -> None:
        for _ in range(5):
            answer = await asyncio.wait_for(ask(app, Request("GET", "/", PACKED)), 10)
            assert not answer.exceptions
            first, last, end = dechunked(answer.data)
            assert zlib.decompressobj(31).decompress(first) == b"begin" and last and not end

    run(main)


def dechunked(data: bytes) -> list[bytes]:
    content, found = data.partition(b"\r\n\r\n")[2], []
    while content:
        size, _, content = content.partition(b"\r\n")
        found.append(content[: int(size, 16)])
        content = content[int(size, 16) + 2 :]
    return found


@pytest.mark.parametrize("layers", ["plain", "dispatch"])
def test_a_client_that_leaves_ends_what_never_waits(layers: str, tmp_path: Path) -> None:
    """The iterator waits for nothing but the thread."""
    app = application(AROUND[layers], tmp_path)
    closed = 0

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            nonlocal closed
            try:
                while True:
                    yield LARGE
            finally:
                closed += 1

        return StreamingResponse(pieces(), media_type="text/plain")

    async def main() -> None:
        connection = MemoryConnection(app)
        connection.feed(b"GET /endless HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        taken = 0
        while taken < 2000:
            taken += len(await connection.read())
        connection.eof()
        while await connection.read():
            pass
        for _ in range(500):
            if closed:
                break
            await asyncio.sleep(0.01)
        assert closed == 1

    run(main)
