"""The real binary on a free port, with its log at hand."""

from __future__ import annotations

import os
import re
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from written import WRITER, children, comm, wait_written

ROOT = Path(__file__).parents[2]
BUILD = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
BINARY = str(BUILD / "bin/fastrd")
# Servers find what applications of tests share.
SERVED = str(Path(__file__).parent / "served")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [SERVED, os.environ.get("PYTHONPATH")]))
# How the banner tells where it listens, as text and as an entry of a log in JSON.
ADDRESS = re.compile(r'^  address  (.*)\n|"msg": ?"address ([^"]*)"', re.M)
# A sanitised server starts slowly.
PATIENCE = 5 if "ASAN_OPTIONS" in os.environ else 1

# An application with a request that is answered when the file `open` is there.
GATE = """
import asyncio, os
from plain import App

app = App()

@app.get("/pid")
async def pid():
    return os.getpid()

@app.get("/gate")
async def gate():
    while not os.path.exists("open"):
        await asyncio.sleep(0.01)
    return os.getpid()
"""


class Fastrd:
    """One running server. ``with Fastrd("app:app", cwd) as server: ...``

    ``files`` are the soft and hard limit of open files; ``before`` runs in the new
    process before fastrd does, which inherits ``fds``; it must serve within ``seconds``. What it
    prints is appended to ``log``.
    """

    def __init__(
        self, app: str, directory: Path, *flags: str, env: dict[str, str] | None = None,
        files: tuple[int, int] | None = None, before: Callable[[], None] | None = None,
        fds: tuple[int, ...] = (), seconds: float = 60, log: Path | None = None,
    ):  # fmt: skip
        self.before = before or limited(files)
        self.fds = fds
        self.seconds = seconds
        self.command = [BINARY, "--port", "0", *flags, app]
        self.directory = directory
        self.log_path = log or directory / "fastrd.log"
        self.log_mode = "ab" if log else "wb"
        self.env = {**os.environ, **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None
        self.begun = False
        self.address = ""
        self.port = 0

    def begin(self) -> None:
        """Start it, and do not wait for what it serves."""
        self.begun = True
        self.log_file = open(self.log_path, self.log_mode)
        self.process = subprocess.Popen(
            self.command, cwd=self.directory, env=self.env, stdin=subprocess.DEVNULL,
            stdout=self.log_file, stderr=subprocess.STDOUT, preexec_fn=self.before,
            pass_fds=self.fds,
        )  # fmt: skip

    def __enter__(self) -> Fastrd:
        if not self.begun:
            self.begin()
        self.wait(lambda: ADDRESS.search(self.log()), "the banner", self.seconds)
        found = ADDRESS.search(self.log())
        assert found
        self.address = found[1] or found[2]
        if self.address.startswith("http"):
            self.port = int(self.address.partition(" (")[0].rsplit(":", 1)[1])
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log_file.close()
        self.begun = False

    def log(self) -> str:
        """What was said so far."""
        if self.process is not None:
            wait_written(self.process.pid)
        return self.log_path.read_text(errors="replace")

    def wait_log(self, text: str, seconds: float = 60) -> None:
        """Until ``text`` is in the log; AssertionError with the log otherwise."""
        self.wait(lambda: text in self.log(), f"{text!r} in the log", seconds)

    def wait(self, condition, what: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds * PATIENCE
        while not condition():
            assert self.process is not None
            alive = self.process.poll() is None
            assert alive and time.monotonic() < end, f"waited for {what}:\n{self.log()}"
            time.sleep(0.01)

    def wait_gone(self, pid: int) -> None:
        end = time.monotonic() + 20 * PATIENCE
        while comm(pid):
            assert time.monotonic() < end, f"process {pid} has not ended"
            time.sleep(0.01)

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def signal_child(self, pid: int, number: int) -> None:
        assert pid in self.children()
        os.kill(pid, number)

    def children(self) -> list[int]:
        """Process ids of the master's children, but for the one that writes the log."""
        return [pid for pid in self._children() if comm(pid) != WRITER]

    def writer(self) -> int:
        """Process id of the one that writes the log."""
        (pid,) = [pid for pid in self._children() if comm(pid) == WRITER]
        return pid

    def _children(self) -> list[int]:
        assert self.process is not None
        return children(self.process.pid)

    def connect(self) -> socket.socket:
        if not self.address.startswith("unix:"):
            return socket.create_connection(("127.0.0.1", self.port), 60 * PATIENCE)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60 * PATIENCE)
        connection.connect(str(self.directory / self.address.removeprefix("unix:")))
        return connection

    def raw(self, request: bytes) -> bytes:
        """Everything the server answers until it closes."""
        with self.connect() as conn:
            conn.sendall(request)
            return read_all(conn)

    def get(self, path: str, head: str = "") -> tuple[int, bytes]:
        """Status and content of one request."""
        answer = self.raw(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n".encode()
        )
        top, _, content = answer.partition(b"\r\n\r\n")
        return int(top.split()[1]), content


def read_until(conn: socket.socket, end: bytes) -> bytes:
    """What comes up to `end`."""
    data = b""
    while not data.endswith(end):
        piece = conn.recv(65536)
        assert piece, data
        data += piece
    return data


def read_all(conn: socket.socket) -> bytes:
    data = b""
    while piece := conn.recv(65536):
        data += piece
    return data


def limited(files: tuple[int, int] | None):
    """What a child does before exec to have at most so many descriptors."""
    return None if files is None else lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files)


def fails(
    app: str, directory: Path, *flags: str, env: dict[str, str] | None = None,
    files: tuple[int, int] | None = None,
):  # fmt: skip
    """(exit status, everything printed) of a server that cannot start."""
    done = subprocess.run(
        [BINARY, "--port", "0", *flags, app], cwd=directory, capture_output=True, text=True,
        timeout=60, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
        preexec_fn=limited(files),
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr
