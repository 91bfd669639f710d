"""A new generation whose workers keep dying gives way to the one before."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
from server import Fastrd

GOOD = """
import os
from plain import App

app = App()

@app.get("/")
async def root():
    return "good"
"""

# Each worker of it dies 0.2 s after it has begun to serve, which shows in its epoll: the first
# listener has the number 8.
BAD = """
import glob, os, threading, time
from contextlib import asynccontextmanager
from plain import App

def serves():
    for path in glob.glob("/proc/self/fdinfo/*"):
        try:
            with open(path) as info:
                if any(line.split()[:2] == ["tfd:", "8"] for line in info):
                    return True
        except OSError:
            pass
    return False

def die_soon():
    while not serves():
        time.sleep(0.01)
    time.sleep(0.2)
    os._exit(9)

@asynccontextmanager
async def lifespan(app):
    threading.Thread(target=die_soon, daemon=True).start()
    yield

app = App(lifespan=lifespan)

@app.get("/")
async def root():
    return "bad"
"""


@pytest.fixture()
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(GOOD)
    return tmp_path


@pytest.mark.parametrize("workers", ["1", "2"])
def test_back_to_the_generation_before(directory, workers):
    with Fastrd("app:app", directory, "--workers", workers) as server:
        kept = server.connect()
        (directory / "app.py").write_text(BAD)
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        server.wait_log("generation 1 serves again", seconds=60)
        assert "crash loop: " in server.log()
        assert server.get("/") == (200, b'"good"')
        # The next reload works, and what was kept open meanwhile, too, if it did not die with one.
        (directory / "app.py").write_text(GOOD.replace("good", "better"))
        server.signal(signal.SIGHUP)
        server.wait_log("generation 3 serves")
        assert server.get("/") == (200, b'"better"')
        kept.close()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_generation_before_serves_where_none_can_start(directory, workers):
    with Fastrd("app:app", directory, "--workers", workers) as server:
        dying = BAD.replace("os._exit(9)", "open('died', 'w').close(); os._exit(9)")
        (directory / "app.py").write_text(dying + "\nif os.path.exists('died'):\n    1 / 0\n")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        server.wait_log("no worker of generation 2 serves: generation 1 serves again", seconds=60)
        assert server.get("/") == (200, b'"good"')
        log = server.log()
        assert "requests get 503" not in log
        assert "importing 'app' failed: ZeroDivisionError: division by zero" in log
        server.wait(lambda: len(server.children()) == int(workers), "the end of what failed")
        assert server.get("/") == (200, b'"good"')


def test_the_first_generation_has_none_to_go_back_to(directory):
    (directory / "app.py").write_text(BAD)
    with Fastrd("app:app", directory) as server:
        server.wait_log("no earlier generation is left", seconds=60)
        (directory / "app.py").write_text(GOOD)
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves: ")
        assert server.get("/") == (200, b'"good"')


def test_a_parked_generation_serves_what_it_has_to_the_end(directory):
    (directory / "app.py").write_text(
        GOOD
        + """
import asyncio

@app.get("/slow")
async def slow():
    await asyncio.sleep(2)
    return "done"
"""
    )
    with Fastrd("app:app", directory) as server:
        answers: list[tuple[int, bytes]] = []
        asking = threading.Thread(target=lambda: answers.append(server.get("/slow")))
        asking.start()
        server.wait(lambda: len(server.children()) == 1, "one worker")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        asking.join(20)
        assert answers == [(200, b'"done"')]
        server.wait(lambda: len(server.children()) == 1, "the end of the old worker")
