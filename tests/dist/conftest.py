"""The tests here start servers as those of tests/e2e do, and install what contrib/wheel/build makes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the sdist and a wheel for this Python: made once for all processes of the run, and not
    optimised. With FASTRD_PYTHONS it is build/dist, with a wheel for each of these Pythons as it is released."""
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "FASTRD_BUILD", "FASTRD_CONFIGURE")}
    released = os.environ.get("FASTRD_PYTHONS")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    made = ROOT / "build/dist" if released else shared / "dist"
    more = {} if released else {"FASTRD_DIST": str(made), "CFLAGS": "-O0", "MAKEFLAGS": "-j2"}
    with open(shared / "dist.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not list(made.glob("*.whl")) or not (shared / "dist.made").exists():
            done = subprocess.run(
                [ROOT / "contrib/wheel/build", *(released or sys.executable).split()], env=env | more,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout[-3000:]
            (shared / "dist.made").touch()
    return made
