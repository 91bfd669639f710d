"""The package fastrapi beside fastrd, in ../lib/fastrd, as Debian packages have it: applications whose
environment has FastAPI only run with that one, and never with one of another version."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from server import BINARY, Fastrd

PURELIB = Path(sysconfig.get_path("purelib"))
# A process that multiprocessing spawns finds the worker's main module by its name.
APP = """
import multiprocessing, sys
from fastapi import FastAPI
app = FastAPI()

@app.get("/")
def root():
    import fastrapi
    return [fastrapi.__file__, sys.argv[1]]

@app.get("/spawn")
def spawn():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(len, ("four",))
"""
FOREIGN = ".cpython-39-x86_64-linux-gnu.so"


def copy(to: Path, suffix: str = EXTENSION_SUFFIXES[0], version: str = "") -> Path:
    """The package below ``to``; its compiled part has this suffix, it says that it is of this version."""
    shutil.copytree(PURELIB / "fastrapi", to / "fastrapi", ignore=shutil.ignore_patterns("__pycache__"))
    engine = to / f"fastrapi/_engine{EXTENSION_SUFFIXES[0]}"
    engine.rename(to / f"fastrapi/_engine{suffix}")
    if version:
        init = to / "fastrapi/__init__.py"
        text = re.sub('__version__ = ".*"', f'__version__ = "{version}"', init.read_text())
        init.write_text(text)
    return to


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """main.py, an environment that has what build/venv has but for ours, and a fastrd elsewhere."""
    (tmp_path / "main.py").write_text(APP)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    site = site_of(tmp_path)
    for path in PURELIB.iterdir():
        if path.name not in ("fastrapi", "fastrd") and not (site / path.name).exists():
            (site / path.name).symlink_to(path)
    (tmp_path / "usr/bin").mkdir(parents=True)
    shutil.copy(BINARY, tmp_path / "usr/bin/fastrd")
    return tmp_path


def site_of(project: Path) -> Path:
    (site,) = project.glob(".venv/lib/python*/site-packages")
    return site


def words(project: Path) -> list[str]:
    return [f"{project}/usr/bin/fastrd", "--python", f"{project}/.venv/bin/python"]


def served(project: Path, path: str = "/") -> bytes:
    server = Fastrd("main:app", project)
    server.command[:1] = words(project)
    with server:
        status, body = server.get(path)
        assert status == 200 and "0 through ASGI" in server.log()
        return body


def refused(project: Path, *more: str) -> str:
    done = subprocess.run(
        [*words(project), "--port", "0", *more, "main:app"], cwd=project, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (5, 1), done.stderr
    return done.stderr


def test_an_environment_needs_fastapi_only(project: Path) -> None:
    beside = copy(project / "usr/lib/fastrd")
    package = f"{project}/usr/bin/../lib/fastrd/fastrapi"
    assert served(project) == f'["{package}/__init__.py","main:app"]'.encode()
    assert served(project, "/spawn") == b"4"
    done = subprocess.run([*words(project), "-t"], cwd=project, capture_output=True, text=True)
    assert done.stdout.startswith("main:app: ok, 2 compiled"), done.stderr
    shutil.rmtree(beside)
    assert "cannot run fastrapi" in refused(project, "-t")


def test_it_comes_before_that_of_the_environment(project: Path) -> None:
    """Which may be older than fastrd."""
    copy(project / "usr/lib/fastrd")
    copy(site_of(project), version="0.0.9")
    assert f"{project}/usr/bin/../lib/fastrd/fastrapi" in served(project).decode()


def test_an_environment_of_another_python_has_its_own(project: Path) -> None:
    copy(project / "usr/lib/fastrd", suffix=FOREIGN)
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    for more in ((), ("-t",)):
        assert (
            f"/.venv/bin/python cannot run fastrapi (the fastrapi in {project}/usr/bin/../lib/fastrd/fastrapi: "
            f"built for Python 3.9, run with {own}); " in refused(project, *more)
        )
    copy(site_of(project))
    assert str(site_of(project) / "fastrapi/__init__.py") in served(project).decode()


@pytest.mark.parametrize("more", [(), ("-t",), ("--preload",)], ids=["serve", "test", "preload"])
def test_a_package_of_another_version_is_refused(project: Path, more: tuple[str, ...]) -> None:
    copy(site_of(project), version="0.0.9")
    assert (
        f"/.venv/bin/python cannot run fastrapi (the fastrapi in {site_of(project)}/fastrapi is version 0.0.9, "
        "fastrd is 0.1.0); " in refused(project, *more)
    )


def test_a_package_of_the_same_name_over_ours_is_named(project: Path) -> None:
    """As `pip install fastrapi` leaves it, which takes somebody else's from PyPI."""
    (copy(site_of(project)) / "fastrapi/__init__.py").write_text("")
    for more in ((), ("-t",)):
        text = refused(project, *more)
        assert f"(the fastrapi in {site_of(project)}/fastrapi was overwritten by another package); " in text
        assert "(the fastrapi on PyPI is another package)" in text and "Traceback" not in text
