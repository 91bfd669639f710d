"""A real systemd, as the manager of one user's services, in namespaces of its own."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from server import PATIENCE

# It wants a machine that was booted with systemd, which this directory says. As process 1 it
# would be the system's manager.
BOOT = """
mount -t tmpfs none /run && mkdir -p /run/systemd/system && mkdir -m 700 /run/user
/lib/systemd/systemd --user --unit=basic.target & wait
"""


def why_not() -> str:
    """Why there can be none here; empty when there can."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return "this container may not mount anything"
    return ""


class Systemd:
    """``with Systemd(directory) as manager``; files of it are in ``directory``."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.units = directory / "config/systemd/user"
        self.log = directory / "systemd.log"
        self.env = {
            **os.environ, "HOME": str(directory), "XDG_CONFIG_HOME": str(directory / "config"),
            "XDG_RUNTIME_DIR": "/run/user", "XDG_DATA_HOME": str(directory / "data"),
        }  # fmt: skip

    def __enter__(self) -> Systemd:
        self.units.mkdir(parents=True)
        (self.units / "basic.target").write_text("[Unit]\nDescription=ready\n")
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", BOOT]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + 10 * PATIENCE
        while not self.init() or self.systemctl("is-active", "basic.target")[0] != 0:
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # which ends process 1 of the namespace, and with it all others
        self.process.wait()

    def init(self) -> str:
        """The process that is number 1 there."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return path.read_text().strip()

    def inside(self, *words: str, seconds: float = 60) -> tuple[int, str]:
        """(exit status, everything printed) of a command beside the services."""
        command = ["nsenter", "--target", self.init(), "--mount", "--pid", *words]
        done = subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=seconds * PATIENCE
        )
        return done.returncode, done.stdout + done.stderr

    def systemctl(self, *words: str) -> tuple[int, str]:
        return self.inside("systemctl", "--user", *words)

    def show(self, unit: str, name: str) -> str:
        return self.systemctl("show", "--value", "--property", name, unit)[1].strip()

    def wait(self, unit: str, name: str, value: str, seconds: float = 20) -> None:
        end = time.monotonic() + seconds * PATIENCE
        while (found := self.show(unit, name)) != value:
            assert time.monotonic() < end, f"{name} of {unit} is {found}, not {value}"
            time.sleep(0.05)
