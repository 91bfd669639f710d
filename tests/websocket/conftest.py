"""One server with an application that echoes, for the tests of a file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e"), str(HERE.parent / "parity")]

from server import Fastrd


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fastrd]:
    log = tmp_path_factory.mktemp("echo") / "log"
    with Fastrd("echo_app:app", HERE, "--ws-max-size", "100000", log=log) as server:
        yield server
