"""The sdist and the wheels that contrib/wheel/build makes: what is in them, and that they serve wherever they
are installed, on a Debian with nothing but Python too."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bare import HOME, Bare, bare_system, why_not
from ports import free_port
from server import PATIENCE, Fastrd
from upgraded import adopting, upgrade

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/docs"))

import transcript

PYTHONS = os.environ.get("FASTRD_PYTHONS", sys.executable).split()
PROGRAMS = re.findall(r"^bin_PROGRAMS = (.*)$", (ROOT / "Makefile.am").read_text(), re.MULTILINE)[0].split()
MAIN = """
import fastrapi
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
async def root():
    return fastrapi.__file__
"""
# fastrd warns of a variable of this kind that is no setting.
NOT_THEIRS = ("LD_PRELOAD", "FASTRD_BUILD", "FASTRD_PYTHONS", "VIRTUAL_ENV")
ENV = {k: v for k, v in os.environ.items() if k not in NOT_THEIRS}
UV = str(Path(sys.executable).parent / "uv")


def said(*command: str | Path, cwd: Path | None = None, status: int = 0, **env: str) -> str:
    """What a command prints, on either stream."""
    done = subprocess.run(
        command, cwd=cwd, env=ENV | env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == status, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def tag_of(python: str) -> str:
    return said(python, "-c", "import sys; print('cp%d%d' % sys.version_info[:2])").strip()


@pytest.fixture(scope="module", params=PYTHONS, ids=tag_of)
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def wheel(dist: Path, python: str) -> Path:
    (wheel,) = dist.glob(f"*-{tag_of(python)}-*.whl")
    return wheel


# What is in them.


def test_the_sdist_has_what_builds_fastrd_and_nothing_else(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    listed = said("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT).splitlines()
    ours = {name for name in listed if not re.match(r"tests/(?!unit/\w+\.mk)|bench/|examples/|\.ci/", name)}
    made = {"PKG-INFO", "Makefile.in", "aclocal.m4", "configure"}
    others = {name for name in names - ours if not name.startswith(("build-aux/", "m4/"))}
    assert others == made
    needed = r".*\.(c|h|def|py|pyi|in|mk|ac|am|toml)|contrib/facades|LICENSE|README\.md"
    assert {name for name in ours if re.fullmatch(needed, name)} - names == set()
    assert path.stat().st_size < 2_000_000


def test_configure_names_the_library_that_is_missing(dist: Path, tmp_path: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    said("tar", "-xzf", path, "--strip-components=1", cwd=tmp_path)
    text = said("./configure", "-q", cwd=tmp_path, status=1, PKG_CONFIG_LIBDIR="/nowhere", PYTHON=sys.executable)
    assert "error: libevent not found (Debian: libevent-dev)" in text


def test_a_wheel_has_what_is_installed_and_nothing_else(wheel: Path, python: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        files = {info.filename: info for info in archive.infolist() if not info.is_dir()}
        contents = {name: archive.read(name) for name in files}
    (version,) = re.findall(r"AC_INIT\(\[fastrd\], \[(.*?)\]\)", (ROOT / "configure.ac").read_text())
    name = f"fastrd-{version}"
    info, scripts = f"{name}.dist-info", f"{name}.data/scripts"
    assert {file.split("/")[0] for file in files} == {"fastrapi", "fastrd", info, f"{name}.data"}
    assert {file for file in files if file.startswith(f"{name}.data/") and "/share/man/" not in file} == {
        f"{scripts}/{program}" for program in PROGRAMS
    }
    assert all(files[f"{scripts}/{program}"].external_attr >> 16 & 0o111 == 0o111 for program in PROGRAMS)
    assert f"{name}.data/data/share/man/man5/fastrd.conf.5" in files
    ours = [str(path.relative_to(ROOT / "python")) for path in (ROOT / "python").rglob("*.py*") if path.is_file()]
    assert {file for file in ours if "__pycache__" not in file} <= files.keys()
    suffix = said(python, "-c", "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))").strip()
    assert [file for file in files if file.endswith(".so")] == [f"fastrapi/_engine{suffix}"]
    assert not [file for file in files if re.search(r"\.(c|h|o|a|la|pyc)$", file)]
    # With the licences of what it is linked with.
    licences = {file.rpartition("/")[2] for file in files if file.startswith(f"{info}/licenses/libraries/")}
    assert {"libevent-dev", "libhttp-parser-dev", "zlib1g-dev", "libdeflate-dev", "nettle-dev", "LGPL-3"} < licences
    assert contents[f"{info}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    record = {row[0]: row[1] for row in csv.reader(contents[f"{info}/RECORD"].decode().splitlines())}
    assert record.pop(f"{info}/RECORD") == ""
    assert record == {
        file: "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        for file, content in contents.items()
        if file != f"{info}/RECORD"
    }


def test_a_wheel_needs_nothing_but_glibc(wheel: Path, tmp_path: Path) -> None:
    """No library of Python's either. The programs and the extension say which glibc."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    programs = [next(tmp_path.glob(f"*.data/scripts/{program}")) for program in PROGRAMS]
    for path in [next(tmp_path.glob("fastrapi/_engine.*.so")), *programs]:
        dynamic = said("readelf", "-d", path)
        assert re.findall(r"\(NEEDED\) .*\[(.*)\]", dynamic) == ["libc.so.6"], path
        assert not re.search(r"R(UN)?PATH|TEXTREL", dynamic), path
    text = " ".join(said(ROOT / "build/wheel/bin/auditwheel", "show", wheel).split())
    assert "is consistent with the following platform tag: \"manylinux_2_34_x86_64\"" in text
    assert wheel.name.endswith("-manylinux_2_34_x86_64.whl")


# That they serve.


Commands = tuple[list[str | Path], list[str | Path]]


def install_with_pip(python: str, venv: Path) -> Commands:
    """How packages get into the environment and out again."""
    said(python, "-m", "venv", "--without-pip", venv)
    pip = [ROOT / "build/wheel/bin/pip", "--python", venv, "--disable-pip-version-check"]
    return [*pip, "install", "-q"], [*pip, "uninstall", "-q", "-y"]


def install_with_uv(python: str, venv: Path) -> Commands:
    """An environment without pip."""
    said(UV, "venv", "-q", "--python", python, venv)
    return [UV, "pip", "install", "-q", "--python", venv], [UV, "pip", "uninstall", "-q", "--python", venv]


def files_of(venv: Path) -> set[Path]:
    return {path for path in venv.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.mark.parametrize("installed", [install_with_pip, install_with_uv])
def test_an_environment_serves_and_is_as_before_afterwards(
    wheel: Path, python: str, tmp_path: Path, installed: Callable[[str, Path], Commands]
) -> None:
    """Whether it is active or not."""
    venv = tmp_path / ".venv"
    add, remove = installed(python, venv)
    said(*add, "fastapi")
    before = files_of(venv)
    said(*add, wheel)
    (tmp_path / "main.py").write_text(MAIN)
    (package,) = venv.glob("lib/python*/site-packages/fastrapi/__init__.py")
    server = Fastrd("main:app", tmp_path, env={"VIRTUAL_ENV": "/nowhere"})
    server.command[0] = str(venv / "bin/fastrd")
    with server:
        assert server.get("/") == (200, f'"{package}"'.encode())
        assert "1 compiled, 0 through ASGI" in server.log()
    for command in (["bin/fastrd"], ["bin/python", "-m", "fastrd"], ["bin/python", "-m", "fastrapi"]):
        text = said(venv / command[0], *command[1:], "-t", "main:app", cwd=tmp_path)
        assert text.startswith("main:app: ok, 1 compiled")
    said(*remove, "fastrd")
    assert files_of(venv) == before


def test_it_is_replaced_while_it_serves(wheel: Path, python: str, tmp_path: Path) -> None:
    """By a reload, which starts the new package, and by an upgrade, which starts the new program as well."""
    venv = tmp_path / ".venv"
    add, _ = install_with_uv(python, venv)
    said(*add, wheel)
    (tmp_path / "main.py").write_text(MAIN)
    server = Fastrd("main:app", tmp_path)
    server.command[0] = str(venv / "bin/fastrd")
    with adopting(), server:
        said(*add, "--reinstall-package", "fastrd", wheel)
        assert server.get("/")[0] == 200
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert server.get("/")[0] == 200
        new = upgrade(server)
        assert os.readlink(f"/proc/{new}/exe") == str(venv / "bin/fastrd")
        assert server.get("/")[0] == 200


def test_a_directory_serves_without_an_environment(wheel: Path, python: str, tmp_path: Path) -> None:
    said(UV, "pip", "install", "-q", "--python", python, "--target", tmp_path / "lib", wheel)
    (tmp_path / "main.py").write_text(MAIN)
    env = {"PYTHONPATH": str(tmp_path / "lib"), "PATH": "/usr/bin:/bin"}
    for command in ([tmp_path / "lib/bin/fastrd", "--python", python], [python, "-m", "fastrd"]):
        text = said(*command, "-t", "main:app", cwd=tmp_path, **env)
        assert text.startswith("main:app: ok, 1 compiled")


# A bare Debian, which has Python 3.11.


@pytest.fixture(scope="module")
def bare(dist: Path) -> Iterator[Bare]:
    if why := why_not():
        pytest.skip(why)
    if not list(dist.glob("*-cp311-*.whl")):
        pytest.skip("a bare Debian 12 has Python 3.11")
    with bare_system() as bare:
        for path in dist.iterdir():
            bare.copy_in(path, f"{HOME}/dist/{path.name}")
        bare.run("python3", "-m", "venv", ".venv")
        yield bare


def test_the_wheel_serves_on_a_bare_debian(bare: Bare) -> None:
    (wheel,) = bare.home.glob("dist/*-cp311-*.whl")
    bare.run(".venv/bin/pip", "install", "-q", f"dist/{wheel.name}")
    (bare.home / "main.py").write_text(MAIN)
    for pattern in ("bin/fastrd*", "lib/python3.11/site-packages/fastrapi/_engine*.so"):
        for path in bare.home.glob(f".venv/{pattern}"):
            assert "not found" not in bare.run("ldd", f"/{path.relative_to(bare.root)}")
    port = free_port()
    server = bare.start(".venv/bin/fastrd", "--port", str(port), "main:app")
    end = time.monotonic() + 60 * PATIENCE
    answer = b""
    while not answer:
        assert server.poll() is None and time.monotonic() < end
        try:
            answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
        except OSError:
            time.sleep(0.05)
    assert answer == f'"{HOME}/.venv/lib/python3.11/site-packages/fastrapi/__init__.py"'.encode()
    server.terminate()
    printed, _ = server.communicate(timeout=60 * PATIENCE)
    assert server.returncode == 0 and "1 compiled, 0 through ASGI" in printed, printed


def test_the_sdist_says_what_it_needs_on_a_bare_debian(bare: Bare) -> None:
    (sdist,) = bare.home.glob("dist/*.tar.gz")
    printed = bare.run(".venv/bin/pip", "install", f"dist/{sdist.name}", status=1)
    assert "no acceptable C compiler found" in printed
    assert "Debian, Ubuntu: apt install gcc make pkg-config python3-dev libevent-dev" in printed
    assert "Traceback" not in printed


# The page.


def test_the_page_about_installing_tells_the_truth(
    dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what was made here in the place of build/dist, and its Python as python3."""
    (tmp_path / "python3").write_text(f'#!/bin/sh\nexec {PYTHONS[0]} "$@"\n')
    (tmp_path / "python3").chmod(0o755)
    (tmp_path / "uv").symlink_to(UV)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    text = (ROOT / "docs/INSTALL.md").read_text()
    assert transcript.run(text.replace("build/dist", str(dist))) > 0
