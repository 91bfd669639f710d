"""A system that bare.py made, booted: systemd is its process 1, and its units are those of packages. It
has the network of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from bare import Bare
from server import PATIENCE
from systemd import why_not as why_no_systemd

NAMESPACES = ("--mount", "--pid", "--uts", "--ipc", "--cgroup", "--root", "--wd")
# systemd-nspawn leaves nothing in a /run of its own.
BOOT = """
mount -t tmpfs none /run &&
exec systemd-nspawn --quiet --register=no --keep-unit --machine="$1" --directory="$2" --boot
"""
PACKAGES = ("systemd", "systemd-sysv", "libnss-systemd", "logrotate")


def why_not() -> str:
    """Why there can be none here; empty when there can."""
    return why_no_systemd()


class Booted:
    """``with Booted(bare) as machine``; systemd is installed before the boot."""

    def __init__(self, bare: Bare):
        self.bare = bare
        self.log = bare.root.parent / "boot.log"

    def __enter__(self) -> Booted:
        self.bare.run("apt-get", "-q", "update")
        self.bare.run("apt-get", "-q", "install", "-y", "--no-install-recommends", *PACKAGES)
        name = f"fastrd-{os.getpid()}"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", BOOT, "sh", name, self.bare.root],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + 60 * PATIENCE
        while not self.init() or self.ask("systemctl", "is-system-running")[1] not in ("running\n", "degraded\n"):
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        for process in map(int, self.init().split()):
            os.kill(process, signal.SIGKILL)  # and with process 1 all others
        self.process.wait()

    def init(self) -> str:
        """The process that is number 1 there; empty before it is."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return path.read_text().strip()

    def ask(self, *words: str) -> tuple[int, str]:
        """(exit status, everything printed) of a command in there."""
        done = subprocess.run(
            ["nsenter", "--target", self.init(), *NAMESPACES, *words], env=self.bare.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=300 * PATIENCE,
        )  # fmt: skip
        return done.returncode, done.stdout

    def run(self, *words: str, status: int = 0) -> str:
        """What a command that ends with ``status`` printed."""
        found, text = self.ask(*words)
        assert found == status, f"{words} ended with {found}:\n{text}\n{self.journal()}"
        return text

    def journal(self) -> str:
        """What services have printed."""
        return self.ask("journalctl", "--no-pager", "--output=cat", "--unit=fastrd*")[1]

    def show(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--value", "--property", name, unit).strip()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 60 * PATIENCE
        while not condition():
            assert time.monotonic() < end, self.journal()
            time.sleep(0.05)

    def wait(self, unit: str, name: str, value: str) -> None:
        self.wait_for(lambda: self.show(unit, name) == value)
