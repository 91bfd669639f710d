"""The head of an answer leaves in the turn in which the application sent it, with the
content of that turn and not later, on every kind of route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from conftest import start_server

KINDS = [
    "stream",
    "stream-of-plain-function",
    "plain-generator",
    "plain-generator-of-plain-function",
    "behind-a-resource",
    "events",
    "lines",
    "raw/",
]


@pytest.fixture(
    scope="module",
    params=["streams", "streams through ASGI", "behind_middleware", "behind_base_middleware"],
)
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    app, _, force = request.param.partition(" through ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTRD_FORCE", force.lower())
        server = start_server(request.config, app)
    yield server
    server.stop()


def test_a_head_does_not_wait_for_its_content(server: Any) -> None:
    for kind in KINDS:
        server.ask(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        with server.connect() as client:
            client.send(
                b"GET /%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % kind.encode()
            )
            status, fields, content = client.answer()
            assert (status, fields[b"transfer-encoding"], content) == (200, b"chunked", b""), kind
            server.ask(b"GET /go HTTP/1.1\r\nHost: a\r\n\r\n")
            rest = client.rest()
            assert b"gone" in rest and rest.endswith(b"0\r\n\r\n"), kind


def test_a_head_and_content_of_one_turn_leave_together(
    server: Any, request: pytest.FixtureRequest
) -> None:
    if "behind_base_middleware" in request.node.name:
        return  # which hands the content on in a later turn
    for kind in ("dictionary", "response", "raw-response/"):
        with server.connect() as client:
            client.send(b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % kind.encode())
            assert client.socket.recv(1 << 16).endswith(b'\r\n\r\n{"a":1}'), kind
