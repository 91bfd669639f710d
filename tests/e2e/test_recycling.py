"""Workers that are replaced while they are well: nobody loses a request or a connection."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest
from boards import total
from server import Fastrd
from test_handover import Client
from test_reloads import Visitor, in_parts, often, sent_ahead, slow, upload, with_pauses

FEW = ("--limit-max-requests", "150", "--limit-max-requests-jitter", "50")


def recycled(server: Fastrd) -> int:
    return server.log().count(": another takes its place, then it drains\n")


@pytest.mark.parametrize(("workers", "more"), [(1, ()), (2, ()), (1, ("--preload",)), (1, ("--spare", "1"))])
def test_under_load_by_requests_and_by_signals(
    app_dir: Path, workers: int, more: tuple[str, ...]
) -> None:
    flags = ("--workers", str(workers), "--timeout-header", "60", *FEW, *more)
    with Fastrd("app:app", app_dir, *flags) as server:
        idle = [Client(server.connect()) for _ in range(32)]
        first = {client.pid() for client in idle}
        acts = [often, with_pauses, slow, sent_ahead, in_parts, upload]
        visitors = [Visitor(server, act) for act in acts] + [Visitor(server, often, fresh=True)]
        server.wait(lambda: recycled(server) >= 3, "three workers recycled", 60)
        before = recycled(server)
        for serving in {Client(server.connect()).pid() for _ in range(8)}:
            server.signal_child(serving, signal.SIGTERM)
        server.wait(lambda: recycled(server) > before + 1, "more of them", 60)
        time.sleep(0.5)
        for visitor in visitors:
            visitor.end()
        assert [v.failure for v in visitors] == [None] * len(visitors)
        now = {client.pid() for client in idle}
        assert not first & now and now <= set(server.children())
        log = server.log()
        assert re.search(r"info \[master\] worker 0 has had \d+ requests: another takes", log)
        assert "cut after" not in log and "serves on" not in log and " error " not in log
        assert total(server, "connections_given") == total(server, "connections_taken") >= 64
        print(sum(v.done for v in visitors), "requests,", recycled(server), "workers recycled")


GROWS = """
import asyncio, os
from plain import App

app = App()
kept = []

@app.get("/pid")
async def pid(): return os.getpid()

@app.get("/grow")
async def grow(mb: int): kept.append(bytearray(os.urandom(1)) * (mb << 20))

@app.get("/leave")
async def leave(): asyncio.get_running_loop().stop()
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(GROWS)
    return tmp_path


def test_by_memory(directory: Path) -> None:
    with Fastrd("app:app", directory, "--worker-max-rss", str(300 << 20)) as server:
        client = Client(server.connect())
        old = client.pid()
        time.sleep(1.2)
        assert recycled(server) == 0
        assert server.get("/grow?mb=300")[0] == 200
        server.wait(lambda: old not in server.children(), "another worker")
        assert re.search(r"info \[master\] worker 0 has 3\d\d MB of memory: another", server.log())
        assert client.pid() != old and recycled(server) == 1


def test_by_lifetime(directory: Path) -> None:
    with Fastrd("app:app", directory, "--worker-lifetime", "3", "--workers", "2") as server:
        client, born = Client(server.connect()), time.monotonic()
        old = client.pid()
        server.wait(lambda: client.pid() != old, "another worker")
        assert time.monotonic() - born > 1.5
        server.wait_log("worker 1 has served for ")
        assert re.search(r"worker 0 has served for \d s: another takes its place", server.log())


def test_a_worker_that_was_sent_term_gives_its_connections_to_the_next(directory: Path) -> None:
    with Fastrd("app:app", directory) as server:
        client = Client(server.connect())
        old = client.pid()
        server.signal_child(old, signal.SIGTERM)
        server.wait(lambda: old not in server.children(), "its end")
        assert client.pid() in server.children()


def test_a_loop_that_the_application_ends_does_so_as_well(directory: Path) -> None:
    with Fastrd("app:app", directory) as server:
        client = Client(server.connect())
        old = client.pid()
        with server.connect() as other:
            other.sendall(b"GET /leave HTTP/1.1\r\nHost: x\r\n\r\n")
            server.wait_log("has ended the event loop: another takes its place, then it drains\n")
            server.wait(lambda: client.pid() != old, "the next worker")
        server.wait_log("warning [master] worker 0 ended with exit status 3")


def test_without_a_replacement_the_old_worker_serves_on(directory: Path) -> None:
    """The file is broken by now."""
    with Fastrd("app:app", directory) as server:
        client = Client(server.connect())
        old = client.pid()
        (directory / "app.py").write_text("no python")
        server.signal_child(old, signal.SIGTERM)
        server.wait_log("; tried again in 5 s, then every 60 s\n")
        assert "warning [master] worker 0 serves on: its replacement could not start: " in server.log()
        server.wait(lambda: server.children() == [old], "the end of the replacement")
        assert client.pid() == old
        # Whoever means it says so twice.
        server.signal_child(old, signal.SIGTERM)
        server.wait_log("worker 0 was sent SIGTERM again: it drains\n")
        server.wait_log("no worker is left and none can start")
        assert server.get("/pid")[0] == 503


def test_ttou_ends_both_in_its_slot(directory: Path) -> None:
    with Fastrd("app:app", directory, "--workers", "2") as server:
        client = Client(server.connect())
        server.wait(lambda: len(server.children()) == 2, "two workers")
        for child in server.children():
            os.kill(child, signal.SIGTERM)
        server.wait(lambda: recycled(server) == 2, "both to be replaced")
        server.signal(signal.SIGTTOU)
        server.wait(lambda: len(server.children()) == 1 and client.pid() in server.children(), "one")
        assert " error " not in server.log()
