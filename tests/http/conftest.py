"""A server over real sockets, and a client that speaks bytes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
sys.path.append(str(HERE.parent / "e2e"))

from ports import free_port
from server import PATIENCE
from written import wait_written


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--alone", action="store_true", help="one worker in this Python instead of fastrd"
    )


class Server:
    """One running server; `log` is what it wrote so far."""

    def __init__(self, command: list[str], port: int) -> None:
        self.port = port
        self._log = tempfile.TemporaryFile()
        environment = {**os.environ, "VIRTUAL_ENV": str(BUILD / "venv")}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=subprocess.STDOUT, env=environment, cwd=HERE
        )
        self._await()

    def _await(self) -> None:
        for _ in range(300 * PATIENCE):
            try:
                self.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")  # a worker serves
                return
            except ConnectionRefusedError:
                assert self._process.poll() is None, self.log
                time.sleep(0.05)
        raise AssertionError(f"does not listen: {self.log}")

    @property
    def log(self) -> str:
        wait_written(self._process.pid)
        # Not seek(): the server writes at the same offset.
        return os.pread(self._log.fileno(), 1 << 20, 0).decode(errors="replace")

    def pids(self) -> list[int]:
        """The process and all its descendants, the worker last."""
        pids = [self._process.pid]
        for pid in pids:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
            pids.extend(map(int, children.split()))
        return pids

    def rss(self) -> int:
        """Resident bytes of all its processes; 0 under a sanitizer, which keeps freed memory."""
        if "ASAN_OPTIONS" in os.environ:
            return 0
        pages = sum(int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in self.pids())
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """Processor time of all its processes so far."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def connect(self, **options: Any) -> Client:
        return Client(self.port, **options)

    def ask(self, request: bytes) -> bytes:
        """One request on a connection of its own; everything up to the end."""
        with self.connect() as client:
            client.send(request)
            client.half_close()
            return client.rest()

    def stop(self) -> int:
        self._process.terminate()
        try:
            return self._process.wait(20 * PATIENCE)
        finally:
            self._process.kill()


class Client:
    """A connection. Answers are given without their Date and Server lines."""

    def __init__(self, port: int, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20 * PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self._buffer = b""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        linger = b"\1\0\0\0\0\0\0\0"
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()

    def _more(self) -> bool:
        data = self.socket.recv(1 << 16)
        self._buffer += data
        return bool(data)

    def answer(self, head_only: bool = False) -> tuple[int, dict[bytes, bytes], bytes]:
        """The next answer: status, fields, content (which has a length)."""
        while b"\r\n\r\n" not in self._buffer:
            assert self._more(), f"closed inside a head: {self._buffer!r}"
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        fields = {k.lower(): v for k, _, v in (line.partition(b": ") for line in lines[1:])}
        length = 0 if head_only else int(fields.get(b"content-length", 0))
        while len(self._buffer) < length:
            assert self._more(), "closed inside the content"
        content, self._buffer = self._buffer[:length], self._buffer[length:]
        return int(lines[0].split()[1]), fields, content

    def rest(self) -> bytes:
        """Everything until the server closes."""
        try:
            while self._more():
                pass
        except ConnectionResetError:
            self._buffer += b"<reset>"
        lines = self._buffer.split(b"\r\n")
        return b"\r\n".join(x for x in lines if not x.startswith((b"date: ", b"server: ")))


def start_server(config: pytest.Config, app: str) -> Server:
    port = free_port()
    if config.getoption("--alone"):
        command = [sys.executable, str(HERE / "serve_alone.py"), str(port), app]
    else:
        command = [str(BUILD / "bin/fastrd"), "--host", "127.0.0.1", "--port", str(port), f"apps:{app}"]
    return Server(command, port)


@pytest.fixture(scope="session")
def plain(pytestconfig: pytest.Config) -> Iterator[Server]:
    server = start_server(pytestconfig, "plain")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def fast(pytestconfig: pytest.Config) -> Iterator[Server]:
    server = start_server(pytestconfig, "fast")
    yield server
    server.stop()


@pytest.fixture
def start(pytestconfig: pytest.Config) -> Iterator[Any]:
    """start(app) -> a server of this test only."""
    started: list[Server] = []

    def make(app: str) -> Server:
        started.append(start_server(pytestconfig, app))
        return started[-1]

    yield make
    for server in started:
        server.stop()
