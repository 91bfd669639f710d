"""The environment that the pages' frameworks are in, servers of it, and a browser."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "parity")]

from browser import Browser, chromium
from server import BUILD, ROOT

LISTS = (ROOT / "requirements.txt", HERE / "requirements.txt")


@pytest.fixture(scope="session")
def python() -> str:
    """The interpreter of a virtual environment below build/, which is made anew when what it shall hold has
    changed. Tests that run at once want the same one: one of them makes it, the others wait."""
    place = BUILD / "pages"
    holds = place / "requirements"
    wanted = sys.version + "\n" + "".join(path.read_text() for path in LISTS)
    with place.with_name("pages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not holds.exists() or holds.read_text() != wanted:
            shutil.rmtree(place, ignore_errors=True)
            # A sanitizer of the program under test would find faults in pip.
            env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
            subprocess.run([sys.executable, "-m", "venv", place], check=True, env=env)
            lists = [word for path in LISTS for word in ("-r", path)]
            pip = [place / "bin/pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:"]
            subprocess.run([*pip, *lists], check=True, env=env)
            # The package under test, as it was built last.
            (packages,) = place.glob("lib/python*/site-packages")
            (packages / "fastrapi").symlink_to(Path(sysconfig.get_path("purelib"), "fastrapi"))
            holds.write_text(wanted)
    return str(place / "bin/python")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found
