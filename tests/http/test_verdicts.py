"""One verdict for each request, however it is cut into packets, on every kind of route."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterator
from typing import Any

import apps
import pytest
from fastrapi import _engine
from fastrapi.compile import compile_app
from fastrapi.loop import EventLoop
from fastrapi.serving import serving_of
from vectors import VECTORS, Vector

FOLLOWING = b"GET /plan/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
ROUTES = [b"/plan", b"/thread", b"/content", b"/request", b"/nested"]
READING = [b"/content", b"/request", b"/nested"]
FORCED = ["none", "asgi"]
# Longer ones are cut at some points only.
SHORT = 400
SHOWN = 20


def asked(route: bytes) -> list[Vector]:
    return [vector for vector in VECTORS if route in READING or not vector.reads]


def statuses(data: bytes) -> list[int]:
    """Of all answers but 100 Continue, which depends on what has arrived."""
    found = re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", data)
    return [int(status) for status in found if status != b"100"]


def cuttings(request: bytes) -> Iterator[list[bytes]]:
    """In one piece; in two, cut at every point; in pieces of one byte."""
    size = len(request)
    yield [request]
    points = range(1, size) if size < SHORT else sorted({
        *range(1, size, size // 12), *range(1, 20), *range(60, 80), *range(size - 8, size)
    })  # fmt: skip
    for point in points:
        yield [request[:point], request[point:]]
    piece = 1 if size < SHORT else size // 40
    yield [request[at : at + piece] for at in range(0, size, piece)]


async def verdict(app: Any, pieces: list[bytes], leave: bool) -> list[int]:
    """The answers to what comes in pieces, each of which the server has dealt with before
    the next comes. The server closes the connection, unless the client is to ``leave`` first."""
    loop = asyncio.get_running_loop()
    connection = _engine.MemoryConnection(
        app, loop, ("testclient", 1), ("testserver", 80), "http", None, {}
    )
    for piece in pieces:
        connection.feed(piece)
        await asyncio.sleep(0)
    if leave:
        connection.eof()
    data = b""
    while (more := connection.take()) != b"":
        if more is None:
            future = loop.create_future()
            connection.wait(future)
            await future
        data += more or b""
    return statuses(data)


async def differing(app: Any, route: bytes) -> list[str]:
    """What is not as its vector says, up to some number."""
    found: list[str] = []
    for vector in asked(route):
        for pieces in cuttings(vector.on(route)):
            if len(found) == SHOWN:
                return found
            # What ends the connection must do so by its own bytes.
            if vector.lives:
                pieces[-1] += FOLLOWING
            if (got := await verdict(app, pieces, not vector.status)) != vector.statuses:
                text = f"{vector.name}: {got}, not {vector.statuses}, {len(pieces)} pieces"
                found.append(f"{text}: {pieces[0][-60:]!r} | {pieces[-1][:60]!r}")
    return found


@pytest.mark.parametrize("mode", FORCED)
@pytest.mark.parametrize("route", ROUTES)
def test_a_verdict_depends_on_the_bytes_alone(
    monkeypatch: pytest.MonkeyPatch, route: bytes, mode: str
) -> None:
    monkeypatch.setenv("FASTRD_FORCE", mode)
    application = apps.make_verdicts()
    assert all(compile_app(application, 1 << 20).helpers), "a route is not compiled"
    app = serving_of(application).engine
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        found = runner.run(differing(app, route))
    assert (app.compiled > 0) == (mode == "none")
    assert not found, "\n".join(found)


def test_methods_with_a_number_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others reach the same route through ASGI, or none, as the table can tell of a
    method with a number."""
    monkeypatch.setenv("FASTRD_FORCE", "none")
    app = serving_of(apps.make_verdicts()).engine
    methods = [b"GET", b"HEAD", b"POST", b"QUERY", b"BREW", b"get", b"GETS", b"PUT"]

    async def compiled(method: bytes) -> bool:
        before = app.compiled
        await verdict(app, [FOLLOWING.replace(b"GET", method)], leave=False)
        return bool(app.compiled > before)

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        found = [runner.run(compiled(method)) for method in methods]
    assert found == [True, True, True, True, False, False, False, True]


def over_a_socket(server: Any, pieces: list[bytes]) -> list[int]:
    with server.connect() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The server may have refused it and closed.
        with contextlib.suppress(OSError):
            for piece in pieces:
                client.send(piece)
            client.half_close()
        return statuses(client.rest())


@pytest.mark.parametrize("mode", FORCED)
def test_a_verdict_is_the_same_over_sockets(
    monkeypatch: pytest.MonkeyPatch, start: Any, mode: str
) -> None:
    monkeypatch.setenv("FASTRD_FORCE", mode)
    server = start("verdicts")
    found = []
    for route in ROUTES:
        for vector in asked(route):
            request = vector.on(route)
            half = len(request) // 2
            more = [FOLLOWING] if vector.status else []
            for pieces in ([request], [request[:half], request[half:]]):
                if (got := over_a_socket(server, pieces + more)) != vector.statuses:
                    found.append(f"{vector.name} on {route!r}: {got}, not {vector.statuses}")
    assert not found, "\n".join(found[:SHOWN])
