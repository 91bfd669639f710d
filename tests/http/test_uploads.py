"""Clients that stop in the middle of a request's content: one ending on every kind of route."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import start_server

KINDS = [
    "model",
    "model-of-plain-function",
    "request",
    "request-of-group",
    "request-behind-a-resource",
    "raw/",
]
BEGUN = b"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\nabc"
HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
BEHIND = b'{"detail":"Not Found"}'  # there is no /hello


@pytest.fixture(
    scope="module",
    params=[
        "uploads",
        "uploads through ASGI",
        "uploads_behind_middleware",
        "uploads_behind_base_middleware",
    ],
)
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    app, _, force = request.param.partition(" through ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTRD_FORCE", force.lower())
        patch.setenv("FASTRD_TIMEOUT_CONTENT", "1")
        server = start_server(request.config, app)
    yield server
    server.stop()


def begun(server: Any, kind: str) -> Any:
    """A client whose request its application has, as a second one has been answered since."""
    client = server.connect()
    client.send(BEGUN % kind.encode())
    server.ask(HELLO)
    server.ask(HELLO)
    return client


SIZES = [65535, 65537, 130_000, 262_145, 1_000_000, 9_000_000]
CHUNKS = [9000, 40_000, 300_000]
PART = b'--b\r\nContent-Disposition: form-data; name="%s"'


def upload(path: str, text: bytes, chunk: int = 0) -> list[bytes]:
    """The pieces of a request with the text, and one behind it. `chunk`: not with a length."""
    kind, content = b"application/octet-stream", text
    if path == "digest/model":
        kind, content = b"application/json", b'{"text":"' + text + b'"}'
    if path == "digest/form":
        kind, content = b"application/x-www-form-urlencoded", b"text=" + text
    if path.startswith("digest/file"):
        kind = b"multipart/form-data; boundary=b"
        content = b"%s%s\r\n%s%sbehind\r\n--b--\r\n" % (PART % b"file", b'; filename="f"\r\n\r\n' + text, PART % b"text", b"\r\n\r\n")
    framing = b"Transfer-Encoding: chunked" if chunk else b"Content-Length: %d" % len(content)
    head = b"POST /%s HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\n%s\r\n\r\n"
    if chunk:
        parts = [content[at : at + chunk] for at in range(0, len(content), chunk)]
        content = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"
    return [head % (path.encode(), kind, framing), content, HELLO]


@pytest.mark.parametrize("way", ["model", "form", "request", "stream", "file", "file-of-plain-function"])
def test_large_content_arrives_as_it_was_sent(server: Any, way: str) -> None:
    """However it is framed and cut, and whatever stands behind it."""
    rng = random.Random(way)
    for size, chunk in [*((size, 0) for size in SIZES), *((700_000, chunk) for chunk in CHUNKS)]:
        if way == "form" and size > 1_000_000:
            continue  # more than Starlette takes
        text = bytes(rng.choices(range(97, 123), k=4096)) * (size // 4096 + 1)
        text = text[:size]
        whole = b"".join(upload(f"digest/{way}", text, chunk))
        cuts = sorted(rng.sample(range(len(whole)), 3))
        with server.connect() as client:
            for start, end in itertools.pairwise([0, *cuts, len(whole)]):
                client.send(whole[start:end])
            status, _, content = client.answer()
            expected = {"bytes": size, "sum": zlib.crc32(text)}
            assert (status, json.loads(content)) == (200, expected), (size, chunk)
            assert client.answer()[2] == BEHIND


def test_a_client_that_ends_its_request_early_gets_no_answer(server: Any) -> None:
    log = len(server.log)
    for kind in KINDS:
        with begun(server, kind) as client:
            client.half_close()
            assert client.rest() == b"", kind
    server.ask(HELLO)
    assert server.log[log:] == ""


def test_a_client_that_resets_its_request_leaves_no_line(server: Any) -> None:
    log = len(server.log)
    for _ in range(10):
        for client in [begun(server, kind) for kind in KINDS]:
            client.reset()
        server.ask(HELLO)
    assert server.log[log:] == ""


def test_content_that_stalls_is_refused(server: Any) -> None:
    log = len(server.log)
    clients = {kind: begun(server, kind) for kind in KINDS}
    for kind, client in clients.items():
        with client:
            status, _, content = client.answer()
            assert (status, content) == (408, b"Request Timeout"), kind
            assert client.rest() == b"", kind
    server.ask(HELLO)
    assert server.log[log:] == ""


def temporary_files(server: Any) -> int:
    """How many the server has open, of those that have no name any more."""
    found = 0
    for link in [link for pid in server.pids() for link in Path(f"/proc/{pid}/fd").iterdir()]:
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            name = os.readlink(link)
            found += name.endswith(" (deleted)") and "memfd" not in name
    return found


def upload_begun(server: Any, size: int) -> Any:
    """A client that has sent so many bytes of a larger file."""
    content = upload("digest/file", b"x" * size * 2)
    client = server.connect()
    client.send(content[0] + content[1][:size])
    return client


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("end", ["reset", "half_close", "stall"])
def test_files_on_the_disk_go_with_the_client(server: Any, end: str) -> None:
    before = temporary_files(server)
    clients = [upload_begun(server, 3_000_000) for _ in range(3)]
    until(lambda: temporary_files(server) >= before + 3)
    for client in clients:
        if end != "stall":
            getattr(client, end)()
    until(lambda: temporary_files(server) == before)
    for client in clients:
        if end == "stall":
            assert client.answer()[0] == 408
        client.__exit__()


def test_the_memory_of_an_upload_is_bounded(server: Any) -> None:
    """The socket is not read further while a piece is written."""
    def one() -> None:
        with server.connect() as client:
            for piece in upload("digest/file-of-plain-function", b"x" * 1000):
                client.send(piece)
            client.answer()

    one()
    head, content, _ = upload("digest/file", bytes(60_000_000))
    before = server.rss()
    with server.connect() as client:
        client.send(head + content[:50_000_000])
        until(lambda: temporary_files(server) > 0)
        assert server.rss() - before < 20_000_000
        client.send(content[50_000_000:])
        assert json.loads(client.answer()[2])["bytes"] == 60_000_000
