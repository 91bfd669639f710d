"""Autobahn's fuzzing client: each case ends as the suite asks for, none of them only "non-strict".

``./check`` has time for a part of the groups 9, 12 and 13, which send thousands of messages in each
case; ``make check-autobahn`` makes all of them. Where there is no Python 2.7, ``tests/websocket`` says the
same of frames.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server import BUILD, PATIENCE, Fastrd

HERE = Path(__file__).parent
WSTEST = BUILD / "autobahn/venv/bin/wstest"
# What to send, how many cases that is, and how many for ./check where that is less.
GROUPS: dict[str, tuple[int, list[str]]] = {
    "1": (16, []), "2": (11, []), "3": (7, []), "4": (10, []), "5": (20, []), "6": (145, []),
    "7": (37, []), "9": (54, ["9.1.1", "9.2.2", "9.3.5", "9.4.6", "9.5.5", "9.6.6", "9.7.1", "9.8.1"]),
    "10": (1, []), "12": (90, ["12.1.1", "12.1.3", "12.2.1"]),
    "13": (126, [f"13.{n}.1" for n in range(1, 8)]),
}  # fmt: skip
GOOD = {"OK", "INFORMATIONAL"}


def run(port: int, cases: list[str], directory: Path, seconds: float) -> dict[str, Any]:
    """The suite's verdicts, by case."""
    spec = directory / "spec.json"
    servers = [{"agent": "fastrd", "url": f"ws://127.0.0.1:{port}"}]
    spec.write_text(json.dumps({
        "outdir": str(directory / "report"), "servers": servers, "cases": cases,
        "exclude-cases": [], "exclude-agent-cases": {},
    }))  # fmt: skip
    quiet = {name: value for name, value in os.environ.items() if name not in ("LD_PRELOAD", "PYTHONPATH")}
    with (directory / "log").open("wb") as log:
        subprocess.run([WSTEST, "-m", "fuzzingclient", "-s", spec], stdout=log, stderr=log, env=quiet,
                       cwd=directory, check=True, timeout=seconds * PATIENCE)  # fmt: skip
    return json.loads((directory / "report/index.json").read_text())["fastrd"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fastrd]:
    """Without a limit: some messages have 16 MB."""
    if not WSTEST.exists():
        pytest.skip("no Python 2.7 for Autobahn's test suite")
    log = tmp_path_factory.mktemp("echo") / "log"
    with Fastrd("echo_app:app", HERE.parent / "websocket", "--ws-max-size", "0", log=log) as server:
        yield server


@pytest.mark.parametrize("group", GROUPS)
def test_group(tmp_path, request, server, group):
    count, few = GROUPS[group]
    whole = request.config.getoption("--whole") or not few
    found = run(server.port, [f"{group}.*"] if whole else few, tmp_path, 7200 if whole else 300)
    print(f"group {group}: {len(found)} cases")
    bad = {case: (one["behavior"], one["behaviorClose"]) for case, one in found.items()
           if not {one["behavior"], one["behaviorClose"]} <= GOOD}  # fmt: skip
    assert not bad
    assert len(found) == (count if whole else len(few))
