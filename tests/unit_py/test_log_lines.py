"""The log of Python's lines."""

from __future__ import annotations

import subprocess
import sys

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
