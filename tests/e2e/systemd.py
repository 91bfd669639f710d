"""A real systemd, as the manager of one user's services, in namespaces of its own."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from pathlib import Path

from server import PATIENCE

# It wants a machine that was booted with systemd, which this directory says. As process 1 it
# would be the system's manager.
BOOT = """
for group in $groups; do echo 0 > "$group/cgroup.procs" || exit; done
mount -t tmpfs none /run && mkdir -p /run/systemd/system && mkdir -m 700 /run/user
/lib/systemd/systemd --user --unit=basic.target & wait
"""

CGROUP = Path("/sys/fs/cgroup")
TOPS = [path for path in (CGROUP / "systemd", CGROUP / "unified") if path.is_dir()] or [CGROUP]


def why_not() -> str:
    """Why there can be none here; empty when there can."""
    if "ASAN_OPTIONS" in os.environ:
        return "systemd is not built with a sanitizer"
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return "this container may not mount anything"
    if not all(os.access(top, os.W_OK) for top in TOPS):
        return "this container has no control groups of its own"
    return ""


class Systemd:
    """``with Systemd(directory) as manager``; files of it are in ``directory``."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.units = directory / "config/systemd/user"
        self.log = directory / "systemd.log"
        # It makes control groups for its services below the one in which it is.
        self.groups = [path / f"fastrd-{os.getpid()}" for path in TOPS]
        self.env = {
            **os.environ, "HOME": str(directory), "XDG_CONFIG_HOME": str(directory / "config"),
            "XDG_DATA_HOME": str(directory / "data"), "XDG_RUNTIME_DIR": "/run/user",
            "groups": " ".join(map(str, self.groups)),
        }  # fmt: skip

    def __enter__(self) -> Systemd:
        self.units.mkdir(parents=True)
        for group in self.groups:
            group.mkdir()
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
        of_all = (os.walk(group, topdown=False) for group in self.groups)
        for directory, _, _ in itertools.chain(*of_all):
            end = time.monotonic() + 10 * PATIENCE
            while Path(directory, "cgroup.procs").read_text() and time.monotonic() < end:
                time.sleep(0.01)
            os.rmdir(directory)

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
