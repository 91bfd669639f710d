"""SIGUSR2: another fastrd takes the place of the one that runs, and no client sees it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from activation import activated, unix_listener
from notified import Manager
from server import BINARY, GATE, PATIENCE, Fastrd
from test_handover import Client
from test_reloads import Visitor, in_parts, often, sent_ahead, slow, upload, with_pauses
from upgraded import Process, adopting, begin, ends_well, successor, upgrade
from written import WRITER, children, comm

GATED_LIFESPAN = """
import os, time
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    while os.path.exists("shut"):
        time.sleep(0.01)
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/pid")
async def pid():
    return os.getpid()
"""


# The first worker starts, the others do not.
ONE_OF_TWO = """
import os, time
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    try:
        os.mkdir("first")
    except FileExistsError:
        time.sleep(1000)
    open("ready", "w").close()
    yield

app = FastAPI(lifespan=lifespan)
"""

# A request that holds the interpreter.
BUSY = GATE + """
@app.get("/busy")
async def busy():
    open("begun", "w").close()
    while not os.path.exists("open"):
        pass
    return os.getpid()
"""


@pytest.fixture(autouse=True)
def adopted() -> Iterator[None]:
    with adopting():
        yield


def failed(server: Fastrd, new: int, text: str) -> None:
    """The new master has ended, and the old one says so and serves on."""
    server.wait_log(f"upgrade failed, generation 1 serves on: process {new} ended with {text}")
    assert server.get("/pid")[0] == 200
    assert successor(server) == 0


@pytest.mark.parametrize("flags", [(), ("--preload",), ("--workers", "4")])
def test_no_request_fails_and_no_connection_ends(app_dir: Path, flags: tuple[str, ...]) -> None:
    """Several times: a server that was upgraded can be upgraded, and holds no more than the first."""
    with Fastrd("app:app", app_dir, "--timeout-header", "60", *flags) as server:
        idle = [Client(server.connect()) for _ in range(32)]
        before = {client.pid() for client in idle}
        held = []
        visitors = [Visitor(server, act) for act in (often, with_pauses, slow, sent_ahead, in_parts, upload)]
        visitors.append(Visitor(server, often, fresh=True))
        for _ in range(3):
            upgrade(server)
            held.append(len(os.listdir(f"/proc/{server.process.pid}/fd")))
        for visitor in visitors:
            visitor.end()
        assert [v.failure for v in visitors] == [None] * len(visitors)
        assert all(v.done > 3 for v in visitors)
        assert not before & {client.pid() for client in idle}
        assert held[0] == held[-1]
        server.signal(signal.SIGTERM)
        assert server.process.wait(20 * PATIENCE) == 0
        assert not re.search("Traceback|warning|error", server.log()), server.log()


def test_what_has_changed_counts(app_dir: Path) -> None:
    """The program at the same path, the application, and settings of the file."""
    shutil.copy(BINARY, app_dir / "one")
    shutil.copy(BINARY, app_dir / "two")
    os.symlink("one", app_dir / "fastrd")
    (app_dir / "fastrd.toml").write_text('workers = 1\nheader = ["x-is: old"]\n')
    python = str(Path(BINARY).parent.parent / "venv/bin/python")
    server = Fastrd("app:app", app_dir, "--python", python, "--config", "fastrd.toml")
    server.command[0] = "./fastrd"
    with server:
        assert b"x-is: old" in server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        os.symlink("two", app_dir / "next")
        os.rename(app_dir / "next", app_dir / "fastrd")
        (app_dir / "fastrd.toml").write_text('workers = 2\nheader = ["x-is: new"]\n')
        new = upgrade(server)
        assert os.readlink(f"/proc/{new}/exe") == str(app_dir / "two")
        assert b"x-is: new" in server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        server.wait(lambda: len(server.children()) == 2, "two workers")


def test_a_request_in_hand_is_finished(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(GATE)
    with Fastrd("app:app", tmp_path) as server:
        old, client = server.process, Client(server.connect())
        client.send(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
        (worker,) = server.children()
        new = begin(server)
        server.wait_log(f"process {new} serves in the place of this one")
        assert int(server.get("/pid")[1]) != worker and old.poll() is None
        (tmp_path / "open").touch()
        assert int(client.answer()[1]) == worker
        ends_well(server, new)
        assert client.pid() != worker


@pytest.mark.parametrize(
    ("name", "text", "status", "said"),
    [
        ("app.py", "raise ValueError('broken')", 3, "ValueError: broken"),
        ("fastrd.toml", "wokers = 2\n", 2, "wokers"),
        ("fastrd.toml", "pid_file = 'nowhere/pid'\n", 2, "No such file or directory"),
    ],
)
def test_a_new_one_that_fails_changes_nothing(
    app_dir: Path, name: str, text: str, status: int, said: str
) -> None:
    (app_dir / "fastrd.toml").write_text("pid_file = 'pid'\n")
    with Fastrd("app:app", app_dir, "--config", "fastrd.toml") as server:
        client = Client(server.connect())
        worker = client.pid()
        good = (app_dir / name).read_text()
        (app_dir / name).write_text(text)
        server.signal(signal.SIGUSR2)
        server.wait_log(f"ended with exit status {status}; see what it printed")
        assert said in server.log()
        assert client.pid() == worker and int(server.get("/pid")[1]) == worker
        assert (app_dir / "pid").read_text() == f"{server.process.pid}\n"
        assert sorted(p.name for p in app_dir.glob("pid*")) == ["pid"]
        (app_dir / name).write_text(good)
        new = upgrade(server)
        assert client.pid() != worker
        assert (app_dir / "pid").read_text() == f"{new}\n"


@pytest.mark.parametrize("by", ["exec ", ""])
def test_a_script_in_the_place_of_the_program(tmp_path: Path, by: str) -> None:
    (tmp_path / "app.py").write_text(GATE)
    shutil.copy(BINARY, tmp_path / "fastrd")
    python = str(Path(BINARY).parent.parent / "venv/bin/python")
    server = Fastrd("app:app", tmp_path, "--python", python)
    server.command[0] = "./fastrd"
    with server:
        (tmp_path / "fastrd").unlink()
        (tmp_path / "fastrd").write_text(f'#!/bin/sh\n{by}{BINARY} "$@"\nexit $?\n')
        (tmp_path / "fastrd").chmod(0o755)
        if by:
            upgrade(server)
        else:
            server.signal(signal.SIGUSR2)
            server.wait_log("upgrade failed")
            assert "is not its parent; a script that runs fastrd does so by exec" in server.log()
        for _ in range(20):
            assert server.get("/pid")[0] == 200


def worker_of(server: Fastrd, new: int) -> None:
    """Until the new master has started a worker."""
    server.wait(lambda: [pid for pid in children(new) if comm(pid) != WRITER], "its worker")


def test_one_that_is_killed_and_one_that_hangs(tmp_path: Path) -> None:
    """The port stays the old one's."""
    (tmp_path / "app.py").write_text(GATED_LIFESPAN)
    settings = tmp_path / "fastrd.toml"
    settings.touch()
    with Fastrd("app:app", tmp_path, "--config", "fastrd.toml") as server:
        (tmp_path / "shut").touch()
        new = begin(server)
        worker_of(server, new)
        os.kill(new, signal.SIGKILL)
        failed(server, new, "signal 9 (Killed)")
        settings.write_text("timeout_startup = 1\n")
        new = begin(server)
        failed(server, new, "exit status 3")
        assert "the application did not start in time" in server.log()
        new = begin(server)
        worker_of(server, new)
        os.kill(new, signal.SIGSTOP)
        server.wait_log(f"process {new} has not taken over after", 60)
        failed(server, new, "signal 9 (Killed)")
        settings.write_text("")
        (tmp_path / "shut").unlink()
        upgrade(server)
        assert server.get("/pid")[0] == 200


def test_one_that_is_killed_when_a_worker_is_ready(tmp_path: Path) -> None:
    """What the kernel tells that worker does not end the listening: the old one serves."""
    (tmp_path / "app.py").write_text(GATED_LIFESPAN)
    with Fastrd("app:app", tmp_path, "--workers", "2") as server:
        (tmp_path / "app.py").write_text(ONE_OF_TWO)
        new = begin(server)
        server.wait(lambda: (tmp_path / "ready").exists(), "its first worker")
        time.sleep(0.3)  # it says so
        os.kill(new, signal.SIGKILL)
        failed(server, new, "signal 9 (Killed)")
        for _ in range(20):
            assert server.get("/pid")[0] == 200


def test_signals_meanwhile(tmp_path: Path) -> None:
    """A second USR2 is refused; HUP waits, and is the new one's when that has taken over."""
    (tmp_path / "app.py").write_text(GATED_LIFESPAN)
    with Fastrd("app:app", tmp_path) as server:
        (tmp_path / "shut").touch()
        new = begin(server)
        server.signal(signal.SIGUSR2)
        server.wait_log(f"no upgrade, process {new} is one already")
        server.signal(signal.SIGHUP)
        server.wait_log("reload put off: an upgrade runs")
        (tmp_path / "shut").unlink()
        ends_well(server, new)
        server.wait_log("generation 2 serves")
        assert server.get("/pid")[0] == 200


def test_hup_after_an_upgrade_that_failed(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(GATED_LIFESPAN)
    with Fastrd("app:app", tmp_path) as server:
        (tmp_path / "shut").touch()
        new = begin(server)
        server.signal(signal.SIGHUP)
        server.wait_log("reload put off: an upgrade runs")
        os.kill(new, signal.SIGKILL)
        (tmp_path / "shut").unlink()
        server.wait_log("generation 2 serves")


def test_usr2_during_a_reload_waits(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(GATED_LIFESPAN)
    with Fastrd("app:app", tmp_path) as server:
        (tmp_path / "shut").touch()
        server.signal(signal.SIGHUP)
        server.wait_log("reloading")
        server.signal(signal.SIGUSR2)
        server.wait_log("upgrade put off until the reload has ended")
        # A worker is a fastrd as well, until it runs Python.
        server.wait(lambda: not successor(server), "that no new master is there")
        (tmp_path / "shut").unlink()
        server.wait_log("generation 2 serves")
        server.wait(lambda: successor(server), "a new master")
        ends_well(server, successor(server))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_end_meanwhile_is_that_of_both(tmp_path: Path, number: int) -> None:
    (tmp_path / "app.py").write_text(GATED_LIFESPAN)
    with Fastrd("app:app", tmp_path) as server:
        (tmp_path / "shut").touch()
        new = begin(server)
        worker_of(server, new)
        server.signal(number)
        assert server.process.wait(20 * PATIENCE) == 0
        assert not Path(f"/proc/{new}").exists()
        with socket.socket() as own:  # the port is free
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.bind(("127.0.0.1", server.port))
            own.listen()


def test_an_old_one_that_is_killed_takes_the_new_one_along(tmp_path: Path) -> None:
    """Until it has taken over: the port is free for whoever starts the server again."""
    (tmp_path / "app.py").write_text(GATED_LIFESPAN)
    with Fastrd("app:app", tmp_path) as server:
        (tmp_path / "shut").touch()
        new = begin(server)
        worker_of(server, new)
        server.signal(signal.SIGKILL)
        server.process.wait()
        end = time.monotonic() + 20 * PATIENCE
        while os.waitpid(new, os.WNOHANG) == (0, 0):
            assert time.monotonic() < end
            time.sleep(0.01)
        (tmp_path / "shut").unlink()
        with Fastrd("app:app", tmp_path, "--port", str(server.port)):
            pass


def test_an_old_one_that_is_killed_while_it_drains_takes_nothing_along(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(GATE)
    with Fastrd("app:app", tmp_path) as server:
        client = Client(server.connect())
        client.send(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
        new = begin(server)
        server.wait_log(f"process {new} serves in the place of this one")
        server.wait_log("draining")
        old = server.process
        old.kill()
        old.wait()
        server.process = Process(new)  # type: ignore[assignment]
        (tmp_path / "open").touch()
        assert client.answer()[1]
        for _ in range(20):
            assert server.get("/pid")[0] == 200


def old_is_killed(server: Fastrd, new: int) -> None:
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server.process = Process(new)  # type: ignore[assignment]


@pytest.mark.parametrize("flags", [(), ("--uds", "sock")])
def test_an_old_one_that_is_killed_while_its_worker_is_busy(tmp_path: Path, flags: tuple[str, ...]) -> None:
    """The worker has heard nothing of the upgrade when the kernel tells it of the end."""
    (tmp_path / "app.py").write_text(BUSY)
    with Fastrd("app:app", tmp_path, *flags) as server:
        client = Client(server.connect())
        client.send(b"GET /busy HTTP/1.1\r\nHost: x\r\n\r\n")
        server.wait(lambda: (tmp_path / "begun").exists(), "the request")
        new = begin(server)
        server.wait_log(f"process {new} serves in the place of this one")
        old_is_killed(server, new)
        (tmp_path / "open").touch()
        assert client.answer()[1]
        for _ in range(20):
            assert server.get("/pid")[0] == 200


def test_a_new_one_that_is_killed_while_it_takes_over(tmp_path: Path) -> None:
    """Its workers serve already, and it cannot say so: the pipe that takes its banner is full."""
    (tmp_path / "app.py").write_text(GATE)
    out, into = os.pipe()
    server = Fastrd("app:app", tmp_path, before=lambda: os.dup2(into, 2), fds=(into,))
    server.begin()
    text = b""
    while b"address" not in text:
        text += os.read(out, 65536)
    server.port = int(re.search(rb"address +http://127.0.0.1:(\d+)", text)[1])  # type: ignore[index]
    old = server.children()
    os.set_blocking(into, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(into, b"x" * 4096)
    os.set_blocking(into, True)
    try:
        new = begin(server)
        worker_of(server, new)
        server.wait(lambda: int(server.get("/pid")[1]) not in old, "the new worker")
        os.kill(new, signal.SIGKILL)
        server.wait_gone(new)
        for _ in range(20):
            assert server.get("/pid")[0] == 200
    finally:
        os.close(out)
        os.close(into)
        server.__exit__()


def test_the_service_manager_and_the_pid_file(app_dir: Path) -> None:
    with (
        Manager(app_dir / "notify") as manager,
        Fastrd("app:app", app_dir, "--pid-file", "pid", env=manager.env(WATCHDOG_USEC="2000000")) as server,
    ):
        manager.wait("READY")
        old = server.process.pid
        new = begin(server)
        assert manager.wait("MAINPID") == {"MAINPID": str(new)}
        manager.wait("READY", "1")
        ends_well(server, new)
        assert (app_dir / "pid").read_text() == f"{new}\n" and new != old
        manager.read()
        assert not any("STOPPING" in message for message in manager.messages)
        manager.wait("WATCHDOG")
        server.signal(signal.SIGTERM)
        manager.wait("STOPPING")
        assert server.process.wait(20 * PATIENCE) == 0
        assert not (app_dir / "pid").exists()


def test_nothing_is_said_of_one_that_fails(app_dir: Path) -> None:
    with (
        Manager(app_dir / "notify") as manager,
        Fastrd("app:app", app_dir, env=manager.env()) as server,
    ):
        manager.wait("READY")
        (app_dir / "app.py").write_text("1 / 0")
        server.signal(signal.SIGUSR2)
        server.wait_log("upgrade failed")
        assert manager.seen("MAINPID") == manager.seen("READY") == manager.seen("STOPPING") == 0


def test_sockets_of_a_supervisor(app_dir: Path) -> None:
    """All of them, and they outlive the new one."""
    tcp = socket.create_server(("127.0.0.1", 0))
    unix = unix_listener(app_dir / "sock")
    with activated("app:app", app_dir, [tcp, unix], names="web:local") as server:
        before = re.findall("^  address  .*", server.log(), re.M)
        upgrade(server)
        assert re.findall("^  address  .*", server.log(), re.M) == 2 * before
        assert server.get("/pid")[0] == 200
        with socket.socket(socket.AF_UNIX) as conn:
            conn.connect(str(app_dir / "sock"))
            assert Client(conn).pid() in server.children()
        server.signal(signal.SIGTERM)
        assert server.process.wait(20 * PATIENCE) == 0
    socket.create_connection(tcp.getsockname()).close()
    tcp.close()
    unix.close()


def test_a_unix_socket_and_probes(app_dir: Path) -> None:
    """The names of the sockets stay, and are removed by the last one. While the new one starts, the old
    one answers probes."""
    (app_dir / "app.py").write_text(GATED_LIFESPAN)
    admin = app_dir / "admin"
    with Fastrd("app:app", app_dir, "--uds", "sock", "--admin=unix:admin") as server:

        def ready() -> bytes:
            with socket.socket(socket.AF_UNIX) as conn:
                conn.connect(str(admin))
                conn.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return conn.recv(4096)

        (app_dir / "shut").touch()
        new = begin(server)
        worker_of(server, new)
        for _ in range(20):
            assert ready().startswith(b"HTTP/1.1 200")
        (app_dir / "shut").unlink()
        ends_well(server, new)
        for _ in range(20):
            assert ready().startswith(b"HTTP/1.1 200")
        assert server.get("/pid")[0] == 200
        server.signal(signal.SIGTERM)
        assert server.process.wait(20 * PATIENCE) == 0
    assert not (app_dir / "sock").exists() and not admin.exists()


def test_logs_go_on(app_dir: Path) -> None:
    """Each master has a process that writes the log; a rotation is the new one's."""
    flags = ("--log-file", "log", "--access-log-file", "access")
    with Fastrd("app:app", app_dir, *flags) as server:
        server.log_path = app_dir / "log"
        assert server.get("/items/1")[0] == 200
        upgrade(server)
        assert server.get("/items/2")[0] == 200
        server.wait(lambda: "/items/2" in (app_dir / "access").read_text(), "the access log")
        assert "/items/1" in (app_dir / "access").read_text()
        server.wait_log(f"{server.process.pid} info [master] process")
        (app_dir / "log").rename(app_dir / "log.1")
        (app_dir / "access").rename(app_dir / "access.1")
        server.signal(signal.SIGUSR1)
        server.wait(lambda: (app_dir / "log").exists() and (app_dir / "access").exists(), "new files")
        assert server.writer()
