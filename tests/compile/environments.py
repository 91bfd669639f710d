"""Folders with other versions of FastAPI, to be put before build/venv's own packages.

Each is made once, below build/versions, with pip.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Quick enough for every run; FASTRD_GRID_STEP=1 asks everything.
STEP = os.environ.get("FASTRD_GRID_STEP", "17")
EVERY = bool(os.environ.get("FASTRD_EVERY_VERSION"))


@dataclass(frozen=True)
class Environment:
    """A version of FastAPI, why it is tested, and what it is tested with."""

    fastapi: str
    because: str
    pins: tuple[str, ...] = ()
    starlette: str = ""  # the one to take, instead of the newest that fits
    often: bool = False  # in ./check, too; without it only where every version is asked for

    @property
    def name(self) -> str:
        return f"{self.fastapi}-starlette-{self.starlette}" if self.starlette else self.fastapi

    @property
    def folder(self) -> Path:
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return ROOT / "build" / "versions" / f"fastapi-{self.name}-py{python}"

    def make(self) -> None:
        """Install into the folder, if that has not been done yet. Tests that run at once may want
        the same one: one of them makes it, the others wait."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with self.folder.with_name(f"{self.folder.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self.folder.exists():
                self._install()

    def _install(self) -> None:
        new = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check",
             "--only-binary", ":all:", "--target", str(new), f"fastapi=={self.fastapi}",
             *self.pins, *([f"starlette=={self.starlette}"] if self.starlette else []), "httpx",
             "python-multipart"],
            check=True,
        )  # fmt: skip
        new.rename(self.folder)

    def passes(self, tests: list[str], seconds: float) -> None:
        """AssertionError with pytest's words unless these tests pass there, in so many
        seconds."""
        self.make()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *tests],
            cwd=os.path.dirname(tests[0]), env={**self.variables(), "FASTRD_GRID_STEP": STEP},
            capture_output=True, text=True, timeout=seconds,
        )  # fmt: skip
        assert done.returncode == 0, f"{self.because}\n{done.stdout[-6000:]}{done.stderr[-2000:]}"

    def variables(self) -> dict[str, str]:
        """The environment of a process that shall find these versions."""
        return {**os.environ, "PYTHONPATH": str(self.folder)}


# The oldest Pydantic has no build for later Pythons.
_OLDEST = ("starlette==0.37.2", *(("pydantic==2.7.0",) if sys.version_info < (3, 13) else ()))

# The newest version is the one of build/venv.
ENVIRONMENTS = (
    Environment("0.115.0", "the oldest: Starlette's own request_response", _OLDEST, often=True),
    Environment("0.118.3", "exit stacks in the request's scope, before scopes"),
    Environment("0.122.1", "scopes of dependencies; the old field classes", often=True),
    Environment("0.130.0", "serialises straight to bytes"),
    Environment("0.140.13", "included routers, their handlers made per request"),
    Environment("0.150.0", "defaults as today, null as no content"),
)

# Versions of Starlette whose middleware differ from one another.
STARLETTES = (
    *ENVIRONMENTS[:4],
    Environment("0.140.13", "sessions that know their use; CORS by credentials", starlette="1.0.0", often=True),
    Environment("0.140.13", "large content compressed on threads", starlette="1.5.0"),
)


def chosen(environments: Iterable[Environment]) -> list[Environment]:
    """Those that are tried in this run."""
    return [environment for environment in environments if environment.often or EVERY]
