"""Flags that change what a client sees; tests/lint looks that every flag has a test."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from server import Fastrd, read_all

APP = """
from fastapi import FastAPI, Request
app = FastAPI()

@app.get("/")
async def root(request: Request): return request.scope["root_path"]

@app.post("/")
async def post(numbers: list[int]): return len(numbers)
"""
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def statuses(server: Fastrd, *requests: bytes) -> list[int]:
    return [int(server.raw(request).split()[1]) for request in requests]


def test_fd_is_a_listener_that_another_program_has_opened(app_dir):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        with Fastrd("app:app", app_dir, "--fd", str(fd), fds=(fd,)) as server:
            assert server.address == f"http://127.0.0.1:{listener.getsockname()[1]}"
            assert server.get("/") == (200, b'""')


def test_uds_and_backlog(app_dir):
    """A unix socket turns the next one away at once when its queue is full."""
    with Fastrd("app:app", app_dir, "--uds", "socket", "--backlog", "3") as server:
        assert server.get("/") == (200, b'""')
        (worker,) = server.children()
        os.kill(worker, signal.SIGSTOP)
        waiting: list[socket.socket] = []
        try:
            with pytest.raises(BlockingIOError):
                while len(waiting) < 100:
                    waiting.append(socket.socket(socket.AF_UNIX))
                    waiting[-1].setblocking(False)
                    waiting[-1].connect(str(app_dir / "socket"))
        finally:
            os.kill(worker, signal.SIGCONT)
            for connection in waiting:
                connection.close()
    # The kernel lets one more wait; the last is the one that it has turned away.
    assert len(waiting) == 3 + 1 + 1


def test_root_path_is_in_every_scope(app_dir):
    with Fastrd("app:app", app_dir, "--root-path", "/shop") as server:
        assert server.get("/") == (200, b'"/shop"')


def test_limit_body(app_dir):
    with Fastrd("app:app", app_dir, "--limit-body", "10") as server:
        fits = POST + b"Content-Length: 10\r\n\r\n[1,2,3,45]"
        too_much = POST + b"Content-Length: 11\r\n\r\n[1,2,3,456]"
        assert statuses(server, fits, too_much) == [200, 413]


@pytest.mark.parametrize(
    ("flag", "value", "fits", "too_much", "status"),
    [
        ("--limit-line", 200, b"GET /?%s HTTP/1.1\r\nHost: x\r\n" % (b"a" * 150),
         b"GET /?%s HTTP/1.1\r\nHost: x\r\n" % (b"a" * 250), 414),
        ("--limit-field", 200, HEAD + b"X: %s\r\n" % (b"a" * 150), HEAD + b"X: %s\r\n" % (b"a" * 250), 431),
        ("--limit-fields", 5, HEAD + b"X: a\r\n" * 3, HEAD + b"X: a\r\n" * 4, 431),
        ("--limit-head", 1024, HEAD + b"X: a\r\n" * 90, HEAD + b"X: %s\r\n" % (b"a" * 90) * 12, 431),
    ],
)  # fmt: skip
def test_limits_of_a_head(app_dir, flag, value, fits, too_much, status):
    with Fastrd("app:app", app_dir, flag, str(value)) as server:
        assert statuses(server, HEAD + b"\r\n") == [200]
        with server.connect() as connection:
            connection.sendall(fits + b"\r\n")
            assert connection.recv(4096).split()[1] == b"200"
        assert statuses(server, too_much + b"\r\n") == [status]


@pytest.mark.parametrize(
    ("flag", "sent", "status"),
    [
        ("--timeout-header", HEAD, 408),
        ("--timeout-content", POST + b"Content-Length: 10\r\n\r\n[", 408),
        ("--timeout-keep-alive", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    ],
)
def test_timeouts_of_a_connection_are_seconds(app_dir, flag, sent, status):
    """The answer, if any, and then the end: after one second, and not of itself."""
    with Fastrd("app:app", app_dir, flag, "1") as server, server.connect() as connection:
        began = time.monotonic()
        connection.sendall(sent)
        answer = read_all(connection)
        assert time.monotonic() - began > 0.9
        assert int(answer.split()[1]) == status, answer
