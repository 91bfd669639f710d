"""Which requests become a WebSocket, and what the others are answered."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from raw import Raw
from server import Fastrd

HERE = Path(__file__).parent


def test_the_answer_to_the_key_of_the_rfc(echo):
    with Raw(echo.port, key="dGhlIHNhbXBsZSBub25jZQ==") as client:
        assert client.status == 101
        assert client.fields["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert client.fields["upgrade"] == "websocket" and client.fields["connection"] == "Upgrade"


def test_names_are_spelt_as_in_the_rfc(echo):
    """Some clients, such as gql, compare them byte by byte."""
    offers = "Sec-WebSocket-Protocol: a", "Sec-WebSocket-Extensions: permessage-deflate"
    with Raw(echo.port, "/", *offers) as client:
        own = {"Upgrade", "Connection", "Sec-WebSocket-Accept"}
        assert own | {offer.split(":")[0] for offer in offers} <= set(client.named)


@pytest.mark.parametrize(
    "key", ["", "short", "A" * 24, "AQIDBAUGBwgJCgsMDQ4PEA=", "dGhlIHNhbXBsZSBub25jZQ==x"]
)
def test_a_key_that_is_none_is_refused(echo, key):
    with Raw(echo.port, key=key) as client:
        assert client.status == 400 and client.fields["connection"] == "close"


@pytest.mark.parametrize("version", ["", "8", "14", "13, 8"])
def test_another_version_is_told_which_one_is_served(echo, version):
    with Raw(echo.port, version=version) as client:
        assert client.status == 426 and client.fields["sec-websocket-version"] == "13"


def test_content_is_refused(echo):
    with Raw(echo.port, "/", "Content-Length: 3") as client:
        assert client.status == 400


def ask(port: int, head: str) -> int:
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(head.encode() + b"Host: a\r\n\r\n")
        return int(sock.recv(65536).split()[1])


KEYS = "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\nSec-WebSocket-Version: 13\r\n"


@pytest.mark.parametrize("head, status", [
    ("GET / HTTP/1.1\r\nUpgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n", 101),
    ("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive\r\nConnection: Upgrade\r\n", 101),
    ("GET / HTTP/1.1\r\nUpgrade: websocket\r\n", 200),
    ("GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n", 200),
    ("POST / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n", 200),
    ("GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n", 200),
])  # fmt: skip
def test_which_requests_are_one(echo, head, status):
    assert ask(echo.port, head + KEYS) == status


def test_none_are_served_where_the_settings_say_so(tmp_path):
    head = "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" + KEYS
    with Fastrd("echo_app:app", HERE, "--ws", "none", log=tmp_path / "log") as server:
        assert ask(server.port, head) == 200
