"""A reload reads the file again."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import BinaryIO

import pytest
from server import BINARY, Fastrd, read_until

APP = """
from plain import App
app = App()

@app.get("/")
async def root(scope): return scope["root_path"]
other = App()

@other.get("/")
async def of_other(): return "other"
"""
# What the log says when it acts.
EARLY = {
    signal.SIGTERM: "ending, requests have",
    signal.SIGHUP: "generation 2 serves",
    signal.SIGUSR1: "log files opened again",
}
FILE = "app = 'app:app'\nport = 0\nworkers = {workers}\nroot_path = '{root}'\nlimit_line = {line}\n"


def write(directory: Path, *, workers: int = 1, root: str = "/a", line: int = 200, more: str = "") -> None:
    (directory / "f.toml").write_text(FILE.format(workers=workers, root=root, line=line) + more)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("reread")
    (directory / "app.py").write_text(APP)
    write(directory)
    server = Fastrd("", directory, env={"FASTRD_LIMIT_FIELDS": "50"})
    server.command = [BINARY, "-c", "f.toml", "--limit-head", "2000"]
    with server:
        yield server


def opened_by_a_reader(pipe: Path) -> BinaryIO:
    """The named pipe, for writing."""
    end = time.monotonic() + 30
    while True:
        try:
            return open(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK), "wb")
        except OSError as exc:
            assert exc.errno == errno.ENXIO and time.monotonic() < end
            time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_while_the_file_is_read_waits(tmp_path, number):
    """The file is a named pipe: whoever reads it waits for who writes."""
    (tmp_path / "app.py").write_text(APP)
    os.mkfifo(tmp_path / "f.toml")
    command = [BINARY, "-c", "f.toml", "--port", "0", "app:app"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        with opened_by_a_reader(tmp_path / "f.toml") as file:
            server.send_signal(number)
            file.write(b"workers = 1\n")
        lines: list[str] = []
        while not lines or EARLY[number] not in lines[-1]:
            lines.append(server.stderr.readline())
            assert lines[-1], lines
            if "reloading" in lines[-1]:
                with opened_by_a_reader(tmp_path / "f.toml") as file:
                    file.write(b"workers = 1\n")
        if number != signal.SIGTERM:
            server.terminate()
        assert server.wait(30) == 0


def reloaded(server: Fastrd, text: str = " serves: ") -> str:
    """The lines of a reload, up to the one with this text."""
    before = len(server.log())
    server.signal(signal.SIGHUP)
    server.wait(lambda: text in server.log()[before:], text)
    return server.log()[before:]


def serving(server: Fastrd) -> int:
    return len(server.children())


def long(server: Fastrd) -> int:
    return int(server.raw(b"GET /?%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (b"a" * 300)).split()[1])


def test_what_has_changed_takes_effect(server):
    assert (server.get("/"), long(server)) == ((200, b'"/a"'), 414)
    write(server.directory, workers=2, root="/b", line=400)
    reloaded(server)
    assert (server.get("/"), long(server)) == ((200, b'"/b"'), 200)
    server.wait(lambda: serving(server) == 2, "two workers")
    # What workers were added by hand stays while the file says the same.
    server.signal(signal.SIGTTIN)
    server.wait(lambda: serving(server) == 3, "three workers")
    write(server.directory, workers=2, root="/c")
    reloaded(server)
    server.wait(lambda: serving(server) == 3 and server.get("/") == (200, b'"/c"'), "three workers")
    write(server.directory, workers=1, root="/c")
    reloaded(server)
    server.wait(lambda: serving(server) == 1, "one worker")
    assert server.get("/") == (200, b'"/c"')


def test_a_bad_file_refuses_the_reload_with_every_reason(server):
    write(server.directory, root="/kept")
    reloaded(server)
    generation = server.log().rpartition("generation ")[2].split()[0]
    write(server.directory, workers=0, root="/bad", more="wrokers = 2\n")
    text = reloaded(server, "wrokers")
    prefix = f"reload failed, generation {generation} serves on: f.toml:"
    assert prefix + "3: workers = 0: want a number from 1 to 64\n" in text
    assert prefix + "6: unknown key wrokers; did you mean workers?\n" in text
    assert server.get("/") == (200, b'"/kept"')
    (server.directory / "f.toml").write_text("a = = 1\n")
    assert prefix + "1: no TOML: invalid value\n" in reloaded(server, "no TOML: invalid value\n")
    (server.directory / "f.toml").unlink()
    reloaded(server, "serves on: f.toml: No such file or directory\n")
    assert server.get("/") == (200, b'"/kept"')
    write(server.directory, root="/good")
    reloaded(server)
    assert server.get("/") == (200, b'"/good"')


def test_what_needs_a_restart_is_named_in_one_line(server):
    write(server.directory, root="/r", more="backlog = 5\nuds = 'x'\nlimit_head = 3000\n")
    text = reloaded(server)
    assert "uds, backlog in f.toml: as before until fastrd is restarted\n" in text
    assert text.count("as before") == 1
    assert server.get("/") == (200, b'"/r"')
    write(server.directory)
    assert "as before" not in reloaded(server)


def test_another_application_is_served_and_an_application_that_fails_is_not(server):
    (server.directory / "f.toml").write_text("app = 'app:other'\nport = 0\n")
    reloaded(server)
    assert server.get("/") == (200, b'"other"')
    (server.directory / "f.toml").write_text("app = 'app:none'\nport = 0\n")
    reloaded(server, "has no attribute 'none'")
    assert server.get("/") == (200, b'"other"')
    write(server.directory)
    reloaded(server)
    assert server.get("/") == (200, b'"/a"')


def test_a_file_that_takes_its_time_holds_up_nobody(server):
    """The master goes on: workers that die meanwhile are replaced, and HUPs become one more reload."""
    server.wait(lambda: serving(server) == 1, "one worker")
    write(server.directory, root="/slow")
    fifo = server.directory / "fifo"
    os.mkfifo(fifo)
    os.rename(server.directory / "f.toml", server.directory / "kept.toml")
    os.symlink("fifo", server.directory / "f.toml")
    try:
        before = len(server.log())
        server.signal(signal.SIGHUP)
        server.wait(lambda: "reloading" in server.log()[before:], "reloading")
        for _ in range(20):
            server.signal(signal.SIGHUP)
        (worker,) = (pid for pid in server.children() if b"fastrapi.child" in cmdline(pid))
        os.kill(worker, signal.SIGKILL)
        server.wait(lambda: any(pid != worker and b"fastrapi.child" in cmdline(pid) for pid in server.children()),
                    "a new worker")  # fmt: skip
        assert server.get("/") == (200, b'"/a"')
        os.unlink(server.directory / "f.toml")
        os.rename(server.directory / "kept.toml", server.directory / "f.toml")
        fifo.write_text((server.directory / "f.toml").read_text())
        server.wait(lambda: server.log()[before:].count(" serves: ") == 2, "two reloads")
    finally:
        os.unlink(fifo)
    assert server.get("/") == (200, b'"/slow"')
    assert server.log()[before:].count("reloading") == 2


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_descriptors_and_memory_come_back(server):
    def descriptors() -> int:
        return len(os.listdir(f"/proc/{server.process.pid}/fd"))

    with server.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(connection, b'"')
    reloaded(server)
    server.wait(lambda: serving(server) == 1, "one worker")
    first = descriptors()
    for _ in range(5):
        reloaded(server)
    server.wait(lambda: serving(server) == 1 and descriptors() == first, "as many descriptors as before")


@pytest.mark.parametrize("left", ["[project]\nname = 'x'\n", None])
def test_a_pyproject_that_is_gone_or_says_nothing_any_more_refuses_the_reload(tmp_path, left):
    """Its settings may be what keeps somebody out."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/app.py").write_text(APP)
    (tmp_path / "src/pyproject.toml").write_text("[project]\ndependencies = ['fastrd']\n")
    project = tmp_path / "pyproject.toml"
    project.write_text("[tool.fastrd]\napp_dir = 'src'\ntrusted_hosts = ['x']\n")
    with Fastrd("app:app", tmp_path) as server:
        assert server.get("/")[0] == 200
        assert " serves: " in reloaded(server)  # from the same file, not the one of app_dir
        if left is None:
            project.unlink()
        else:
            project.write_text(left)
        assert "generation 2 serves on" in reloaded(server, "reload failed")
        assert b" 400 " in server.raw(b"GET / HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n")[:20]


def test_relative_files_of_logs_have_not_changed(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    with Fastrd("app:app", tmp_path, "--access-log-file", "access.log") as server:
        assert "until fastrd is restarted" not in reloaded(server)
