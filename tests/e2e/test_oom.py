"""A worker that the kernel kills for want of memory, in a cgroup with a limit."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import Fastrd

APP = """
import os
from plain import App

app = App()
kept = []

@app.get("/pid")
async def pid(): return os.getpid()

@app.get("/grow")
async def grow():
    while True: kept.append(b"x" * (1 << 20))
"""
LIMIT = 300 << 20
V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


def make(name: str) -> Path:
    """A cgroup of that name, whose memory is limited. OSError: that cannot be."""
    if (V1 / "memory.oom_control").exists():
        group = V1 / name
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(LIMIT))
        return group
    if "memory" not in (V2 / "cgroup.subtree_control").read_text().split():
        (V2 / "cgroup.subtree_control").write_text("+memory")
    group = V2 / name
    group.mkdir()
    (group / "memory.max").write_text(str(LIMIT))
    if (group / "memory.swap.max").exists():
        (group / "memory.swap.max").write_text("0")
    return group


@pytest.fixture
def group() -> Iterator[Path]:
    name = f"fastrd-test-{os.getpid()}"
    try:
        path = make(name)
    except OSError:
        pytest.skip("no cgroup with a limit of memory can be made here")
    yield path
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            path.rmdir()
            return
        except OSError:  # somebody has not ended yet
            time.sleep(0.1)


def test_the_kernels_kill_is_named_and_nobodys_else(tmp_path: Path, group: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    enter = lambda: (group / "cgroup.procs").write_text(str(os.getpid()))
    with Fastrd("app:app", tmp_path, before=enter) as server:
        old = int(server.get("/pid")[1])
        with server.connect() as conn:
            conn.sendall(b"GET /grow HTTP/1.1\r\nHost: x\r\n\r\n")
            server.wait(lambda: old not in server.children(), "its end", 60)
        cause = rf"out of memory: the kernel killed it \(cgroup /{group.name}, limit 300 MB\)"
        line = rf'worker 0 ended with signal 9 \(Killed\), {cause}; see --worker-max-rss; process {old}, 1 request in hand: "GET /grow"\n'
        server.wait_log("ended with signal 9")
        assert re.search(line, server.log()), server.log()
        # Another serves, and a kill by a person is no lack of memory.
        server.wait(lambda: server.get("/pid")[0] == 200, "the next worker")
        new = int(server.get("/pid")[1])
        os.kill(new, signal.SIGKILL)
        server.wait_log(f"ended with signal 9 (Killed); process {new}, no request in hand\n")


def test_workers_are_killed_before_the_master(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)

    def score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    with Fastrd("app:app", tmp_path, "--workers", "2") as server:
        assert server.process is not None
        master = score(server.process.pid)
        assert master == int(Path("/proc/self/oom_score_adj").read_text())
        assert {score(pid) for pid in server.children()} == {master + 200}
