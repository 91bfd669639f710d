"""Requests are asked as by tests/compile, whose client is at hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / name) for name in ("compile", "parity", "leak")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every", action="store_true", help="every kind of request and of layers")
    parser.addoption("--chosen", action="store_true", help="the kinds and layers that are chosen of --every")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without --every only those that are marked `few`, with --chosen those that are marked `chosen`."""
    if config.getoption("every"):
        return
    mark = "chosen" if config.getoption("chosen") else "few"
    left_out = [item for item in items if item.get_closest_marker(mark) is None]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "few: runs without --every, too")
    config.addinivalue_line("markers", "chosen: runs with --chosen, too")
