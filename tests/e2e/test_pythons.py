"""Which Python runs the application, and what is said when it cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from server import BINARY, Fastrd, fails

GOOD = "from fastapi import FastAPI\napp = FastAPI()\n"
PURELIB = Path(sysconfig.get_path("purelib"))
# Nothing of the caller's says which Python is meant.
BARE = {"VIRTUAL_ENV": "", "FASTRD_PYTHON": "", "PATH": "/nowhere"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(GOOD)
    return tmp_path


def environment(at: Path, *, packages: bool = True) -> Path:
    """A virtual environment; with ours in it: fastrd and the packages."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", at], check=True)
    if packages:
        (site,) = at.glob("lib/python*/site-packages")
        (site / "ours.pth").write_text(str(PURELIB))
        shutil.copy(BINARY, at / "bin/fastrd")
    return at


def python_of(binary: Path, directory: Path, env: dict[str, str]) -> str:
    server = Fastrd("main:app", directory, env=env)
    server.command[0] = str(binary)
    with server:
        return re.findall(r"  python   .* \((.*)\)", server.log())[0]


def test_an_environment_need_not_be_active(project: Path) -> None:
    own = environment(project / ".venv")
    assert python_of(own / "bin/fastrd", project, BARE) == f"{own}/bin/python"


def test_fastrd_of_one_environment_while_another_is_active(project: Path) -> None:
    """As every program of an environment runs on its own Python."""
    own = environment(project / ".venv")
    other = environment(project / "other", packages=False)
    active = {"VIRTUAL_ENV": str(other), "PATH": f"{other}/bin"}
    assert python_of(own / "bin/fastrd", project, active) == f"{own}/bin/python"


def test_fastrd_outside_environments_takes_the_active_one(project: Path) -> None:
    own = environment(project / ".venv")
    (project / "bin").mkdir()
    fastrd = Path(shutil.copy(BINARY, project / "bin/fastrd"))
    (project / "bin/python3").symlink_to("/bin/false")
    assert python_of(fastrd, project, BARE | {"VIRTUAL_ENV": str(own)}) == f"{own}/bin/python"


def test_the_python_beside_fastrd_before_that_of_path(project: Path) -> None:
    own = environment(project / ".venv")
    for directory in ("bin", "path"):
        (project / directory).mkdir()
        python = project / directory / "python3"
        python.write_text(f'#!/bin/sh\nexec {own}/bin/python "$@"\n')
        python.chmod(0o755)
    fastrd = Path(shutil.copy(BINARY, project / "bin/fastrd"))
    env = BARE | {"PATH": f"{project}/path"}
    assert python_of(fastrd, project, env) == f"{project}/bin/python3"
    (project / "bin/python3").unlink()
    assert python_of(fastrd, project, env) == f"{project}/path/python3"


@pytest.mark.parametrize("module", ["fastrd", "fastrapi"])
def test_python_dash_m_is_fastrd_with_that_python(project: Path, module: str) -> None:
    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *words], cwd=project, env=os.environ | BARE,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert ask("-t").stdout.startswith("main:app: ok, ")
    assert ask("-t", "--python", "/bin/true", "main.py").returncode == 0
    done = ask("--prot")
    assert (done.returncode, done.stderr) == (2, "fastrd: unknown flag --prot; did you mean --port?\n")


def package(to: Path, suffix: str | None) -> dict[str, str]:
    """A copy of the package whose compiled part has another suffix, or is missing; the
    environment in which it comes first."""
    compiled = [f"_engine{end}" for end in EXTENSION_SUFFIXES]
    shutil.copytree(PURELIB / "fastrapi", to / "fastrapi", ignore=shutil.ignore_patterns(*compiled))
    if suffix is not None:
        (to / f"fastrapi/_engine{suffix}").write_bytes(b"")
    return {"PYTHONPATH": str(to)}


OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize("words", [(), ("-t",)], ids=["serve", "test"])
@pytest.mark.parametrize(
    ("suffix", "why"),
    [
        (".cpython-39-x86_64-linux-gnu.so", f"built for Python 3.9, run with {OWN}"),
        (None, "its compiled part is missing"),
        (EXTENSION_SUFFIXES[0], "file too short"),
    ],
)
def test_a_package_that_this_python_cannot_load(project: Path, suffix, why, words) -> None:
    env = package(project / "lib", suffix)
    status, text = fails("main:app", project, *words, env=env)
    assert (status, text.count("\n")) == (5, 1), text
    assert text.startswith("fastrd: ") and f"cannot run fastrapi (the fastrapi in {project}/lib/fastrapi: " in text
    assert why in text
    assert '); install it with "' in text
    assert text.endswith("or give the application's Python with --python\n")
