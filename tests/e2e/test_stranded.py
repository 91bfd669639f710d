"""A refused reload leaves the old workers; when they die nobody can take their place."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from server import Fastrd, read_all

GOOD = """
from plain import App
app = App()

@app.get("/")
async def root(): return "ok"
"""
CAUSE = "importing 'app' failed: ZeroDivisionError: division by zero; see the traceback"
NONE = (
    "no worker is left and none can start: requests get 503; tried again every 5 s, and at SIGHUP"
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(GOOD)
    return tmp_path


@contextlib.contextmanager
def stranded(directory: Path, *flags: str):
    """A server whose reload was refused, and whose workers have then died."""
    with Fastrd("app:app", directory, *flags) as server:
        (directory / "app.py").write_text(GOOD + "1 / 0\n")
        server.signal(signal.SIGHUP)
        server.wait_log("reload failed, generation 1 serves on: " + CAUSE)
        assert server.get("/") == (200, b'"ok"')
        for pid in server.children():
            # The worker that the reload has begun with ends at about this time.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        server.wait_log(NONE)
        yield server


def test_it_is_said_once_and_why(directory):
    with stranded(directory, "--workers", "2", "--log-level", "debug") as server:
        start = re.compile(r"worker \d of generation 1 starts as process")
        server.wait(lambda: len(start.findall(server.log())) >= 8, "the third try of each")
        log = server.log()
        assert len(re.findall(r"error \[master\] worker \d: " + re.escape(CAUSE), log)) == 1
        assert log.count(NONE) == 1
        # The reload's, and that of the first replacements, which ran at the same time.
        assert 2 <= log.count("Traceback") <= 3, log


def test_another_cause_is_said(directory):
    with stranded(directory) as server:
        (directory / "app.py").write_text(GOOD + "raise RuntimeError('another')\n")
        server.wait_log("error [master] worker 0: importing 'app' failed: RuntimeError: another")
        assert server.log().count(NONE) == 1


def test_a_reload_that_fails_has_a_traceback(directory):
    """Replacements that fail again and again print theirs once."""
    with stranded(directory) as server:
        (directory / "app.py").write_text(GOOD + "raise RuntimeError('of the reload')\n")
        server.signal(signal.SIGHUP)
        server.wait_log("\nRuntimeError: of the reload\n")


@pytest.mark.parametrize("flags", [(), ("--uds", "socket")])
def test_requests_get_503(directory, flags):
    with stranded(directory, *flags) as server:
        for request in (
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000,
            b"",
        ):
            with server.connect() as conn:
                conn.sendall(request)
                head, _, content = read_all(conn).partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\n")
                assert b"\r\ncontent-length: 0\r\n" in head and content == b""


def test_clients_that_do_nothing_hold_up_nobody_for_long(directory):
    with stranded(directory) as server, contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(server.connect())
        assert server.get("/")[0] == 503
        held = os.listdir(f"/proc/{server.process.pid}/fd")
        assert len(held) < 100
        server.signal(signal.SIGTERM)
        assert server.process.wait(25) == 0


@pytest.mark.parametrize("reload", [True, False])
def test_a_mended_application_serves_again(directory, reload):
    with stranded(directory) as server:
        assert server.get("/")[0] == 503
        (directory / "app.py").write_text(GOOD)
        if reload:
            server.signal(signal.SIGHUP)
        server.wait_log("info [master] a worker serves again after ")
        assert server.get("/") == (200, b'"ok"')
        # It is as if nothing had been: the next death is told anew.
        server.wait(lambda: len(server.children()) == 1, "one worker")
        (directory / "app.py").write_text(GOOD + "1 / 0\n")
        os.kill(*server.children(), signal.SIGKILL)
        server.wait(lambda: server.log().count(NONE) == 2, "the second time")


STARTS = """
import os, time

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        open("starting", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.01)
        await send({"type": "lifespan.startup.complete"})
        open("ready", "w").close()
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    else:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"served"})
"""


def test_who_comes_when_a_worker_is_ready_is_served(directory):
    """The master learns of both at the same time."""
    with stranded(directory) as server:
        (directory / "app.py").write_text(STARTS)
        server.wait((directory / "starting").exists, "a worker that starts")
        server.signal(signal.SIGSTOP)
        try:
            (directory / "go").touch()
            server.wait((directory / "ready").exists, "a worker that is ready")
            time.sleep(0.5)  # it tells the master next
            conn = server.connect()
        finally:
            server.signal(signal.SIGCONT)
        with conn:
            conn.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = read_all(conn)
            assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\nserved\r\n" in answer


def test_a_death_alone_makes_no_503(directory):
    """Its replacement starts in a moment: requests wait in the queue."""
    with Fastrd("app:app", directory) as server:
        for _ in range(3):
            os.kill(*server.children(), signal.SIGKILL)
            server.wait(lambda: len(server.children()) == 1, "a replacement")
            assert server.get("/") == (200, b'"ok"')
            time.sleep(1.1)  # it has served for a second: the next one comes at once
        assert "no worker is left" not in server.log()


def test_without_descriptors_the_master_does_not_spin(directory):
    import resource

    with stranded(directory) as server:
        pid = server.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{pid}/fd"))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used - 1, before[1]))
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 2):
            time.sleep(1)
            ticks = [int(n) for n in Path(f"/proc/{pid}/stat").read_text().split()[13:15]]
            time.sleep(1)
            more = [int(n) for n in Path(f"/proc/{pid}/stat").read_text().split()[13:15]]
            assert sum(more) - sum(ticks) < 20  # of a hundred
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert server.get("/")[0] == 503


def test_with_some_workers_left_it_is_said_how_many(directory):
    with Fastrd("app:app", directory, "--workers", "2") as server:
        (directory / "app.py").write_text(GOOD + "1 / 0\n")
        os.kill(server.children()[0], signal.SIGKILL)
        few = "warning [master] 1 of 2 workers serve: the others are tried again every 5 s, and at SIGHUP\n"
        server.wait_log(few)
        time.sleep(1)
        log = server.log()
        assert log.count(few) == 1 and log.index(CAUSE) < log.index(few)
        assert server.get("/") == (200, b'"ok"')
        (directory / "app.py").write_text(GOOD)
        server.wait_log("info [master] 2 of 2 workers serve again\n")
