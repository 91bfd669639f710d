"""The control socket: who may use it, whom it outlives, and what hostile clients cannot do."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from control import FASTRDCTL, answer, as_user, ask, connect, does, fastrdctl
from server import GATE, Fastrd, fails
from upgraded import adopting, begin, ends_well

FLAGS = ("--control-socket", "control")
NOBODY = 65534


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(GATE)
    return tmp_path


@pytest.fixture
def server(directory: Path) -> Iterator[Fastrd]:
    with Fastrd("app:app", directory, *FLAGS) as server:
        yield server


def descriptors(server: Fastrd) -> int:
    assert server.process is not None
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_it_is_its_owners_and_ends_with_the_server(directory):
    with Fastrd("app:app", directory, *FLAGS):
        found = os.stat(directory / "control")
        assert stat.S_ISSOCK(found.st_mode) and stat.S_IMODE(found.st_mode) == 0o600
        assert found.st_uid == os.geteuid()
    assert not (directory / "control").exists()


def test_there_is_none_unless_it_is_asked_for(directory):
    with Fastrd("app:app", directory):
        assert sorted(p.name for p in directory.iterdir() if p.name != "__pycache__") == ["app.py", "fastrd.log"]


def test_one_that_a_dead_server_has_left_is_replaced(directory):
    with Fastrd("app:app", directory, *FLAGS) as first:
        first.signal(signal.SIGKILL)
    assert (directory / "control").exists()
    with Fastrd("app:app", directory, *FLAGS) as second:
        assert second.process is not None
        assert answer(directory, "status")["pid"] == second.process.pid


def test_one_of_a_living_server_is_refused(server, directory):
    status, said = fails("app:app", directory, *FLAGS)
    assert (status, said) == (
        4,
        "fastrd: cannot listen on control: Address already in use; another fastrd, or something else, has it: "
        "stop that, or give another --control-socket\n",
    )
    assert answer(directory, "status")["state"] == "serving"


def test_a_file_is_not_replaced(directory):
    (directory / "control").write_text("precious")
    assert fails("app:app", directory, *FLAGS)[0] == 4
    assert (directory / "control").read_text() == "precious"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--control-socket", "x" * 200), "a unix socket's path has at most 107 bytes"),
        (("--control-socket", "a", "--uds", "a"), "it is another thing as well; choose another"),
        (("--control-socket", "a", "--pid-file", "a"), "it is another thing as well; choose another"),
        (("--control-socket", "nothing/a"), "create its directory first"),
    ],
)
def test_a_path_that_cannot_be(directory, flags, said):
    status, printed = fails("app:app", directory, *flags)
    assert status in (2, 4) and said in printed and "--control-socket" in printed or "listen on" in printed


def test_a_reload_does_not_change_it(directory):
    (directory / "fastrd.toml").write_text("app = 'app:app'\ncontrol_socket = 'control'\nport = 0\n")
    server = Fastrd("", directory, "--config", "fastrd.toml")
    server.command.remove("")
    with server:
        (directory / "fastrd.toml").write_text("app = 'app:app'\ncontrol_socket = 'other'\nport = 0\n")
        does(directory, "reload", "--wait")
        assert "control_socket in fastrd.toml: as before until fastrd is restarted" in server.log()
        assert not (directory / "other").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_may_not():
    """Nor where the file's mode would have let them in."""
    with tempfile.TemporaryDirectory() as name:  # pytest's own is root's alone
        os.chmod(name, 0o755)
        directory = Path(name)
        (directory / "app.py").write_text(GATE)
        with Fastrd("app:app", directory, *FLAGS):
            assert "PermissionError" in as_user(directory, NOBODY, b"stop\n")
            os.chmod(directory / "control", 0o666)
            told = as_user(directory, NOBODY, b"stop\n")
            assert '"ok":false' in told and "this user may not; be root, or the user that fastrd runs as" in told
            assert answer(directory, "status")["state"] == "serving"


def test_an_upgrade_passes_it(directory):
    """Who waits at the old one hears from it, who asks then is answered by the new one."""
    with adopting(), Fastrd("app:app", directory, *FLAGS) as server:
        assert server.process is not None
        old = server.process.pid
        waiting = threading.Thread(target=server.get, args=("/gate",))
        waiting.start()
        server.wait(lambda: answer(directory, "status")["counters"]["requests_active"] == 1, "a request")
        new = begin(server)
        server.wait_log(f"process {new} serves in the place of this one")
        assert answer(directory, "status")["pid"] == new  # while the old one drains
        (directory / "open").touch()
        waiting.join()
        ends_well(server, new)
        assert (directory / "control").exists() and answer(directory, "status")["pid"] == new
        assert does(directory, "reload", "--wait").startswith("generation 2 serves")
        does(directory, "stop", "--wait")
        assert not (directory / "control").exists()


def test_an_upgrade_that_fails_leaves_it(directory):
    with adopting(), Fastrd("app:app", directory, *FLAGS) as server:
        assert server.process is not None
        (directory / "app.py").write_text("1 / 0\n")
        server.signal(signal.SIGUSR2)
        server.wait_log("upgrade failed")
        assert answer(directory, "status")["pid"] == server.process.pid


def test_a_reload_during_an_upgrade_is_the_new_ones(directory):
    """Who waits for it is told so."""
    text = "import os, time\nwhile os.path.exists('shut'): time.sleep(0.01)\n"
    (directory / "app.py").write_text(text + GATE)
    with adopting(), Fastrd("app:app", directory, *FLAGS) as server:
        (directory / "shut").touch()
        new = begin(server)
        asking = subprocess.Popen(
            [FASTRDCTL, "--socket", "control", "reload", "--wait"], cwd=directory, stderr=subprocess.PIPE, text=True
        )
        server.wait_log("reload put off: an upgrade runs")
        (directory / "shut").unlink()
        assert asking.communicate()[1] == (
            "fastrdctl: another fastrd serves in the place of this one; "
            "see its log for what has become of the reload\n"
        )
        assert asking.returncode == 1
        ends_well(server, new)
        server.wait(lambda: answer(directory, "status")["reload"]["state"] == "done", "its reload")


def test_lines_that_are_none(server, directory):
    for line, error in (
        (b"bogus\n", "this fastrd does not know the word; it may be of another version"),
        (b"\n", "this fastrd does not know the word; it may be of another version"),
        (b"status more\n", "nothing may follow this word"),
        (b"status\r\n", "this fastrd does not know the word; it may be of another version"),
        (b"reload now\n", "want reload or reload wait"),
        (b"stop now\n", "want stop or stop wait"),
        (b"sta\0tus\n", "a byte of what was asked is zero"),
        (b"x" * 256, "what was asked is too long"),
        (b"x" * 300 + b"\n", "what was asked is too long"),
        (b"scale +-1\n", "want 1 to 64 workers, as scale 4, scale +1 or scale -1; there are 1"),
        (b"scale \xff\n", "want 1 to 64 workers, as scale 4, scale +1 or scale -1; there are 1"),
    ):
        assert ask(directory, line) == {"ok": False, "error": error}
    assert ask(directory, b"status")["ok"] is True  # its end is the end of a line, too
    assert ask(directory, b"status\nstop\n")["ok"] is True  # one question each
    assert answer(directory, "status")["state"] == "serving"


def test_a_line_may_come_in_pieces(server, directory):
    with connect(directory) as client:
        for byte in b"status\n":
            client.sendall(bytes([byte]))
        assert client.recv(12) == b'{"ok":true,"'


def test_a_megabyte_of_line(server, directory):
    for _ in range(5):
        with connect(directory) as client, contextlib.suppress(OSError):
            client.sendall(b"x" * (1 << 20))
    assert answer(directory, "status")["state"] == "serving"


def test_a_thousand_connections(server, directory):
    """Those beyond what it takes are in the kernel; nothing of them stays."""
    does(directory, "status")
    before = descriptors(server)
    clients = []
    for n in range(1000):
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            client.connect(str(directory / "control"))
            client.sendall(b"status\n" if n % 3 else b"wor")
        clients.append(client)
    assert server.get("/pid")[0] == 200
    assert descriptors(server) <= before + 16
    for client in clients:
        client.close()
    assert answer(directory, "status")["state"] == "serving"
    server.wait(lambda: descriptors(server) == before, "its descriptors")


def test_who_does_not_ask_is_dropped(server, directory):
    """So that others get their turn."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(directory)) for _ in range(16)]
        clients[0].sendall(b"sta")
        asking = subprocess.Popen(
            [FASTRDCTL, "--socket", "control", "status"], cwd=directory, stdout=subprocess.PIPE, text=True
        )
        assert asking.communicate()[0].startswith("fastrd ")
        assert all(client.recv(1) == b"" for client in clients)


def test_who_does_not_read_holds_up_nobody(server, directory):
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(connect(directory)).sendall(b"config\n")
        assert answer(directory, "status")["state"] == "serving"
        assert server.get("/pid")[0] == 200


def test_who_waits_and_leaves_is_forgotten(server, directory):
    (directory / "app.py").write_text("import time\ntime.sleep(1000)\n")
    before = descriptors(server)
    with connect(directory) as client:
        client.sendall(b"reload wait\n")
        server.wait(lambda: answer(directory, "status")["reload"]["state"] == "running", "the reload")
        while_waiting = descriptors(server)
    server.wait(lambda: descriptors(server) == while_waiting - 1 >= before, "one less")


def test_a_worker_cannot_lie_more_than_numbers_can(directory):
    """It writes to its board whatever it likes: what is shown may be wrong, and that is all."""
    (directory / "app.py").write_text(WILD)
    with Fastrd("app:app", directory, *FLAGS) as server:
        server.get("/wild")
        for command in ("status", "workers", "requests", "last-crash"):
            assert answer(directory, command)["ok"] is True
            assert "\x1b" not in does(directory, command)
        found = answer(directory, "status")["counters"]
        assert max(found.values()) == 2**53 - 1
        for worker in server.children():
            server.signal_child(worker, signal.SIGKILL)
        server.wait(lambda: answer(directory, "last-crash")["n"] == 1, "its end")
        assert "\x1b" not in does(directory, "last-crash")


# Fills every byte of its board behind the numbers that say whose it is.
WILD = """
import mmap, os
from plain import App

app = App()

@app.get("/wild")
async def wild():
    size = os.fstat(5).st_size
    board = mmap.mmap(5, mmap.PAGESIZE)
    board[16:] = (b"\\xff\\x1b\\n\\xfe\\xff\\xff\\xff\\xff" * 1024)[: len(board) - 16]
    return size
"""


def test_the_server_that_is_asked_for_nothing_waits(server, directory):
    """No client leaves it polling."""
    does(directory, "status")
    assert server.process is not None

    def ticks() -> int:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    with connect(directory) as client:
        client.sendall(b"reload wait\n")
        client.shutdown(socket.SHUT_WR)
        before = ticks()
        assert client.recv(100).startswith(b'{"ok":true')
        assert ticks() - before < 100  # of a start that takes half a second and more
    assert fastrdctl(directory, "status").returncode == 0
