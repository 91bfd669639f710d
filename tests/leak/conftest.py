import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parents[1] / "examples")]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--requests", type=int, default=10_000, help="over sockets, in all")
    parser.addoption("--connections", type=int, default=1000, help="WebSockets that are dropped, in all")
    parser.addoption("--seed", default="", help="of what they do; printed")
