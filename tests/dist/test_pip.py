"""A wheel puts fastrd and fastrapi into the virtual environment of a project that is not ours, and type
checkers see every name there. (tests/docs runs the README's `pip install` of a checkout.)"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_install import Fastrd, clean_copy

HERE = Path(__file__).parent
TYPED = (HERE / "typed.py").read_text()
MISTAKES = """
from fastrapi import FastAPI
from fastrapi.routing import nothing
FastAPI().nothing()
"""


@pytest.fixture(scope="module")
def project(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with main.py and .venv, into which fastrd has been installed."""
    project = tmp_path_factory.mktemp("project")
    (wheel,) = dist.glob("*.whl")
    (project / "main.py").write_text(TYPED)
    subprocess.run([sys.executable, "-m", "venv", project / ".venv"], check=True)
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "FASTRD_BUILD")}
    for packages in ([str(wheel)], ["mypy==2.4.1", "pyright[nodejs]==1.1.414"]):
        done = subprocess.run(
            [project / ".venv/bin/pip", "install", "-q", "--disable-pip-version-check", *packages],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
    return project


def run(project: Path, *command: str) -> tuple[int, str]:
    done = subprocess.run(
        [project / ".venv/bin" / command[0], *command[1:]], cwd=project, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_it_serves_the_project(project: Path) -> None:
    server = Fastrd("main:app", project, "--python", str(project / ".venv/bin/python"))
    server.command[0] = str(project / ".venv/bin/fastrd")
    with server:
        assert server.get("/") == (200, b'{"message":"hello","key":null}')
        assert "0 through ASGI" in server.log()


def test_pip_knows_what_it_has_installed(project: Path) -> None:
    assert run(project, "pip", "check")[0] == 0
    status, text = run(project, "pip", "show", "--files", "fastrd")
    assert status == 0
    assert "bin/fastrd" in text and "fastrapi/routing.py" in text and "LICENSE" in text


def test_mypy_sees_every_name(project: Path) -> None:
    assert run(project, "mypy", "--strict", "main.py") == (
        0, "Success: no issues found in 1 source file\n"
    )  # fmt: skip


def test_pyright_sees_every_name(project: Path) -> None:
    (project / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "strict", "include": ["main.py"], "venvPath": ".", "venv": ".venv"})
    )
    assert run(project, "pyright") == (0, "0 errors, 0 warnings, 0 informations\n")


def test_the_checkers_still_find_mistakes(project: Path) -> None:
    (project / "mistakes.py").write_text(MISTAKES)
    status, text = run(project, "mypy", "--strict", "mistakes.py")
    assert status == 1 and "Found 2 errors" in text, text
    status, text = run(project, "pyright", "mistakes.py")
    assert status == 1 and '"nothing" is unknown import symbol' in text, text


def test_an_editable_install_is_refused_with_the_reason(project: Path, tmp_path: Path) -> None:
    clean_copy(tmp_path)
    status, text = run(project, "pip", "install", "-q", "-e", str(tmp_path))
    assert status != 0
    assert "an editable install is not possible: fastrd is compiled. Use ./try" in text
