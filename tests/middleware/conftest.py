"""These tests speak the bytes of the parity tests, know the versions of the compiler's, and start
servers as the end-to-end tests do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

for shelf in (".", "../parity", "../compile", "../e2e"):
    sys.path.insert(0, str((Path(__file__).parent / shelf).resolve()))
# Every so many tests only: set where these tests run again under another version.
STEP = int(os.environ.get("FASTRD_GRID_STEP", "1"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stacks", type=int, default=6, help="how many of test_stacks.py")
    parser.addoption("--first-stack", type=int, default=1, help="number of the first one")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stack_seed" in metafunc.fixturenames:
        first = int(metafunc.config.getoption("first_stack"))
        count = int(metafunc.config.getoption("stacks"))
        metafunc.parametrize("stack_seed", range(first, first + count))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    kept = set(here[::STEP])
    items[:] = [item for item in items if item in kept or item not in here]
