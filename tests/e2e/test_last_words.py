"""What the log says of processes that crash, hang or are cut off: who, and what they did."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from boards import total
from server import BINARY, Fastrd, fails

APP = """
import asyncio, ctypes, os
from contextlib import asynccontextmanager
from fastapi import BackgroundTasks, FastAPI

async def hang_in_shutdown(): await asyncio.sleep(100)

@asynccontextmanager
async def life(app):
    yield
    if os.path.exists("hang-shutdown"): await hang_in_shutdown()

app = FastAPI(lifespan=life)

@app.get("/segv")
async def segv(): ctypes.string_at(0)

@app.get("/abort")
def abort(): os.abort()

@app.get("/exit")
async def exit_(): os._exit(9)

@app.get("/wait/{n}")
async def wait(n: int): await asyncio.sleep(100)

@app.get("/spin")
async def spin():
    while True: pass

@app.get("/later")
async def later(tasks: BackgroundTasks):
    tasks.add_task(asyncio.sleep, 100)
"""


pytestmark = pytest.mark.usefixtures("crashes_on_purpose")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def ask(server: Fastrd, target: str) -> socket.socket:
    conn = server.connect()
    conn.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return conn


def wait_in_hand(server: Fastrd, n: int) -> None:
    server.wait(lambda: total(server, "requests_active") == n, f"{n} requests in hand")


# Crashes.


@pytest.mark.parametrize(
    ("path", "function", "ending"),
    [
        ("/segv", "segv", "signal 11 (Segmentation fault)"),
        ("/abort", "abort", "signal 6 (Aborted)"),
        ("/exit", "", "exit status 9"),
    ],
)
def test_a_crash_names_the_process_the_request_and_the_python_stack(
    directory, path, function, ending
):
    with Fastrd("app:app", directory) as server:
        (worker,) = server.children()
        ask(server, path).close()
        text = f'worker 0 ended with {ending}; process {worker}, 1 request in hand: "GET {path}"'
        server.wait_log(f"error [master] {text}\n")
        if function:
            assert re.search(rf'File ".*/app\.py", line \d+ in {function}\n', server.log())


@pytest.mark.parametrize(
    "target", ["/wait/1?token=SECRET", "http://secret/wait/1?token=SECRET", "/wait/1?#SECRET"]
)
def test_of_a_request_the_path_is_told_alone(directory, target):
    """The log is no place for what stands in a query."""
    with Fastrd("app:app", directory) as server, server.connect() as conn:
        conn.sendall(f"GET {target} HTTP/1.1\r\nHost: secret\r\n\r\n".encode())
        wait_in_hand(server, 1)
        os.kill(*server.children(), signal.SIGKILL)
        server.wait_log(', 1 request in hand: "GET /wait/1" (/wait/{n})\n')
        assert "secret" not in server.log().lower()


def test_of_many_requests_in_hand_some_are_named(directory):
    with Fastrd("app:app", directory) as server:
        assert server.get("/wait/none")[0] == 422
        waiting = [ask(server, f"/wait/{n}") for n in range(29)]
        wait_in_hand(server, 29)
        os.kill(*server.children(), signal.SIGKILL)
        server.wait_log(" 29 requests in hand: ")
        line = server.log().partition(" in hand: ")[2].splitlines()[0]
        named, _, more = line.rpartition(" and ")
        assert len(set(re.findall(r'"GET /wait/\d+" \(/wait/{n}\)', named))) == 5
        assert more == "24 more"
        for conn in waiting:
            conn.close()


def test_a_crash_at_rest_says_so(directory):
    with Fastrd("app:app", directory) as server:
        (worker,) = server.children()
        assert server.get("/nowhere")[0] == 404
        os.kill(worker, signal.SIGKILL)
        server.wait_log(f"ended with signal 9 (Killed); process {worker}, no request in hand\n")


# Ends that take too long.


def end(server: Fastrd, number: signal.Signals = signal.SIGTERM) -> str:
    """The log of a server that was told to end."""
    server.signal(number)
    assert server.process is not None
    assert server.process.wait(15) == 0
    return server.log()


def test_an_end_says_who_has_ordered_it_and_how_long_it_took(directory):
    with Fastrd("app:app", directory) as server:
        log = end(server)
        by = f"info [master] Terminated by process {os.getpid()}: ending, requests have 30 s\n"
        assert by in log
        assert re.search(r"info \[master\] ended after \d+\.\d s\n$", log)


def test_requests_that_are_cut_are_named(directory):
    with Fastrd("app:app", directory, "--timeout-graceful-shutdown", "1") as server:
        waiting = [ask(server, f"/wait/{n}") for n in range(2)]
        wait_in_hand(server, 2)
        log = end(server)
        line = log.partition("warning [worker 0] cut after 1 s: 2 requests in hand: ")[2]
        assert {f'"GET /wait/{n}" (/wait/{{n}})' for n in range(2)} == set(line.splitlines()[0].split(", "))
        for conn in waiting:
            conn.close()


def test_what_follows_answers_and_is_cut_is_named(directory):
    with Fastrd("app:app", directory, "--timeout-graceful-shutdown", "1") as server:
        assert server.get("/later")[0] == 200
        assert "warning [worker 0] cut after 1 s: what follows 1 answer\n" in end(server)


def test_nothing_is_cut_in_silence_or_told_without_a_cause(directory):
    with Fastrd("app:app", directory) as server:
        assert server.get("/nowhere")[0] == 404
        log = end(server)
        assert "cut" not in log and "warning" not in log and "error" not in log


def test_a_worker_that_is_killed_shows_where_it_is_stuck(directory):
    with Fastrd("app:app", directory, "--timeout-graceful-shutdown", "1") as server:
        with ask(server, "/spin"):
            wait_in_hand(server, 1)
            log = end(server)
        line = r'warning \[master\] worker 0 has not ended after 3\.\d s, it is killed: '
        assert re.search(line + '1 request in hand: "GET /spin"\n', log)
        assert re.search(r'File ".*/app\.py", line \d+ in spin\n', log)


def test_a_shutdown_of_the_application_that_hangs_is_named(directory):
    (directory / "hang-shutdown").touch()
    with Fastrd("app:app", directory, "--timeout-graceful-shutdown", "1") as server:
        log = end(server)
        assert "it is killed: running the application's shutdown\n" in log
        assert re.search(r'File ".*/app\.py", line \d+, in hang_in_shutdown\n', log)


def test_killing_at_the_second_int_is_told(directory):
    (directory / "hang-shutdown").touch()
    with Fastrd("app:app", directory) as server:
        server.signal(signal.SIGINT)
        server.wait_log("Interrupt by process")
        assert "Interrupt by process" in end(server, signal.SIGINT)
        assert ": killing what has not ended\n" in server.log()


# Starts.

# It is imported in no time, so that a short time-out finds it where it hangs.
HANGS = """
import os, time
from contextlib import asynccontextmanager

def hang_in_import(): time.sleep(100)
async def hang_in_start(): await __import__("asyncio").Event().wait()

if os.path.exists("hang-import"): hang_in_import()

@asynccontextmanager
async def life():
    if os.path.exists("hang-start"): await hang_in_start()
    yield

async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    await receive()
    async with life():
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
"""
SOON = ("--timeout-startup", "10")
GIVEN_UP = "the application did not start in time: it hangs while"


@pytest.fixture
def hanging(tmp_path: Path) -> Path:
    (tmp_path / "hangs.py").write_text(HANGS)
    return tmp_path


@pytest.mark.parametrize(
    ("where", "doing"),
    [("import", "importing the application"), ("start", "starting the application")],
)
def test_a_start_that_hangs_shows_where(hanging, where, doing):
    (hanging / f"hang-{where}").touch()
    status, text = fails("hangs:app", hanging, *SOON)
    assert status == 3
    assert re.search(rf" has not started after \d+\.\d s: {doing}; see --timeout-startup\n", text)
    assert re.search(rf'File ".*/hangs\.py", line \d+,? in hang_in_{where}\n', text)
    assert f"fastrd: {GIVEN_UP} {doing}; see --timeout-startup\n" in text


def test_a_reload_that_hangs_shows_where(hanging):
    with Fastrd("hangs:app", hanging, *SOON) as server:
        (hanging / "hang-import").touch()
        server.signal(signal.SIGHUP)
        server.wait_log(f"generation 1 serves on: {GIVEN_UP} importing the application")
        assert re.search(r'File ".*/hangs\.py", line \d+ in hang_in_import\n', server.log())


def test_a_replacement_that_hangs_shows_where(hanging):
    with Fastrd("hangs:app", hanging, *SOON) as server:
        (hanging / "hang-start").touch()
        os.kill(*server.children(), signal.SIGKILL)
        text = "s: starting the application; see --timeout"
        server.wait_log(text)
        server.wait_log("worker 0 ended with signal 9 (Killed) while starting the application")
        assert re.search(r'File ".*/hangs\.py", line \d+, in hang_in_start\n', server.log())


# What imports the application: serving, and the questions.
ASKED = [(), ("-t",), ("routes",)]
ENDED = "which called os._exit() or became a daemon; let it stay"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (
            "if os.fork(): os._exit(0)",
            f"ended with exit status 0 while importing the application, {ENDED}",
        ),
        (
            "os._exit(1)",
            f"ended with exit status 1 while importing the application, {ENDED}",
        ),
        (
            "os.closerange(3, 100)",
            "ended with exit status 87 while importing the application, which closed "
            "descriptors that it had not opened; let it close its own only",
        ),
        (
            "os.close(4); os.open('/dev/null', 0)",
            "ended with exit status 87 while importing the application, which closed "
            "descriptors that it had not opened; let it close its own only",
        ),
    ],
)
@pytest.mark.parametrize("command", ASKED)
def test_what_an_import_does_to_its_process_is_the_applications(directory, command, code, text):
    (directory / "app.py").write_text(f"{APP}\n{code}\n")
    status, said = fails("app:app", directory, *command)
    # The fork has its own line, before or after.
    assert status == 3
    assert re.search(rf"^fastrd: (worker 0|the process that loads it) {re.escape(text)}$", said, re.M)


@pytest.mark.parametrize("command", ASKED)
def test_an_import_that_crashes_shows_where(directory, command):
    (directory / "app.py").write_text(f"{APP}\nctypes.string_at(0)\n")
    status, text = fails("app:app", directory, *command)
    assert status == 3
    assert "ended with signal 11 (Segmentation fault) while importing" in text
    assert re.search(r'File ".*/app\.py", line \d+ in <module>\n', text)


@pytest.mark.parametrize("command", ASKED[1:])
def test_a_question_shows_where_the_import_hangs(hanging, command):
    (hanging / "hang-import").touch()
    status, text = fails("hangs:app", hanging, *SOON, *command)
    assert status == 3
    assert re.search(r'File ".*/hangs\.py", line \d+ in hang_in_import\n', text)
    assert text.endswith(f"fastrd: {GIVEN_UP} importing the application; see --timeout-startup\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_question_that_is_ended_leaves_no_process(directory, number):
    code = "import time\nprint('imports', flush=True)\ntime.sleep(100)\n"
    (directory / "app.py").write_text(code)
    command = [BINARY, "-t", "app:app"]
    with subprocess.Popen(
        command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as asked:
        assert asked.stdout is not None and asked.stdout.readline() == b"imports\n"
        asked.send_signal(number)
        assert asked.stdout.read() == b""  # the end of all that could write
        assert asked.wait() == -number


def test_a_start_that_closes_descriptors_is_named(directory):
    life = "@asynccontextmanager\nasync def life(app):\n"
    (directory / "app.py").write_text(APP.replace(life, life + "    os.closerange(3, 100)\n"))
    status, text = fails("app:app", directory)
    assert status == 3
    assert "while starting the application, which closed descriptors that it had not opened" in text
    assert "fastrd itself failed" not in text
