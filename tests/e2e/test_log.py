"""One log: the same layout and the same level for every process, in C and in Python."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest
from boards import total
from server import BINARY, Fastrd, read_all

FILES = 40
LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (?P<pid>\d+) (?P<level>debug|info|warning|error) "
    r"\[(?P<name>master|zygote|spare|worker \d+)\] (?P<text>\S.*)"
)
APP = """
import asyncio, logging, threading
from fastapi import FastAPI

app = FastAPI()

@app.get("/error")
async def error():
    raise ValueError("on purpose, \\x1b[31m in red")

class Dropped:
    def __del__(self): raise ValueError("dropped")

async def fails(): raise ValueError("task")

def thread(): raise ValueError("thread")

@app.get("/nobody")
async def nobody():
    # What goes wrong where nobody can catch it.
    Dropped()
    threading.Thread(target=thread, name="mine").start()
    asyncio.get_running_loop().create_task(fails())
    fails()
    await asyncio.sleep(0)
    logging.getLogger("nobodys").warning("without a handler")
"""


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def matches(server: Fastrd) -> list[re.Match[str]]:
    """Every line behind the banner, tracebacks left out."""
    rows = re.split(r"  details  .*\n", server.log())[1].splitlines()
    rows = [row for row in rows if not row.startswith((" ", "Traceback", "ValueError"))]
    found = [LINE.fullmatch(row) for row in rows]
    assert None not in found, server.log()
    return [match for match in found if match]


def lines(server: Fastrd) -> list[tuple[str, ...]]:
    """(level, process, text) of each."""
    return [match.group("level", "name", "text") for match in matches(server)]


@contextlib.contextmanager
def out_of_descriptors(server: Fastrd) -> Iterator[None]:
    """More connections than the server can take: its C code has something to say."""
    with contextlib.ExitStack() as stack:
        for _ in range(FILES):
            stack.enter_context(server.connect())
        yield


def test_lines_of_c_and_of_python_look_alike(directory):
    with Fastrd("app:app", directory, files=(FILES, FILES)) as server:
        assert server.get("/error")[0] == 500
        with out_of_descriptors(server):
            server.wait_log("cannot accept")
        server.wait_log("ValueError: on purpose")
        found = lines(server)
        assert ("error", "worker 0", "Exception in ASGI application") in found
        text = "cannot accept connections, pausing: Too many open files"
        assert ("warning", "worker 0", text) in found
        assert "\x1b" not in server.log()
        assert "on purpose, \\x1b[31m in red" in server.log()


def test_what_python_itself_prints_looks_like_the_rest(directory):
    with Fastrd("app:app", directory) as server:
        assert server.get("/nobody")[0] == 200
        texts = (
            "error [worker 0] Exception ignored in: <function Dropped.__del__",
            "error [worker 0] Exception in thread mine",
            "error [worker 0] Task exception was never retrieved",
            "warning [worker 0] without a handler",
        )
        for text in texts:
            server.wait_log(text)
        warned = r"warning \[worker 0\] .*/app\.py:\d+: RuntimeWarning: coroutine 'fails' was never"
        assert re.search(warned, server.log())


def test_each_line_has_the_number_of_its_process(directory):
    """A slot's next worker has the same name."""
    with Fastrd("app:app", directory, files=(FILES, FILES)) as server:
        (worker,) = server.children()
        assert server.get("/error")[0] == 500
        with out_of_descriptors(server):
            server.wait_log("cannot accept")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        found = {(match["name"], int(match["pid"])) for match in matches(server)}
        assert found == {("master", server.process.pid), ("worker 0", worker)}


def test_the_worker_that_loads_has_its_name(directory):
    path = directory / "app.py"
    path.write_text('import fastapi\nfastapi.__version__ = "0.114.0"\n' + path.read_text())
    with Fastrd("app:app", directory) as server:
        assert re.search(r"warning \[worker 0\] served through ASGI as a whole: ", server.log())


@pytest.mark.parametrize("level", ["error", "critical"])
def test_the_level_silences_workers_too(directory, level):
    flags = ["--log-level", level]
    with Fastrd("app:app", directory, *flags, files=(FILES, FILES)) as server:
        assert server.get("/error")[0] == 500
        with out_of_descriptors(server):
            server.wait(lambda: total(server, "accept_errors") > 0, "a connection too many")
        server.wait_log("ValueError: on purpose")
        assert {line[0] for line in lines(server)} == {"error"}


@pytest.mark.parametrize("level", ["debug", "trace"])
def test_debug_shows_what_happens_inside(directory, level):
    with Fastrd("app:app", directory, "--log-level", level) as server:
        server.signal(signal.SIGHUP)
        server.wait_log("generation 1: gone")
        shown = {line[1:] for line in lines(server) if line[0] == "debug"}
        assert ("master", "generation 2: loaded") in shown
        assert ("master", "generation 1: draining") in shown
        assert ("worker 0", "draining: 0 connections, 0 requests") in shown
        drained = r"info \[master\] worker 0 of generation 1 drained in \d+\.\d s\n"
        assert re.search(drained, server.log())
        assert any(text.startswith("worker 0 of generation 2 starts as ") for _, text in shown)


def test_debug_lines_are_not_shown_unasked(directory):
    with Fastrd("app:app", directory) as server:
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert not [line for line in lines(server) if line[0] == "debug"]


UVICORN = """
import contextlib, logging, sys
from fastapi import FastAPI

@contextlib.asynccontextmanager
async def lifespan(app):
    logging.getLogger("uvicorn.error").info("started by %s", "uvicorn.error")
    access = logging.getLogger("uvicorn.access")
    access.handlers[0].setFormatter(logging.Formatter("ACCESS %(message)s"))
    access.info("as the application wants it")
    app.logger = logging.getLogger("app")
    app.logger.handlers = logging.getLogger("gunicorn.error").handlers
    app.logger.setLevel(logging.getLogger("gunicorn.error").level)
    app.logger.info("through gunicorn's handler")
    yield
    logging.getLogger("uvicorn").warning("stopped")

app = FastAPI(lifespan=lifespan)
"""


def test_what_applications_log_as_other_servers_do_is_shown(directory):
    (directory / "app.py").write_text(UVICORN)
    with Fastrd("app:app", directory) as server:
        pass
    shown = {match.group("level", "name", "text") for match in map(LINE.fullmatch, server.log().splitlines()) if match}
    assert ("info", "worker 0", "started by uvicorn.error") in shown
    assert ("info", "worker 0", "through gunicorn's handler") in shown
    assert ("warning", "worker 0", "stopped") in shown
    assert server.log().splitlines().count("ACCESS as the application wants it") == 1


COMPLAINS = """
import asyncio, os
from fastapi import FastAPI

app = FastAPI()

class Broken:
    def __del__(self):
        raise ValueError("in __del__")

def broken():
    raise ValueError("in a callback")

async def dies():
    raise ValueError("in a task")

@app.get("/fill")
async def fill():
    # Opened again: the descriptor itself stays as it is.
    again = os.open("/proc/self/fd/2", os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(again, b"x" * 4095 + b"\\n")
    except BlockingIOError:
        os.close(again)

@app.get("/complain")
async def complain():
    Broken()
    asyncio.get_running_loop().call_soon(broken)
    asyncio.get_running_loop().create_task(dies())
    await asyncio.sleep(0.01)
    raise ValueError("in a request")

@app.get("/")
async def root(): return "alive"
"""


def test_a_worker_that_complains_to_nobody_serves_on_and_says_how_much_was_lost(tmp_path):
    (tmp_path / "app.py").write_text(COMPLAINS)
    read, write = os.pipe()
    command = [BINARY, "--uds", "socket", "app:app"]

    def get(path: str) -> bytes:
        with socket.socket(socket.AF_UNIX) as conn:
            conn.settimeout(20)
            conn.connect(str(tmp_path / "socket"))
            conn.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return read_all(conn)

    with subprocess.Popen(command, cwd=tmp_path, stderr=write) as master:
        os.close(write)
        try:
            said = b""
            while b"routes " not in said:
                said += os.read(read, 4096)
            assert get("/fill").startswith(b"HTTP/1.1 200 ")
            for _ in range(3):
                assert get("/complain").startswith(b"HTTP/1.1 500 ")
                assert get("/").endswith(b'"alive"')
            said = b""
            while not said.endswith(b"x\n") or len(said) < 60_000:
                said += os.read(read, 1 << 20)
            assert b"Error" not in said
            assert get("/complain").startswith(b"HTTP/1.1 500 ")
            while b"in a request" not in said:
                said += os.read(read, 1 << 20)
            master.terminate()
            assert master.wait(20) == 0
        finally:
            os.close(read)  # whoever waits for a reader gets an error
            master.kill()
    log = said.decode()
    assert re.search(r" warning \[worker 0\] \d+ messages? lost: standard error was not read in time\n", log)
    for where in ("in __del__", "in a callback", "in a task", "in a request"):
        assert f"ValueError: {where}" in log
    assert len(re.findall(r" error \[worker 0\] ", log)) == 4
