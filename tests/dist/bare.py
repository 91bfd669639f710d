"""A Debian 12 that has nothing but Python, as somebody gets it who has just rented a machine.

debootstrap makes it once, below the build directory; every `bare_system()` is a copy of it. A command
in there has the network, the users and the processes of this machine, but no file of it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from server import BUILD, PATIENCE

HOME = "/root"  # where commands run
PACKAGES = "python3-venv,ca-certificates"
# How the machine reaches the network: of its own name server, and perhaps through somebody who is
# known to its certificates only.
NETWORK = ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt")
# Mounted where only the command and its children see it, so that nothing is left to unmount.
INSIDE = """
for directory in proc dev sys; do mount --rbind /$directory "$root/$directory" || exit; done
exec chroot "$root" sh -c 'cd "$1" && shift && exec "$@"' sh "$@"
"""


def why_not() -> str:
    """Why there can be none here; empty when there can."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return "this container may not mount anything"
    return ""


class Bare:
    """``with bare_system() as bare``; its files are in ``bare.root``."""

    def __init__(self, root: Path):
        self.root = root
        self.home = root / HOME.lstrip("/")
        self.env = {
            "HOME": HOME, "LANG": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "DEBIAN_FRONTEND": "noninteractive", "PIP_CERT": f"/{NETWORK[-1]}", "root": str(root),
            **{name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")},
        }  # fmt: skip
        self.started: list[subprocess.Popen[str]] = []

    def copy_in(self, source: Path, to: str) -> None:
        """Copy a file or a directory of this machine to the path `to` in there."""
        target = self.root / to.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)

    def start(self, *command: str, cwd: str = HOME, **env: str) -> subprocess.Popen[str]:
        """Start a command as root, in `cwd`, with further variables; what it prints, on either
        stream, is in its `stdout`. It is ended with the system."""
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", INSIDE, "sh", cwd, *command], env=self.env | env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *command: str, cwd: str = HOME, status: int = 0, **env: str) -> str:
        """Run a command as start() does; what it has printed. AssertionError when it ends with another
        exit status, or does not end within five minutes."""
        process = self.start(*command, cwd=cwd, **env)
        printed, _ = process.communicate(timeout=300 * PATIENCE)
        assert process.returncode == status, f"{command} ended with {process.returncode}:\n{printed}"
        return printed

    def close(self) -> None:
        """End what still runs: the program itself first, then what it has left behind."""
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=10 * PATIENCE)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _original() -> Path:
    """The system that is copied; debootstrap makes it when there is none, in a minute."""
    top = BUILD.resolve() / "bare"
    top.mkdir(exist_ok=True)
    with open(top / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made, new = top / "bookworm", top / "bookworm.new"
        if not made.exists():
            shutil.rmtree(new, ignore_errors=True)
            command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(new)]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert done.returncode == 0, done.stdout[-3000:]
            new.rename(made)
    return made


@contextmanager
def bare_system() -> Iterator[Bare]:
    """A copy of its own, which is deleted afterwards. Needs `why_not()` to be empty."""
    original = _original()
    with tempfile.TemporaryDirectory(prefix="fastrd-bare-") as name:
        root = Path(name) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", original, root], check=True)
        bare = Bare(root)
        for file in NETWORK:
            if Path("/", file).exists():
                bare.copy_in(Path("/", file), file)
        try:
            yield bare
        finally:
            bare.close()
