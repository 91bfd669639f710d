"""The comparison itself sees what it must see, and nothing where nothing is."""

from __future__ import annotations

import gzip
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
import servers
import shop_requests
from wire import Answer, Peer, Request, compare, difference


def answer(**changed: object) -> Answer:
    given: dict = {"status": b"HTTP/1.1 200 OK", "headers": [(b"a", b"b"), (b"c", b"d")], "body": b"text"}
    return Answer(**{**given, **changed})


@pytest.mark.parametrize(
    "changed",
    [
        {"status": b"HTTP/1.1 200 Ok"},
        {"body": b"tExt"},
        {"body": b"text "},
        {"headers": [(b"A", b"b"), (b"c", b"d")]},
        {"headers": [(b"c", b"d"), (b"a", b"b")]},
        {"headers": [(b"a", b"b"), (b"a", b"b"), (b"c", b"d")]},
        {"headers": [(b"a", b"b")]},
        {"chunked": True},
        {"cut": True},
    ],
    ids=str,
)
def test_one_change_is_reported(changed: dict) -> None:
    assert difference(answer(), answer()) is None
    assert difference(answer(), answer(**changed))


def test_date_and_server_do_not_count() -> None:
    dated = [(b"date", b"x"), (b"server", b"y"), (b"a", b"b"), (b"c", b"d")]
    assert difference(answer(), answer(headers=dated)) is None


def test_how_gzip_packs_does_not_count() -> None:
    def packed(text: bytes, level: int, more: int = 0) -> Answer:
        body = gzip.compress(text, level, mtime=0)
        fields = [(b"content-encoding", b"gzip"), (b"content-length", b"%d" % (len(body) + more))]
        return answer(headers=fields, body=body)

    text = b"text " * 99
    assert packed(text, 1).body != packed(text, 9).body
    assert difference(packed(text, 1), packed(text, 9)) is None
    assert difference(packed(text, 1), packed(text + b"!", 9))
    assert difference(packed(text, 1), packed(text, 9, more=1))


def run(tmp_path: Path, http: str, requests: list[Request]) -> list[str]:
    """Compare uvicorn with uvicorn on the parser `http`."""
    assert requests

    def uvicorn(name: str, parser: str) -> AbstractContextManager[int]:
        port = servers.free_port()
        command = servers.uvicorn("shop:app", servers.ROOT / "examples", port, parser)
        env = {"SHOP_DATABASE": str(tmp_path / name)}
        return servers.serving(command, port, tmp_path / f"{name}.log", env)

    with uvicorn("a", "httptools") as one, uvicorn("b", http) as two:
        with closing(Peer(one)) as left, closing(Peer(two)) as right:
            return compare(left, right, requests)


def test_uvicorn_equals_itself(tmp_path: Path) -> None:
    requests = [r for group in shop_requests.GROUPS.values() for r in group]
    reports = run(tmp_path, "httptools", requests)
    assert not reports, reports[0]


def test_another_parser_is_told_apart(tmp_path: Path) -> None:
    """A bad Content-Length: httptools and h11 refuse it in different answers."""
    bad = Request("GET", "/health", (("Content-Length", "x"),))
    assert run(tmp_path, "h11", [bad])
