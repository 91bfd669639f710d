"""The Debian package: built, without a word of lintian's, and in a booted Debian 12 that has nothing else
installed, upgraded, removed and purged, by apt. The tests in there follow each other."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from bare import bare_system
from booted import Booted, why_not
from ports import free_port
from server import PATIENCE, read_all

ROOT = Path(__file__).parents[2]
APP = """
import asyncio, os, pwd
import fastapi
from fastapi import FastAPI
app = FastAPI()

@app.get("/")
async def root():
    import fastrapi
    return [fastrapi.__version__, fastrapi.__file__, pwd.getpwuid(os.getuid()).pw_name, os.path.basename(os.getcwd())]

@app.get("/slow")
async def slow():
    await asyncio.sleep(2)
    return "done"
"""
CONFIG = """app = "main:app"
app_dir = "/srv/shop"
python = "/srv/shop/venv/bin/python"
port = {port}
access_log_file = "/var/log/{name}/access.log"
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that has the packages, compiled without optimisation."""
    build = tmp_path_factory.mktemp("debian")
    env = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "ASAN_OPTIONS")}
    done = subprocess.run(
        ["contrib/debian/build"], cwd=ROOT,
        env=env | {"FASTRD_BUILD": str(build), "DEB_BUILD_OPTIONS": "noopt parallel=2 noautodbgsym"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return build / "deb"


def test_lintian_says_nothing(built: Path) -> None:
    (changes,) = built.glob("*.changes")
    # Only what is optimised can be fortified.
    command = ["lintian", "-EvI", "--pedantic", "--allow-root", "--suppress-tags=hardening-no-fortify-functions"]
    done = subprocess.run([*command, changes], capture_output=True, text=True)
    tags = [line for line in done.stdout.splitlines() if not line.startswith("N:")]
    assert (done.returncode, tags) == (0, []), done.stderr


@pytest.fixture(scope="module")
def machine(built: Path) -> Iterator[Booted]:
    """Booted, with an application and the package's file, which is not installed yet."""
    if why := why_not():
        pytest.skip(why)
    with bare_system() as bare:
        (deb,) = built.glob("fastrd_*.deb")
        bare.copy_in(deb, "/srv/fastrd.deb")
        (bare.root / "srv/shop").mkdir()
        (bare.root / "srv/shop/main.py").write_text(APP)
        bare.run("python3", "-m", "venv", "/srv/shop/venv")
        bare.run("/srv/shop/venv/bin/pip", "install", "-q", "fastapi")
        with Booted(bare) as booted:
            yield booted


def configure(machine: Booted, name: str = "fastrd", log: str = "fastrd") -> int:
    """Write /etc/fastrd/NAME.toml; the port."""
    port = free_port()
    (machine.bare.root / f"etc/fastrd/{name}.toml").write_text(CONFIG.format(port=port, name=log))
    return port


def get(port: int, path: str = "/") -> bytes:
    with socket.create_connection(("127.0.0.1", port), 30 * PATIENCE) as conn:
        conn.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return read_all(conn).partition(b"\r\n\r\n")[2]


def served(user: str, state: str, version: str = "0.1.0") -> bytes:
    return f'["{version}","/usr/bin/../lib/fastrd/fastrapi/__init__.py","{user}","{state}"]'.encode()


def test_it_is_installed_and_starts_nothing(machine: Booted) -> None:
    machine.run("apt-get", "-q", "install", "-y", "--no-install-recommends", "/srv/fastrd.deb")
    assert machine.run("fastrd", "--version").startswith("fastrd ")
    for unit in ("fastrd.service", "fastrd.socket"):
        assert machine.ask("systemctl", "is-enabled", unit) == (1, "disabled\n")
        assert machine.show(unit, "ActiveState") == "inactive"
    assert machine.run("getent", "passwd", "fastrd").endswith(":/var/lib/fastrd:/usr/sbin/nologin\n")
    pages = machine.bare.root / "usr/share/man"
    assert {path.name for path in pages.glob("man*/fastrd*")} >= {
        "fastrd.1.gz", "fastrd.conf.5.gz", "fastrdctl.1.gz",
    }  # fmt: skip


def test_the_test_that_the_package_brings_passes(machine: Booted) -> None:
    """Which autopkgtest runs. It serves without FastAPI, with Debian's own Python."""
    test = (ROOT / "contrib/debian/package/tests/serves").read_text()
    (machine.bare.root / "srv/serves").write_text(test.replace("18931", str(free_port())))
    assert machine.run("sh", "/srv/serves") == "not a FastAPI application: served through ASGI\n"


def test_without_an_application_the_start_fails_and_says_why(machine: Booted) -> None:
    with open(machine.bare.root / "etc/fastrd/fastrd.toml", "a") as file:
        file.write(f"port = {free_port()}\n")  # that of this machine which nobody has
    machine.run("systemctl", "start", "fastrd", status=1)
    assert "no application" in machine.journal()
    machine.run("systemctl", "stop", "fastrd")


def test_the_service_serves_reloads_and_drains(machine: Booted) -> None:
    port = configure(machine)
    tested = machine.run("runuser", "-u", "fastrd", "--", "fastrd", "-t", "-c", "/etc/fastrd/fastrd.toml")
    assert tested.startswith("main:app: ok, 2 compiled")
    machine.run("systemctl", "enable", "--now", "fastrd")
    assert get(port) == served("fastrd", "fastrd")
    master = machine.show("fastrd", "MainPID")
    machine.run("systemctl", "reload", "fastrd")
    machine.wait("fastrd", "StatusText", "generation 2, 1 worker, 0 requests in hand")
    assert (machine.show("fastrd", "MainPID"), get(port)) == (master, served("fastrd", "fastrd"))
    answers: list[bytes] = []
    client = threading.Thread(target=lambda: answers.append(get(port, "/slow")))
    client.start()
    machine.wait("fastrd", "StatusText", "generation 2, 1 worker, 1 request in hand")
    machine.run("systemctl", "stop", "fastrd")
    client.join()
    assert answers == [b'"done"'] and machine.show("fastrd", "Result") == "success"
    with pytest.raises(ConnectionRefusedError):
        get(port)


def test_a_second_application_has_an_instance(machine: Booted) -> None:
    port = configure(machine, "shop", "fastrd-shop")
    machine.run("systemctl", "enable", "--now", "fastrd@shop")
    assert get(port) == served("fastrd", "fastrd-shop")
    machine.run("systemctl", "stop", "fastrd@shop")
    machine.run("useradd", "--system", "shop")
    drop_in = machine.bare.root / "etc/systemd/system/fastrd@shop.service.d/user.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nUser=shop\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "fastrd@shop")
    assert get(port) == served("shop", "fastrd-shop")


def has(path: Path, text: str) -> bool:
    return path.exists() and text in path.read_text()


def changed(machine: Booted, unit: str, master: str) -> bool:
    return machine.show(unit, "MainPID") != master


def test_logs_are_rotated(machine: Booted) -> None:
    """Of both services."""
    ports = [configure(machine), configure(machine, "shop", "fastrd-shop")]
    machine.run("systemctl", "restart", "fastrd", "fastrd@shop")
    for port in ports:
        get(port)
    machine.run("logrotate", "--force", "/etc/logrotate.d/fastrd")
    for port, name in zip(ports, ("fastrd", "fastrd-shop"), strict=True):
        files = machine.bare.root / "var/log" / name
        get(port, "/?after")
        machine.wait_for(partial(has, files / "access.log", "GET /?after "))
        assert "GET / " in (files / "access.log.1").read_text()


@pytest.fixture
def newer(built: Path, tmp_path: Path) -> Path:
    """The package of a next version."""
    (deb,) = built.glob("fastrd_*.deb")
    tree = tmp_path / "tree"
    subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
    for name in ("DEBIAN/control", "usr/bin/fastrd", "usr/lib/fastrd/fastrapi/__init__.py"):
        old = (tree / name).read_bytes()
        assert b"0.1.0" in old
        (tree / name).write_bytes(old.replace(b"0.1.0", b"0.1.1"))
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, tmp_path / "newer.deb"], check=True)
    return tmp_path / "newer.deb"


def test_an_upgrade_takes_over_and_keeps_the_configuration(machine: Booted, newer: Path) -> None:
    port = configure(machine)
    config = machine.bare.root / "etc/fastrd/fastrd.toml"
    before = config.read_text()
    machine.run("systemctl", "restart", "fastrd")
    masters = [machine.show(unit, "MainPID") for unit in ("fastrd", "fastrd@shop")]
    machine.bare.copy_in(newer, "/srv/newer.deb")
    machine.run("apt-get", "-q", "install", "-y", "/srv/newer.deb")
    for unit, master in zip(("fastrd", "fastrd@shop"), masters, strict=True):
        machine.wait_for(partial(changed, machine, unit, master))
        assert machine.show(unit, "ActiveState") == "active"
    assert machine.run("fastrdctl", "status").startswith("fastrd 0.1.1, ")
    assert get(port) == served("fastrd", "fastrd", "0.1.1") and config.read_text() == before


def test_purged_it_leaves_nothing(machine: Booted) -> None:
    """But for the user, and files that are not the package's."""
    root = machine.bare.root
    machine.run("apt-get", "-q", "remove", "-y", "fastrd")
    for unit in ("fastrd", "fastrd@shop"):
        assert machine.show(unit, "MainPID") == "0"
    assert (root / "etc/fastrd/fastrd.toml").exists()
    machine.run("apt-get", "-q", "purge", "-y", "fastrd")
    left = machine.run(
        "find", "/etc", "/usr", "/lib", "/var/lib", "/var/log", "/run", "-xdev", "-iname", "*fastr*"
    ).split()  # fmt: skip
    assert [path for path in left if "/journal/" not in path] == [
        "/etc/fastrd", "/etc/systemd/system/fastrd@shop.service.d",
    ]  # fmt: skip
    assert [path.name for path in (root / "etc/fastrd").iterdir()] == ["shop.toml"]
