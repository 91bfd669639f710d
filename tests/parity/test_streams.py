"""Streaming responses are those of uvicorn, whatever their iterator does, and it sees the same
when its client leaves."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import streams_app
from servers import Pair, pair
from test_parity import assert_equal
from wire import Peer, Request

# Cut: what of the content the client has had is a race in both servers.
CUT = ["short", "raises", "http", "custom", "plain raises", "exits", "group", "chained", "cancels itself", "raises first",
       "custom first", "wrong", "long", "endless", "hangs", "bad field", "plain next", "no next", "no iterator", "304"]  # fmt: skip


@pytest.fixture(scope="module")
def streams(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    state = tmp_path_factory.mktemp("streams")
    with pair("streams_app:app", Path(__file__).parent, mode, state) as peers:
        yield peers


PATHS = ["/async", "/plain", "/task", "/background", "/held", "/threads", "/own-task", "/closes"]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_streamed_is_the_same(streams: Pair, path: str) -> None:
    asked = []
    pause_s = 0.3 if path in ("/background", "/held", "/own-task", "/threads") else 0.02
    for name in streams_app.MAKE:
        if name not in CUT:
            asked += [Request("GET", f"{path}/{quote(name)}"), Request("GET", "/noted", pause_s=pause_s)]
    assert_equal(streams, asked)


def test_other_methods_and_content_that_was_not_read(streams: Pair) -> None:
    head = [Request("HEAD", "/async/pieces"), Request("HEAD", "/async/texts")]
    content = [Request("POST", "/async/pieces", body=b"x" * n) for n in (1, 100_000)]
    assert_equal(streams, [*head, *content, Request("GET", "/asks/disconnect")])


def leave(peer: Peer, target: str) -> None:
    """Go away after the first bytes of an answer."""
    with socket.create_connection(("127.0.0.1", peer.port)) as sock:
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        assert sock.recv(100)


@pytest.mark.parametrize("name", ["endless", "hangs"])
@pytest.mark.parametrize("path", ["/async", "/plain", "/task", "/held"])
def test_an_iterator_whose_client_leaves_is_cancelled(streams: Pair, path: str, name: str) -> None:
    for peer in streams:
        peer.ask(Request("GET", "/noted"))
        leave(peer, f"{path}/{name}")
        deadline = time.monotonic() + 30
        seen: list[str] = []
        while "finally" not in seen and time.monotonic() < deadline:
            time.sleep(0.02)
            *noted, _ = json.loads(peer.ask(Request("GET", "/noted")).body)
            seen += noted
        seen = [line for line in seen if "CancelledError" in line or line == "finally"]
        assert seen == ["CancelledError", "again CancelledError", "finally"], peer
