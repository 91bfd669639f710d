"""What a service manager is told: states, one line of status, the watchdog's sign."""

from __future__ import annotations

import os
import signal
import socket
import time

import pytest
from notified import Manager
from server import PATIENCE, Fastrd

APP = """
import asyncio, os, time
from plain import App

app = App()

@app.get("/")
async def root():
    return sorted(n for n in os.environ if n.startswith(("NOTIFY_", "WATCHDOG_", "LISTEN_")))

@app.get("/gate")
async def gate():
    while not os.path.exists("open"):
        await asyncio.sleep(0.01)

@app.get("/block")
async def block():
    while not os.path.exists("open"):
        time.sleep(0.01)
"""


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def test_the_life_of_a_server(directory):
    with Manager(directory / "notify") as manager:
        with Fastrd("app:app", directory, env=manager.env(), seconds=30) as server:
            # 60 s for a start, and what a start that takes longer leads to.
            assert int(manager.wait("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"]) > 60_000_000
            ready = manager.wait("READY")
            assert ready == {"READY": "1", "STATUS": "generation 1, 1 worker, 0 requests in hand"}
            assert server.get("/") == (200, b"[]")

            with server.connect() as conn:
                conn.sendall(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
                manager.wait("STATUS", "generation 1, 1 worker, 1 request in hand")
                (directory / "open").touch()
                assert conn.recv(100).startswith(b"HTTP/1.1 200")
            manager.wait("STATUS", "0 requests in hand")

            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            server.signal(signal.SIGHUP)
            reloading = manager.wait("RELOADING")
            assert before <= int(reloading["MONOTONIC_USEC"])
            assert int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            assert reloading["STATUS"].startswith("generation 1, ")
            assert manager.wait("STATUS", "; generation 2 is loading")["RELOADING"] == "1"
            assert manager.wait("READY")["STATUS"].startswith("generation 2, 1 worker, ")

            (directory / "app.py").write_text("broken =")
            server.signal(signal.SIGHUP)
            manager.wait("RELOADING")
            assert manager.wait("READY")["STATUS"].endswith("; the last reload failed, see the log")

            server.signal(signal.SIGTERM)
            stopping = manager.wait("STOPPING")
            assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 30_000_000
            assert stopping["STATUS"].startswith("ending: ")
            assert server.process.wait(25 * PATIENCE) == 0
            assert "WATCHDOG" not in {key for message in manager.messages for key in message}


def test_a_reload_that_its_file_refuses(directory):
    (directory / "fastrd.toml").write_text("workers = 1\n")
    with Manager(directory / "notify") as manager:
        flags = ("-c", "fastrd.toml")
        with Fastrd("app:app", directory, *flags, env=manager.env()) as server:
            manager.wait("READY")
            (directory / "fastrd.toml").write_text("workers = 'many'\n")
            for _ in range(2):
                server.signal(signal.SIGHUP)
                reloading = manager.wait("RELOADING")
                assert "READY" not in reloading and "failed" not in reloading["STATUS"]
                failed = manager.wait("READY")["STATUS"]
                assert failed == "generation 1, 1 worker, 0 requests in hand; the last reload failed, see the log"
                assert manager.seen("RELOADING") == 0


def test_a_name_in_the_abstract_namespace(directory):
    with Manager(f"@fastrd-test-{os.getpid()}") as manager:
        with Fastrd("app:app", directory, env=manager.env()):
            assert manager.wait("READY")["READY"] == "1"


def test_the_watchdog_gets_its_sign_while_a_worker_lives(directory):
    """And none while no event loop turns, until one does again."""
    with Manager(directory / "notify") as manager:
        env = manager.env(WATCHDOG_USEC="1000000")
        with Fastrd("app:app", directory, env=env) as server:
            manager.wait("READY")
            for _ in range(3):
                manager.wait("WATCHDOG")
            with server.connect() as conn:
                conn.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
                server.wait_log("no worker's event loop turns")
                manager.read()
                manager.messages.clear()
                time.sleep(1)
                assert manager.seen("WATCHDOG") == 0
                (directory / "open").touch()
                manager.wait("WATCHDOG")
            assert server.log().count("no worker's event loop turns") == 1


def test_a_dead_worker_that_is_replaced_costs_no_sign(directory):
    (directory / "app.py").write_text(APP + "while os.path.exists('hold'): time.sleep(0.01)\n")
    with Manager(directory / "notify") as manager:
        env = manager.env(WATCHDOG_USEC="400000")
        with Fastrd("app:app", directory, env=env) as server:
            manager.wait("READY")
            (directory / "hold").touch()
            server.signal_child(server.children()[0], signal.SIGKILL)
            manager.wait("STATUS", "0 of 1 worker, ")
            server.wait(lambda: manager.seen("WATCHDOG") >= 3, "signs")
            (directory / "hold").unlink()
            assert "no worker's event loop turns" not in server.log()


def test_a_watchdog_for_another_process_gets_nothing(directory):
    with Manager(directory / "notify") as manager:
        env = manager.env(WATCHDOG_USEC="100000", WATCHDOG_PID="1")
        with Fastrd("app:app", directory, env=env):
            manager.wait("READY")
            time.sleep(0.5)
            assert manager.seen("WATCHDOG") == 0


def test_a_manager_that_does_not_read_holds_nothing_up(directory):
    """Its queue is full: the last state comes through when there is room."""
    with Manager(directory / "notify") as manager:
        filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        filler.setblocking(False)
        filler.connect(manager.path)
        with filler:
            while True:
                try:
                    filler.send(b"FILL=1")
                except BlockingIOError:
                    break
        with Fastrd("app:app", directory, env=manager.env()) as server:
            assert server.get("/") == (200, b"[]")
            assert manager.wait("READY")["STATUS"].startswith("generation 1, ")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("/nonexistent/socket", "cannot notify the service manager: No such file or directory\n"),
        ("vsock:2:1", "NOTIFY_SOCKET=vsock:2:1 is passed over: want a path, or a name behind @\n"),
    ],
)
def test_nobody_listens(directory, where, said):
    with Fastrd("app:app", directory, env={"NOTIFY_SOCKET": where}) as server:
        assert server.get("/") == (200, b"[]")
        assert server.log().count(said) == 1


def test_a_manager_that_is_started_again_is_found(directory):
    with Manager(directory / "notify") as manager:
        with Fastrd("app:app", directory, env=manager.env()) as server:
            manager.wait("READY")
            manager.__exit__()
            os.unlink(manager.path)
            manager.__enter__()
            server.signal(signal.SIGTTIN)
            manager.wait("STATUS", "2 workers")
