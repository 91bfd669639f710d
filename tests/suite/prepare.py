"""Lays out what a run of FastAPI's suite needs in `suite` below the build directory.

    venv/              pytest and the suite's requirements (requirements.txt),
                       the very FastAPI, Starlette and Pydantic of the tested
                       interpreter, and `fastrapi` seen through a .pth line
    fastapi-<version>/ tests and docs_src of the sdist, without its package
    renamed-<version>/ the same after `sed s/fastapi/fastrapi/` in each Python file
    starlette-<version>/ the tests of Starlette's sdist

Called by run.py and run_starlette.py. A second call finds everything in place and does
nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
DIRECTORY = BUILD / "suite"
_SAME_VERSION = ("fastapi", "starlette", "pydantic", "pydantic_core", "anyio")
_UNPACKED = ("tests/", "docs_src/", "docs/", "scripts/", "pyproject.toml", "README.md")
_PROBE = f"""
import importlib.metadata, json, sysconfig
versions = {{name: importlib.metadata.version(name) for name in {_SAME_VERSION!r}}}
print(json.dumps([versions, sysconfig.get_path("platlib")]))
"""


@dataclass
class Suite:
    """Where the prepared suite is."""

    version: str
    directory: Path
    source: Path
    renamed: Path
    python: Path


def prepare_suite(tested_python: Path) -> Suite:
    """Make the suite of the FastAPI installed for `tested_python` runnable.

    Raises as _prepare() does.
    """
    versions, python = _prepare(tested_python)
    source = _unpack_sdist(tested_python, "fastapi", versions["fastapi"])
    renamed = _rename(source, DIRECTORY / f"renamed-{versions['fastapi']}")
    return Suite(versions["fastapi"], DIRECTORY, source, renamed, python)


def prepare_starlette(tested_python: Path) -> Suite:
    """The same for the Starlette that is installed; nothing of it is renamed."""
    versions, python = _prepare(tested_python)
    source = _unpack_sdist(tested_python, "starlette", versions["starlette"])
    return Suite(versions["starlette"], DIRECTORY, source, source, python)


def _prepare(tested_python: Path) -> tuple[dict[str, str], Path]:
    """The versions that `tested_python` has, and the interpreter that runs the tests.

    Raises SystemExit with a one-line cause when that interpreter has no
    FastAPI, subprocess.CalledProcessError when pip fails.
    """
    if not tested_python.exists():
        raise SystemExit(f"suite: no {tested_python}; build first or give --python")
    probe = subprocess.run([tested_python, "-c", _PROBE], capture_output=True, text=True)
    if probe.returncode != 0:
        raise SystemExit(f"suite: {tested_python}: {probe.stderr.strip().splitlines()[-1]}")
    versions, site_packages = json.loads(probe.stdout)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    return versions, _make_venv(tested_python, versions, site_packages)


def _unpack_sdist(tested_python: Path, name: str, version: str) -> Path:
    target = DIRECTORY / f"{name}-{version}"
    if target.exists():
        return target
    subprocess.run([tested_python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary",
                    name, "-d", DIRECTORY, f"{name}=={version}"],
                   check=True)
    unpacking = DIRECTORY / "unpacking"
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(DIRECTORY / f"{name}-{version}.tar.gz") as archive:
        top = f"{name}-{version}/"
        members = [m for m in archive.getmembers()
                   if m.name.removeprefix(top).startswith(_UNPACKED)]
        archive.extractall(unpacking, members, filter="data")
    (unpacking / top).rename(target)
    unpacking.rmdir()
    return target


def _rename(source: Path, target: Path) -> Path:
    """A copy in which the first `fastapi` of every line of Python is `fastrapi`."""
    if target.exists():
        return target
    unfinished = target.with_name("renaming")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished)
    for file in unfinished.rglob("*.py"):
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line.replace("fastapi", "fastrapi", 1) for line in lines))
    unfinished.rename(target)
    return target


def _make_venv(tested_python: Path, versions: dict[str, str], site_packages: str) -> Path:
    requirements = HERE / "requirements.txt"
    venv = DIRECTORY / "venv"
    python = venv / "bin" / "python"
    stamp = venv / "stamp"
    wanted = json.dumps([versions, site_packages,
                         hashlib.sha256(requirements.read_bytes()).hexdigest()])
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    subprocess.run([tested_python, "-m", "venv", "--clear", venv], check=True)
    pins = [f"{name}=={version}" for name, version in versions.items()]
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                    "-r", requirements, *pins], check=True)
    own_packages = next((venv / "lib").glob("python3*/site-packages"))
    (own_packages / "tested.pth").write_text(site_packages + "\n")
    stamp.write_text(wanted)
    return python
