"""What the README says of an installation works: from a clean copy of the sources into a
prefix and a Python of its own, neither of them below build/."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from server import Fastrd

ROOT = Path(__file__).parents[2]
APP = """
from fastapi import FastAPI
app = FastAPI()

@app.get("/")
async def root():
    import fastrapi
    return fastrapi.__file__
"""


def clean_copy(to: Path) -> None:
    """The files that git has or would add."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "--deduplicate"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), listed.splitlines()):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes((ROOT / name).read_bytes())
        (to / name).chmod((ROOT / name).stat().st_mode)


def make_python(to: Path) -> Path:
    """A virtual environment that has FastAPI, by way of the one that runs this test."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", to], check=True)
    (packages,) = to.glob("lib/python*/site-packages")
    (packages / "fastapi.pth").write_text(sysconfig.get_path("purelib"))
    return to / "bin/python"


def commands(prefix: Path, python: Path) -> str:
    """The README's, for these places."""
    (block,) = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for old, new in (("/usr/local", prefix), ("/srv/shop/venv/bin/python", python)):
        assert block.count(old) == 1
        block = block.replace(old, str(new))
    return block


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(fastrd, the virtual environment)"""
    top = tmp_path_factory.mktemp("installed")
    (top / "source").mkdir()
    clean_copy(top / "source")
    python = make_python(top / "venv")
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "FASTRD_BUILD")}
    done = subprocess.run(
        ["sh", "-e", "-c", commands(top / "prefix", python)], cwd=top / "source",
        env=env | {"CFLAGS": "-O0", "MAKEFLAGS": "-j2"}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return top / "prefix/bin/fastrd", top / "venv"


def test_it_serves_with_the_package_of_its_own(installed: tuple[Path, Path], tmp_path: Path) -> None:
    fastrd, venv = installed
    (tmp_path / "app.py").write_text(APP)
    (package,) = venv.glob("lib/python*/site-packages/fastrapi/__init__.py")
    server = Fastrd("app:app", tmp_path, env={"VIRTUAL_ENV": str(venv)})
    server.command[0] = str(fastrd)
    with server:
        assert server.get("/") == (200, f'"{package}"'.encode())
        assert "0 through ASGI" in server.log()


def test_every_module_has_its_bytecode(installed: tuple[Path, Path]) -> None:
    """Who serves may not be able to write it, and would compile each at every start."""
    (package,) = installed[1].glob("lib/python*/site-packages/fastrapi")
    own = ROOT / "python/fastrapi"
    for source in (path.relative_to(own) for path in own.rglob("*.py")):
        assert list((package / source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")), source


def test_it_says_which_python_has_no_fastrapi(installed: tuple[Path, Path], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    python = tmp_path / "bare/bin/python"
    done = subprocess.run(
        [installed[0], "-t", "--python", python, "app:app"], capture_output=True, text=True
    )
    assert done.returncode == 5
    assert f"{python} cannot run fastrapi" in done.stderr
