"""A server that is upgraded: its master starts another, which takes its place."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from server import PATIENCE, Fastrd
from written import WRITER, children, comm

PR_SET_CHILD_SUBREAPER = 36


class Process:
    """The new master, which is ours to wait for once the old one has ended. As ``subprocess.Popen``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # the old one has not ended yet
                return None if comm(self.pid) else -1
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds: float) -> int:
        end = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("fastrd", seconds)
            time.sleep(0.01)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


@contextmanager
def adopting() -> Iterator[None]:
    """Whose parent ends meanwhile becomes a child of this process."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    assert prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        # What the servers have left to us, such as the process that wrote the log.
        for pid in children(os.getpid()):
            if comm(pid) in ("fastrd", WRITER):
                end = time.monotonic() + 10 * PATIENCE
                while os.waitpid(pid, os.WNOHANG) == (0, 0) and time.monotonic() < end:
                    time.sleep(0.01)


def successor(server: Fastrd) -> int:
    """The master that the server's has started; 0: there is none."""
    assert server.process is not None
    return next((pid for pid in children(server.process.pid) if comm(pid) == "fastrd"), 0)


def begin(server: Fastrd) -> int:
    """Ask for an upgrade; the process of the new master."""
    server.signal(signal.SIGUSR2)
    server.wait(lambda: successor(server), "a new master")
    return successor(server)


def ends_well(server: Fastrd, new: int) -> None:
    """The new master has taken over, or will; the old one drains and ends. ``server`` is the new one
    then."""
    old = server.process
    assert old is not None
    server.wait_log(f"process {new} serves in the place of this one")
    assert old.wait(40 * PATIENCE) == 0
    server.process = Process(new)  # type: ignore[assignment]


def upgrade(server: Fastrd) -> int:
    new = begin(server)
    ends_well(server, new)
    return new
