"""Probes: answered in C, by whichever worker turns, on a listener of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time

import pytest
from ports import free_port
from server import GATE, PATIENCE, Fastrd, fails, read_all

APP = GATE + """
import time

@app.get("/block")
async def block():
    while not os.path.exists("open"):
        time.sleep(0.01)
"""
UNIX = ("--admin=unix:admin",)


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def raw(directory, request: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as conn:
        conn.settimeout(10 * PATIENCE)
        conn.connect(os.fspath(directory / "admin"))
        conn.sendall(request)
        return read_all(conn)


def probe(directory, path: str) -> tuple[int, bytes]:
    """Status and content of the answer to one probe."""
    answer = raw(directory, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), content


OK, READY, ENDING = (200, b"ok\n"), (200, b"ready\n"), (503, b"the server is ending\n")


def test_answers(directory):
    with Fastrd("app:app", directory, *UNIX) as server:
        assert probe(directory, "/-/healthz") == OK
        assert probe(directory, "/-/ready") == READY
        assert probe(directory, "/-/ready?verbose") == READY
        assert probe(directory, "/pid") == (404, b"there are /-/healthz and /-/ready\n")
        assert raw(directory, b"HEAD /-/ready HTTP/1.0\n\n") == (
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n"
            b"cache-control: no-store\r\ncontent-length: 6\r\nconnection: close\r\n\r\n"
        )
        post = raw(directory, b"POST /-/ready HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
        assert post.startswith(b"HTTP/1.1 405 ") and b"\r\nallow: GET, HEAD\r\n" in post
        for nonsense in (b"\r\n\r\n", b"GET /-/ready\r\n\r\n", b"GET /-/ready HTTP/1.1 x\r\n\r\n",
                         b"GET /-/ready HTTP/2.0\r\n\r\n", b"x" * 4096):  # fmt: skip
            assert raw(directory, nonsense).startswith(b"HTTP/1.1 400 ")
        # Never among the application's routes.
        assert server.get("/-/healthz")[0] == 404
        assert server.get("/-/ready")[0] == 404


def test_one_worker_that_is_blocked_hides_nobody(directory):
    with Fastrd("app:app", directory, *UNIX, "--workers", "2") as server, server.connect() as conn:
        conn.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        for _ in range(20):
            assert probe(directory, "/-/healthz") == OK
            assert probe(directory, "/-/ready") == READY
        (directory / "open").touch()


def test_clients_that_say_nothing_do_not_keep_probes_out(directory):
    with Fastrd("app:app", directory, *UNIX) as server:
        silent = [socket.socket(socket.AF_UNIX) for _ in range(40)]
        for conn in silent:
            conn.connect(os.fspath(directory / "admin"))
        assert probe(directory, "/-/ready") == READY
        for conn in silent:
            conn.close()
        assert probe(directory, "/-/ready") == READY
        assert server.get("/pid")[0] == 200


def test_tcp_and_a_reload(directory):
    port = free_port()
    with Fastrd("app:app", directory, "--admin", f"127.0.0.1:{port}") as server:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), 10 * PATIENCE) as conn:
                conn.sendall(b"GET /-/ready HTTP/1.1\r\n\r\n")
                assert read_all(conn).endswith(b"ready\n")
            server.signal(signal.SIGHUP)
            server.wait_log("generation 2 serves")


def test_ready_says_no_before_the_server_stops_to_accept(directory):
    flags = *UNIX, "--drain-delay", "8"
    with Fastrd("app:app", directory, *flags) as server, server.connect() as conn:
        conn.sendall(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        server.wait_log("ending in 8 s, requests then have 30 s")
        server.wait(lambda: probe(directory, "/-/ready") == ENDING, "the flip")
        assert probe(directory, "/-/healthz") == OK
        # A worker that dies now has a successor, which is not ready either.
        server.signal_child(server.children()[0], signal.SIGKILL)
        server.wait(lambda: probe(directory, "/-/healthz") == OK, "the next worker")
        assert probe(directory, "/-/ready") == ENDING
        assert server.get("/pid")[0] == 200
        (directory / "open").touch()
        assert server.process.wait(20 * PATIENCE) == 0


def test_while_it_drains_probes_are_told_at_once(directory):
    with Fastrd("app:app", directory, *UNIX) as server, server.connect() as conn:
        conn.sendall(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.2)
        server.signal(signal.SIGTERM)
        server.wait_log(": ending, requests have 30 s")
        assert probe(directory, "/-/ready") == (503, b"")
        (directory / "open").touch()
        assert conn.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(25 * PATIENCE) == 0
    assert not (directory / "admin").exists()


def test_while_it_starts_probes_are_told_at_once(directory):
    (directory / "app.py").write_text(
        "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\n" + APP
    )
    server = Fastrd("app:app", directory, *UNIX)
    with contextlib.ExitStack() as stack:
        server.begin()
        stack.push(server)
        server.wait((directory / "admin").exists, "the listener")
        server.wait(lambda: probe(directory, "/-/ready") == (503, b""), "an answer")
        assert probe(directory, "/-/healthz") == (503, b"")
        (directory / "go").touch()
        with server:
            assert probe(directory, "/-/ready") == READY


def test_a_second_signal_does_not_wait_for_the_delay(directory):
    with Fastrd("app:app", directory, "--drain-delay", "60") as server:
        server.signal(signal.SIGTERM)
        server.wait_log("ending in 60 s")
        server.signal(signal.SIGINT)
        assert server.process.wait(25 * PATIENCE) == 0


@pytest.mark.parametrize("address", ["8001", "unix:", "a:b", "127.0.0.1:99999", ":8001", "[]:1", "::1:80", "name:80"])
def test_addresses_that_are_none(directory, address):
    assert fails("app:app", directory, f"--admin={address}") == (
        2,
        f"fastrd: --admin {address}: want an address such as 127.0.0.1:8001 or "
        "unix:/run/fastrd/admin\n",
    )
