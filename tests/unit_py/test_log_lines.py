"""The log of Python's lines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

FULL = """
import logging, os, sys
from fastrapi.log import open_log

ours, theirs = os.pipe()
os.dup2(theirs, 2)
open_log("worker 3", "info")
for _ in range(2000):
    logging.getLogger("fastrapi.error").error("nobody reads this, %s", "x" * 5000)
print(len(os.read(ours, 1 << 20)) > 10_000)
"""
LONG = """
import logging, os, sys
from fastrapi.log import open_log

open_log("worker 3", "info", "json")
calls = {}
for n in range(200):
    exec(f"def call_{n}(): call_{n + 1}()", calls)
exec("def call_200(): raise ValueError('é' * 1000)", calls)
try:
    calls["call_0"]()
except ValueError:
    logging.getLogger("mine").exception("long")
"""
OWN = """
import logging
logging.basicConfig(format="root: %(message)s")
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter("own: %(message)s"))
logging.getLogger("fastrapi").addHandler(handler)
from fastrapi.log import open_log
open_log("fastrd", "warning")
logging.getLogger("fastrapi").warning("a")
logging.getLogger("fastrapi").info("b")
"""


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )


def test_nothing_waits_for_a_reader() -> None:
    assert run(FULL).stdout == "True\n"


def test_an_application_may_have_handlers_of_its_own() -> None:
    assert sorted(run(OWN).stderr.splitlines()) == ["own: a", "root: a"]


def test_a_json_line_fits_a_pipe_and_keeps_the_end_of_its_traceback(tmp_path: Path) -> None:
    """A file takes all of it."""
    line = run(LONG).stderr
    assert line.count("\n") == 1 and 3000 < len(line.encode()) <= 4096
    told = json.loads(line)
    assert told["exception"].startswith("...") and told["exception"].endswith("é" * 300)
    with (tmp_path / "log").open("wb") as file:
        subprocess.run([sys.executable, "-c", LONG], stderr=file, check=True, timeout=60)
    told = json.loads((tmp_path / "log").read_text())
    assert told["exception"].startswith("Traceback") and "in call_100" in told["exception"]
    assert (told["msg"], told["logger"], told["level"], told["process"]) == ("long", "mine", "error", "worker 3")
