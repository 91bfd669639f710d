"""The comparison itself sees what it must see, and nothing where nothing is."""

from __future__ import annotations

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
