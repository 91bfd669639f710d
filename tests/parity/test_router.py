"""What no route takes is answered as under uvicorn: 404, 405 with its Allow, the redirect to
the path with a slash more or less; thousands of targets and methods, over tables with every
kind of route."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import router_app
from servers import Pair, pair
from test_parity import assert_equal
from wire import Request

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PURGE", "QUERY"]
PATHS = [
    "/get", "/many", "/brew", "/slash", "/twice", "/items/7", "/items/x", "/items/7.5", "/items",
    "/files/a", "/files", "/files/a/b", "/caf%C3%A9", "/a%20b", "/x/y-z/end",
    "/x/y/end", "/starlette", "/whole", "/socket", "/mounted", "/mounted/x", "/timed", "/late",
    "/nowhere", "/get/x", "/docs", "/openapi.json",
]  # fmt: skip
ENDINGS = ["", "/", "//", "?a=b&c=%20d", "/?a=%ff", "/%2F", "%2F", "/;p", "%0A", "/%3Fq%23f%5C", "/x"]
ODD = ["/", "//", "///", "/?q", "/%00", "/%", "/" + "a/" * 70, "/" + "b" * 5000, "//get", "//get/",
       "/get/../get", "/%E2%82%AC/", "/%ff"]  # fmt: skip
HOSTS = ["parity.test:8080", "[::1]:99", "other.test", "[v1.x]", "HOST", "h:080"]


def targets(prefix: str) -> list[str]:
    paths = [prefix + path + ending for path in PATHS for ending in ENDINGS]
    return [*paths, *([] if prefix else ODD)]


@pytest.fixture(scope="module", params=router_app.NAMES)
def table(
    request: pytest.FixtureRequest, mode: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Pair]]:
    """One of the applications, and a connection to each server of it."""
    name = f"router_app:{request.param}"
    with pair(name, Path(__file__).parent, mode, tmp_path_factory.mktemp("router")) as peers:
        yield request.param, peers


def test_a_request_that_no_route_takes(table: tuple[str, Pair]) -> None:
    name, peers = table
    prefixes = ["/deep/in", "/in", ""] if name == "included" else [""]
    asked = [
        Request(method, target)
        for prefix in prefixes
        for method, target in itertools.product(METHODS, targets(prefix))
    ]
    assert len(asked) > 3000
    assert_equal(peers, asked)


def test_where_a_redirect_leads(table: tuple[str, Pair]) -> None:
    """By the Host and the scheme that a proxy names; with content that nobody has read."""
    _, peers = table
    asked = [
        Request("PUT", target, (("Host", host), ("X-Forwarded-Proto", scheme)), content)
        for host in HOSTS
        for target in ("/slash", "/get/", "/files?a=/b/", "/nowhere")
        for scheme in ("https", "gopher")
        for content in (b"", b"content")
    ]
    assert_equal(peers, asked)


def test_a_redirect_without_a_host_leads_to_the_servers_address(
    table: tuple[str, Pair],
) -> None:
    """Neither with one whose port there cannot be."""
    _, peers = table
    for host in ("", "h:99999"):
        answers = []
        for peer in peers:
            answer = peer.ask(Request("GET", "/get/", (("Host", host),)))
            port = str(peer.port).encode()
            answers.append([part.replace(port, b"PORT") for _, part in answer.compared()])
        assert answers[0] == answers[1]
