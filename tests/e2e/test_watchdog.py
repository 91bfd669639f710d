"""Workers that do not respond: what the log says of them, and that they are replaced."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boards import boards, total
from server import Fastrd
from test_handover import Client

APP = """
import asyncio, ctypes, os, threading, time
from contextlib import asynccontextmanager
from plain import App

@asynccontextmanager
async def life(app):
    time.sleep(float(os.environ.get("START", 0)))
    yield

app = App(lifespan=life)

@app.get("/pid")
async def pid(): return os.getpid()

@app.get("/sleep")
async def sleeps(s: float):
    time.sleep(s)
    return os.getpid()

@app.get("/spin")
async def spins(s: float):
    end = time.monotonic() + s
    while time.monotonic() < end: pass

@app.get("/compute")
async def computes(): sum(range(10**12))

@app.get("/held")
async def held(s: int): ctypes.PyDLL(None).sleep(s)

@app.get("/deadlock")
async def deadlocks():
    mutex, c = ctypes.create_string_buffer(64), ctypes.PyDLL(None)
    for _ in range(2): c.pthread_mutex_lock(mutex)

@app.get("/thread")
def thread(s: float):
    time.sleep(s)
    return os.getpid()

@app.get("/late")
async def late():
    while not os.path.exists("go"): time.sleep(0.01)

@app.get("/waits")
async def waits(): await asyncio.Event().wait()
"""


def asked(server: Fastrd, path: str) -> socket.socket:
    """A connection whose request is in hand."""
    before = total(server, "requests_active")
    conn = server.connect()
    conn.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    server.wait(lambda: total(server, "requests_active") > before, "the request")
    return conn


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fastrd]:
    """One for several tests, of which each loses a worker."""
    directory = tmp_path_factory.mktemp("watched")
    (directory / "app.py").write_text(APP)
    with Fastrd("app:app", directory, "--worker-timeout", "2") as server:
        yield server


def pid(server: Fastrd) -> int:
    return int(server.get("/pid")[1])


BLOCKED = r"its event loop is blocked, by "
CALL, PYTHON = BLOCKED + "a call that does not await", BLOCKED + "Python code that computes"


@pytest.mark.parametrize(
    ("path", "state", "function"),
    [
        ("/sleep?s=60", CALL, "sleeps"),
        ("/spin?s=60", PYTHON, "spins"),
        ("/compute", "it is busy in C code that keeps the interpreter", "computes"),
        ("/deadlock", "C code waits and keeps the interpreter", "deadlocks"),
    ],
)
def test_a_worker_that_hangs_is_named_shown_and_replaced(server, path, state, function):
    name = path.partition("?")[0]
    line = rf"error \[master\] worker 0 has not responded for \d\.\d s and is replaced: {state}; "
    text = rf'2 requests in hand: "GET /waits", "GET {name}"; see --worker-timeout\n'
    for _ in range(5):  # one that gets no processor while it is looked at seems to wait
        old = pid(server)
        with asked(server, "/waits"), asked(server, path):
            assert pid(server) != old
        if re.search(line + text, server.log()):
            break
    log = server.log()
    assert re.search(line + text, log), log
    assert re.search(rf'File ".*/app\.py", line \d+ in {function}\n', log)
    if "event loop" in state:  # what its tasks wait for, where Python can still run
        server.wait_log("tasks of the event loop\n")
        tasks = server.log().rpartition("tasks of the event loop\n")[2]
        assert re.search(r'File ".*/app\.py", line \d+, in waits\n', tasks)
    assert pid(server) in server.children()


def test_a_worker_that_goes_on_late_drains_and_loses_nothing(server):
    """Its replacement serves by then, and gets its connections."""
    server.wait(lambda: len(server.children()) == 1, "the end of earlier ones")
    idle = Client(server.connect())
    old = idle.pid()
    replaced = server.log().count(" and is replaced: ")
    with asked(server, "/thread?s=5") as slow, asked(server, "/late") as blocks:
        server.wait(lambda: server.log().count(" and is replaced: ") > replaced, "its replacement")
        (server.directory / "go").touch()
        server.wait_log("s: it drains, another takes its place\n")
        assert b"200 OK" in blocks.recv(4096) and b"200 OK" in slow.recv(4096)
        server.wait(lambda: len(server.children()) == 1, "the old one's end")
    assert idle.pid() != old


def test_a_worker_that_is_stopped_is_told_apart(directory):
    stopped = r"it is stopped \(SIGSTOP, SIGTSTP\), SIGCONT lets it go on; no request in hand"
    with Fastrd("app:app", directory, "--worker-timeout", "3") as server:
        old = pid(server)
        os.kill(old, signal.SIGSTOP)
        server.wait_log(" has not responded for ")
        os.kill(old, signal.SIGCONT)
        server.wait_log("info [master] worker 0 responds again after ")
        assert pid(server) == old and "replaced" not in server.log()
        os.kill(old, signal.SIGSTOP)
        server.wait_log(" s and is replaced")
        assert re.search(rf"warning .* worker 0 has not responded for \d\.\d s: {stopped}\n", server.log())
        assert re.search(rf" and is replaced: {stopped}; see --worker-timeout\n", server.log())
        assert pid(server) != old
        server.wait_log("worker 0 did not end by SIGTERM: it is killed\n")
        server.wait(lambda: old not in server.children(), "the end of the old one")


def test_all_workers_at_once(directory):
    with Fastrd("app:app", directory, "--worker-timeout", "2", "--workers", "2") as server:
        old = set(server.children())
        for child in old:
            os.kill(child, signal.SIGSTOP)
        server.wait(lambda: server.log().count("is replaced: it is stopped") == 2, "both", 30)
        assert pid(server) not in old
        server.wait(lambda: not old & set(server.children()), "their end")
        assert len(server.children()) == 2


def test_one_that_hangs_strands_no_client(directory):
    with Fastrd("app:app", directory, "--workers", "2") as server:
        with asked(server, "/sleep?s=3"):
            assert all(server.get("/pid")[0] == 200 for _ in range(50))
            assert total(server, "requests_active") == 1  # it still sleeps


def test_what_is_slow_in_order_is_left_alone(directory):
    """A slow start, and requests that wait in a thread or on the loop."""
    with Fastrd("app:app", directory, "--worker-timeout", "1", env={"START": "2"}) as server:
        with asked(server, "/waits"):
            assert server.get("/thread?s=2")[0] == 200
        (worker,) = server.children()
        os.kill(worker, signal.SIGKILL)
        assert pid(server) != worker
        assert "not responded" not in server.log() and "blocked" not in server.log()


def test_the_server_that_was_stopped_with_its_worker_goes_on(directory):
    """As by Ctrl-Z at a terminal, and a frozen container: nobody was late."""
    with Fastrd("app:app", directory, "--worker-timeout", "1") as server:
        both = [server.process.pid, *server.children()]
        time.sleep(0.5)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for process in both:
                os.kill(process, number)
            time.sleep(2.5)
        assert server.children() == both[1:]
        assert "not responded" not in server.log() and "blocked" not in server.log()


def test_nobody_is_replaced_without_a_time_out(directory):
    flags = ("--worker-timeout", "0", "--blocked-warning", "0")
    with Fastrd("app:app", directory, *flags) as server:
        with asked(server, "/sleep?s=2.5") as conn:
            time.sleep(1.2)
            (board,) = boards(server)
            assert board.interpreter_ns > board.heartbeat_ns
            assert b"200 OK" in conn.recv(4096)
        assert "blocked" not in server.log() and "replaced" not in server.log()


# The worker's own warning.


@pytest.mark.parametrize(("path", "function"), [("/sleep?s=2.5", "sleeps"), ("/spin?s=2.5", "spins")])
def test_a_loop_that_is_blocked_is_shown(directory, path, function):
    with Fastrd("app:app", directory) as server:
        assert server.get(path)[0] == 200
        server.wait_log("info [worker 0] the event loop goes on after ")
        log, name = server.log(), path.partition("?")[0]
        text = rf'warning \[worker 0\] the event loop has been blocked for \d+\.\d s(?:: the machine is busy, .*)?; 1 request in hand: "GET {name}"\n'
        assert len(re.findall(text + r'(?:  .*\n)*  File ".*/app\.py", line \d+, in ' + function, log)) == 1


def test_c_code_that_kept_the_interpreter_is_named_when_it_goes_on(directory):
    with Fastrd("app:app", directory) as server:
        assert server.get("/held?s=3")[0] == 200
        server.wait_log("the event loop has been blocked for ")
        server.wait_log("worker 0 responds again after ")
        text = r"blocked for \d+\.\d s(?: by C code that kept the interpreter|: the machine is busy, .*); .*\n(?:  .*\n)*  File .* in held\n"
        assert re.search(text, server.log())


def test_warnings_do_not_fill_the_log(directory):
    with Fastrd("app:app", directory) as server:
        for _ in range(3):
            assert server.get("/sleep?s=1.6")[0] == 200
        assert server.log().count("the event loop has been blocked") == 1
