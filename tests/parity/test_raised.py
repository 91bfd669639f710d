"""Exceptions that FastAPI's own handlers answer are answered as under uvicorn, wherever they
are raised, and those of other handlers are, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import raised_app
from servers import Pair, pair
from test_parity import assert_equal
from wire import Request


@pytest.fixture(scope="module")
def raised(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair("raised_app:app", Path(__file__).parent, mode, tmp_path_factory.mktemp("raised")) as peers:
        yield peers


def asking(path: str, n: int) -> Request:
    if path == "/model":
        json = (("Content-Type", "application/json"),)
        return Request("POST", path, json, b'{"n": %d}' % n)
    return Request("GET", f"{path}?n={n}")


@pytest.mark.parametrize("path", raised_app.PATHS)
def test_what_is_raised_is_answered(raised: Pair, path: str) -> None:
    assert_equal(raised, [asking(path, n) for n in range(raised_app.COMPARED)])


@pytest.mark.parametrize("path", ["/stacks", "/plain-stacks"])
def test_what_user_code_put_on_the_exit_stacks_is_closed(raised: Pair, path: str) -> None:
    assert_equal(raised, [asking(path, 0), asking(path, 100), Request("GET", "/closed")])


def test_an_exception_that_is_raised_again_and_again(raised: Pair) -> None:
    asked = [Request("GET", "/reused"), Request("GET", "/traceback")]
    assert_equal(raised, asked * 3)
