"""A request in which something is missing or wrong is answered as under uvicorn: the same
errors in the same order, and the same dependencies have run by then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import invalid_app
import pytest
from servers import Pair, pair
from test_parity import assert_equal


@pytest.fixture(scope="module")
def invalid(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    state = tmp_path_factory.mktemp("invalid")
    with pair("invalid_app:app", Path(__file__).parent, mode, state) as peers:
        yield peers


@pytest.mark.parametrize("group", invalid_app.GROUPS)
def test_what_is_wrong_is_reported(invalid: Pair, group: str) -> None:
    assert_equal(invalid, list(invalid_app.with_called(invalid_app.GROUPS[group]())))
