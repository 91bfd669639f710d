"""Pairs of servers, each on its own fresh database, one pair per mode."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import servers
from servers import Pair, pair


@pytest.fixture(scope="session", params=["compiled", "asgi"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def shop(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    state = tmp_path_factory.mktemp(f"shop-{mode}")
    with pair("shop:app", servers.ROOT / "examples", mode, state) as peers:
        yield peers


@pytest.fixture(scope="session")
def grid(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    state = tmp_path_factory.mktemp(f"grid-{mode}")
    with pair("grid:app", Path(__file__).parent, mode, state) as peers:
        yield peers
