"""Root binds the address, another user serves; and nothing leads back to root."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from activation import activated
from control import answer, as_user
from notified import Manager
from server import BINARY, BUILD, PATIENCE, Fastrd
from upgraded import adopting, upgrade

APP = """
import os
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
async def who():
    try:
        os.setuid(0)
    except PermissionError:
        return [os.environ[name] for name in ("USER", "LOGNAME", "HOME")]
    return "root again"
"""
NOBODY = 65534
# With accounts of its own: the shop's user is in two more groups than its own. And what root
# alone may enter is there in a place that is open to all, as on a server: $open names it.
PLACE = """
set -e
printf '%s\\n' root:x:0:0::/root:/bin/sh nobody:x:65534:65534::/nonexistent:/bin/false \\
    shop:x:4711:4712::/srv/shop:/bin/false > accounts
printf '%s\\n' root:x:0: nogroup:x:65534: shop:x:4712: web:x:4713:shop logs:x:4714:root,shop > groups
mount --bind accounts /etc/passwd
mount --bind groups /etc/group
mkdir -p kept
for path in $open; do mkdir -p "kept$path"; mount --bind "$path" "kept$path"; done
for path in $open; do top=${path#/}; mount -t tmpfs -o mode=755 none "/${top%%/*}"; done
for path in $open; do mkdir -p "$path"; mount --bind "kept$path" "$path"; done
exec "$@"
"""


def closed(path: Path) -> bool:
    """Is there a directory on its way that other users may not enter?"""
    return any(not parent.stat().st_mode & stat.S_IXOTH for parent in (path, *path.parents))


NEEDED = [Path(sys.base_prefix).resolve(), BUILD.resolve()]
OPEN = " ".join(str(path) for path in NEEDED if closed(path))


def why_not() -> str:
    """Why the tests below cannot run; empty when they can."""
    if os.geteuid() != 0:
        return "only root can become another user"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        return "this container may not mount anything"
    if any(f"/{path.parts[1]}" == tempfile.gettempdir() for path in map(Path, OPEN.split())):
        return "other users may not enter the build's directory"
    return ""


if why := why_not():
    pytest.skip(why, allow_module_level=True)


def in_place(command: list[str]) -> list[str]:
    return ["env", f"open={OPEN}", "unshare", "--mount", "sh", "-c", PLACE, "sh", *command]


def placed(server: Fastrd) -> Fastrd:
    server.command = in_place(server.command)
    return server


@pytest.fixture
def directory():
    """Where other users may read: pytest's own directory is root's alone."""
    made = Path(tempfile.mkdtemp(prefix="fastrd-privileges-"))
    made.chmod(0o755)
    (made / "app.py").write_text(APP)
    yield made
    shutil.rmtree(made)


def facts(pid: int) -> dict[str, list[str]]:
    """The words of each line of /proc/PID/status."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}


def assert_is(pid: int, uid: int, gid: int, groups: list[int]) -> None:
    found = facts(pid)
    who = (found["Name"], found["State"], Path(f"/proc/{pid}/cmdline").read_bytes()[:200])
    assert found["Uid"] == [str(uid)] * 4, who
    assert found["Gid"] == [str(gid)] * 4
    assert sorted(map(int, found["Groups"])) == groups
    for name in ("CapPrm", "CapEff", "CapAmb"):
        assert int(found[name][0], 16) == 0


def test_a_service_from_its_start_to_its_end(directory):
    """Started by root with a socket, a notify socket and a pid file, as a service manager does."""
    run = directory / "run"
    run.mkdir()
    os.chown(run, 4711, 4712)
    with (
        Manager(directory / "notify") as manager,
        socket.create_server(("127.0.0.1", 0)) as listener,
        placed(
            activated(
                "app:app", directory, [listener], "--user", "shop", "--workers", "2",
                "--pid-file", str(run / "pid"), env=manager.env(),
            )
        ) as server,
    ):  # fmt: skip
        assert server.process is not None
        manager.wait("READY")
        for pid in (server.process.pid, *server.children()):
            assert_is(pid, 4711, 4712, [4712, 4713, 4714])
        assert server.get("/") == (200, b'["shop","shop","/srv/shop"]')
        assert (run / "pid").read_text() == f"{server.process.pid}\n"
        before = server.children()
        server.signal(signal.SIGHUP)
        manager.wait("RELOADING")
        manager.wait("READY")
        server.wait(lambda: not set(before) & set(server.children()), "the old workers' end")
        for pid in server.children():
            assert_is(pid, 4711, 4712, [4712, 4713, 4714])
        assert server.get("/")[0] == 200
        server.signal(signal.SIGTERM)
        manager.wait("STOPPING")
        assert server.process.wait(25 * PATIENCE) == 0
        assert not (run / "pid").exists()


def test_the_control_socket_is_the_users(directory):
    """From the beginning: root has bound it. Others than root and this one may not."""
    flags = "--user", "shop", "--control-socket", "control"
    with placed(Fastrd("app:app", directory, *flags)) as server:
        assert (directory / "control").stat().st_uid == 4711
        assert answer(directory, "status")["state"] == "serving"
        (directory / "control").chmod(0o666)
        assert "this user may not" in as_user(directory, NOBODY, b"stop\n")
        assert '"ok":true' in as_user(directory, 4711, b"stop\n")
        assert server.process is not None and server.process.wait(25 * PATIENCE) == 0


@pytest.mark.parametrize(("place", "works"), [("run", True), (".", False)])
def test_an_upgrade_as_the_user(directory, place, works):
    """What root has opened is passed on. A pid file in a directory of root's cannot be replaced, which is
    told before anything has changed."""
    (directory / "run").mkdir()
    os.chown(directory / "run", 4711, 4712)
    flags = "--user", "shop", "--pid-file", f"{place}/pid"
    with adopting(), placed(Fastrd("app:app", directory, *flags)) as server:
        old = server.process.pid
        if works:
            new = upgrade(server)
            assert_is(new, 4711, 4712, [4712, 4713, 4714])
            assert (directory / place / "pid").read_text() == f"{new}\n"
        else:
            server.signal(signal.SIGUSR2)
            server.wait_log("upgrade failed")
            assert "fastrd: --pid-file ./pid: Permission denied; " in server.log()
            assert (directory / place / "pid").read_text() == f"{old}\n"
        assert server.get("/") == (200, b'["shop","shop","/srv/shop"]')


def test_another_group_and_a_privileged_port(directory):
    flags = "--user", "shop", "--group", "logs"
    with placed(Fastrd("app:app", directory, *flags)) as server:
        assert server.process is not None
        assert_is(server.process.pid, 4711, 4714, [4713, 4714])
    free = next(port for port in range(1023, 600, -1) if is_free(port))
    numbers = "--user", str(NOBODY), "--group", str(NOBODY), "--port", str(free)
    with placed(Fastrd("app:app", directory, *numbers)) as server:
        assert server.port == free
        assert_is(server.children()[0], NOBODY, NOBODY, [NOBODY])


def is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def test_a_unix_socket_is_the_users(directory):
    flags = "--uds", "socket", "--uds-mode", "660", "--user", "nobody"
    with placed(Fastrd("app:app", directory, *flags)):
        found = (directory / "socket").stat()
        assert (found.st_uid, found.st_gid) == (NOBODY, NOBODY)
        assert stat.S_IMODE(found.st_mode) == 0o660


def test_the_workers_hear_of_a_killed_master(directory):
    """The kernel forgets to tell a process whose user has changed since it asked."""
    with placed(Fastrd("app:app", directory, "--user", "nobody", "--workers", "2")) as server:
        assert server.process is not None
        workers = server.children()
        server.signal(signal.SIGKILL)
        server.process.wait()
        for pid in workers:
            await_end(server, pid)


def await_end(server: Fastrd, pid: int) -> None:
    end = time.monotonic() + 10 * PATIENCE
    while Path(f"/proc/{pid}").exists() and facts(pid)["State"][0] != "Z":
        assert time.monotonic() < end, f"process {pid} lives on:\n{server.log()}"
        time.sleep(0.01)


def said(directory: Path, *words: str, by: tuple[str, ...] = ()) -> tuple[int, str]:
    """(exit status, everything printed) of fastrd, started by a command."""
    done = subprocess.run(
        in_place([*by, BINARY, "--port", "0", *words, "app:app"]), cwd=directory,
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


AS_NOBODY = "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--user", "nobdy"], "--user nobdy: there is no such user; give one that there is"),
        (["--user", "nobody", "--group", "x"], "--group x: there is no such group; give one that there is"),
        (["--user", "987654"], "--user 987654: no account has this number; give --group as well"),
        (["--group", "nogroup"], "--group nogroup: want a user as well; give --user"),
        (
            ["--user", "4294967295", "--group", "0"],
            "--user 4294967295: want numbers below 4294967295 and at most 256 groups; give another one",
        ),
    ],
)  # fmt: skip
def test_users_that_there_are_not(directory, words, text):
    assert said(directory, *words) == (2, f"fastrd: {text}\n")


def test_root_runs_no_python_of_another_user(directory):
    mine = directory / "mine"
    mine.write_text(f'#!/bin/sh\ntouch ran\nexec {sys.executable} "$@"\n')
    mine.chmod(0o755)
    os.chown(mine, NOBODY, NOBODY)
    words = "--python", "./mine", "--user", "987654"
    assert said(directory, *words)[1].startswith("fastrd: --user 987654: no account has this number")
    system = os.path.realpath("/usr/bin/python3")
    without = "sh", "-c", f'mount --bind /dev/null {system} && exec "$@"', "sh"
    assert said(directory, *words, by=without) == (
        2,
        "fastrd: cannot ask Python: another user may change each Python that there is, and root runs "
        "none of those; install /usr/bin/python3, or start fastrd as that user\n",
    )
    assert not (directory / "ran").exists()


def test_a_python_that_is_closed_to_the_user(directory):
    (directory / "closed").mkdir(mode=0o700)
    (directory / "closed/python").symlink_to(BUILD / "venv/bin/python")
    python = f"{directory}/closed/python"
    for words in ([], ["-t"]):
        status, text = said(directory, *words, "--user", "nobody", "--python", python)
        assert (status, text) == (
            5, f"fastrd: --user nobody: it cannot run {python}: Permission denied; give --python one that it can\n"
        )  # fmt: skip


def test_only_root_may_become_another(directory):
    assert said(directory, "--user", "root", by=AS_NOBODY) == (
        2,
        "fastrd: --user root: only root can become another user or group; "
        "start fastrd as root, or leave it out\n",
    )
    server = Fastrd("app:app", directory, "--user", "nobody")
    server.command = [*AS_NOBODY, *server.command]
    with placed(server):  # it is nobody already
        assert_is(server.children()[0], NOBODY, NOBODY, [])


def test_rights_that_stay_are_found_out(directory):
    """The launcher has told the kernel to keep capabilities over a change of the user."""
    keeps = "setpriv", "--securebits=+no_setuid_fixup"
    assert said(directory, "--user", "nobody", by=keeps) == (
        1,
        "fastrd: cannot become user 65534, group 65534 for good: the group of root can be taken "
        "again; start fastrd as that user, as systemd's User= does\n",
    )
    without = "setpriv", "--bounding-set=-setuid,-setgid"
    assert said(directory, "--user", "nobody", by=without) == (
        2,
        "fastrd: cannot become user 65534, group 65534: Operation not permitted; "
        "start fastrd as that user, as systemd's User= does\n",
    )


def test_what_only_asks_does_it_as_the_user_as_well(directory):
    (directory / "app.py").write_text(
        "import os\nassert os.getuid() == 65534\n" + APP.replace("import os", "")
    )
    status, text = said(directory, "-t", "--user", "nobody")
    assert (status, "ok, " in text) == (0, True), text


@pytest.mark.parametrize("mode", ["8", "1000", "rw", ""])
def test_permissions_that_are_none(directory, mode):
    assert said(directory, "--uds", "socket", f"--uds-mode={mode}") == (
        2,
        f"fastrd: --uds-mode {mode}: want permissions in octal, such as 660\n",
    )
