"""Signals as the application in a worker sees them: its own handlers, and the programs
that it starts."""

from __future__ import annotations

import os
import signal
import time

import pytest
from server import Fastrd, read_until

ENDLESS = """
import asyncio, os, signal, sys
from contextlib import asynccontextmanager
from plain import App

ended = asyncio.Event()

def end(*_):
    print("told", flush=True)
    ended.set()

def chained():
    before = signal.getsignal(signal.SIGTERM)
    def handler(number, frame):
        end()
        before(number, frame)
    signal.signal(signal.SIGTERM, handler)

def replaced():
    signal.signal(signal.SIGTERM, end)

def leaving():
    def handler(number, frame):
        end()
        sys.exit(0)
    signal.signal(signal.SIGTERM, handler)

def on_the_loop():
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)

def of_uvicorn():
    from uvicorn.main import Server
    before = Server.handle_exit
    def handle_exit(*args, **kwargs):
        end()
        before(*args, **kwargs)
    Server.handle_exit = handle_exit

if os.environ["WHEN"] == "import":
    {how}()

@asynccontextmanager
async def lifespan(app):
    if os.environ["WHEN"] == "lifespan":
        {how}()
    yield
    print("cleaned up", flush=True)

app = App(lifespan=lifespan)

@app.get("/events")
async def events():
    while not ended.is_set():
        yield b"data: 1\\n\\n"
        await asyncio.sleep(0.02)
    yield b"data: last\\n\\n"
"""


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(
    ("how", "when"),
    [
        ("chained", "lifespan"), ("chained", "import"), ("replaced", "lifespan"),
        ("leaving", "lifespan"), ("on_the_loop", "lifespan"), ("of_uvicorn", "import"),
    ],
)  # fmt: skip
def test_the_applications_handler_of_term_runs_and_ends_an_endless_stream(
    tmp_path, how, when, order
):
    (tmp_path / "app.py").write_text(ENDLESS.replace("{how}", how))
    with Fastrd("app:app", tmp_path, env={"WHEN": when}) as server, server.connect() as conn:
        conn.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
        assert conn.recv(1000).startswith(b"HTTP/1.1 200 ")
        server.signal(order)
        # Whole, and long before the deadline of 30 seconds (which would cut it).
        rest = read_until(conn, b"0\r\n\r\n")
        assert b"data: last" in rest
        if order == signal.SIGHUP:
            server.wait_log("cleaned up")
            # The next generation has the connection.
            conn.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            assert conn.recv(1000).startswith(b"HTTP/1.1 404 ")
        else:
            assert conn.recv(1000) == b"" and server.process.wait(25) == 0
        log = server.log()
        assert log.count("told") == log.count("cleaned up") == 1
        assert "Traceback" not in log and "error" not in log


def test_a_worker_told_by_the_system_runs_the_applications_handler_and_drains(tmp_path):
    (tmp_path / "app.py").write_text(ENDLESS.replace("{how}", "chained"))
    with Fastrd("app:app", tmp_path, env={"WHEN": "lifespan"}) as server:
        (worker,) = server.children()
        server.signal_child(worker, signal.SIGTERM)
        server.wait(lambda: worker not in server.children(), "its end")
        assert server.log().count("told") == server.log().count("cleaned up") == 1


STARTER = """
import asyncio, os, signal, subprocess, sys
from plain import App

app = App()

@app.get("/look")
def look():
    # Python itself ignores PIPE and XFSZ, and subprocess undoes that.
    command = ["grep", "-E", "SigBlk|SigIgn", "/proc/self/status"]
    return [int(line.split()[1], 16) for line in subprocess.check_output(command, text=True).splitlines()]

@app.get("/end")
async def end(number: int):
    process = await asyncio.create_subprocess_exec("sleep", "60")
    process.send_signal(number)
    return await process.wait()

@app.get("/callable")
async def callable_():
    return [callable(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM)]
"""


@pytest.mark.parametrize("nohup", [False, True])
def test_programs_of_the_application_have_every_signal_at_its_default(tmp_path, nohup):
    (tmp_path / "app.py").write_text(STARTER)

    def as_nohup_does() -> None:
        if nohup:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with Fastrd("app:app", tmp_path, before=as_nohup_does) as server:
        assert server.get("/look")[1] == b"[0,0]"
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE, signal.SIGQUIT):
            assert server.get(f"/end?number={int(number)}") == (200, b"%d" % -number)


def test_workers_leave_hup_and_int_to_the_master(tmp_path):
    (tmp_path / "app.py").write_text(STARTER)
    with Fastrd("app:app", tmp_path) as server:
        (worker,) = server.children()
        assert server.get("/callable")[1] == b"[true,true]"
        for _ in range(3):
            os.kill(worker, signal.SIGHUP)
            os.kill(worker, signal.SIGINT)
            time.sleep(0.02)
        assert server.get("/callable")[0] == 200
        assert server.children() == [worker]


TOLD_AGAIN = """
import atexit, os, signal
from plain import App

app = App()

def at_exit():
    os.kill(os.getpid(), signal.SIGTERM)
    print("at exit", flush=True)

atexit.register(at_exit)
"""


def test_a_worker_that_has_ended_its_loop_may_be_told_once_more(tmp_path):
    """Whoever ends a whole group of processes tells the workers, and the master does, too."""
    (tmp_path / "app.py").write_text(TOLD_AGAIN)
    with Fastrd("app:app", tmp_path) as server:
        server.signal(signal.SIGTERM)
        assert server.process.wait(25) == 0
        log = server.log()
        assert log.count("at exit") == 1
        assert "Traceback" not in log and "exit status" not in log
