"""Which numbers make the applications: --first, --applications."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "parity")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--applications", type=int, default=8, help="how many")
    parser.addoption("--first", type=int, default=1, help="number of the first one")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first = int(metafunc.config.getoption("first"))
        metafunc.parametrize("seed", range(first, first + int(metafunc.config.getoption("applications"))))
