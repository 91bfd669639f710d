"""--preload and --spare: workers that need no import, and what forks must not share."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from server import BINARY, GATE, Fastrd
from written import children

APP = (
    GATE.replace("plain import App", "fastapi import FastAPI").replace("App()", "FastAPI()")
    + """
from contextlib import asynccontextmanager

with open("imports", "a") as file:
    file.write(f"{os.getpid()}\\n")
forks = []
os.register_at_fork(after_in_child=lambda: forks.append(os.getpid()))

@asynccontextmanager
async def lifespan(app):
    with open("lifespans", "a") as file:
        file.write(f"{os.getpid()}\\n")
    yield
    with open("shutdowns", "a") as file:
        file.write(f"{os.getpid()}\\n")

app.router.lifespan_context = lifespan

@app.get("/forks")
async def forked():
    return forks

@app.get("/random")
async def random_number():
    import random
    return random.random()

@app.get("/run")
async def run():
    process = await asyncio.create_subprocess_exec("true")
    return await process.wait()

@app.get("/plain")
def plain():
    return os.getpid()
"""
)


READY = "the spare of generation 1 is ready"


@pytest.fixture()
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def numbers(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def pid(server: Fastrd) -> int:
    status, content = server.get("/pid")
    assert status == 200
    return int(content)


def answers_again(server: Fastrd, gone: int) -> None:
    def another() -> bool:
        try:
            return pid(server) != gone
        except OSError:
            return False

    server.wait(another, "an answer of another worker")


def parent_of(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_workers_are_forks_of_one_import(directory):
    with Fastrd("app:app", directory, "--preload", "--workers", "2") as server:
        (zygote,) = numbers(directory / "imports")
        workers = set(server.children()) - {zygote}
        assert len(workers) == 2
        # Of the numbers of base/wire.h, that of the table.
        assert "fastrd-table" in os.readlink(f"/proc/{zygote}/fd/4")
        assert set(numbers(directory / "lifespans")) == workers
        assert server.process is not None
        assert {parent_of(worker) for worker in workers} == {server.process.pid}
        shown = [Path(f"/proc/{worker}/cmdline").read_bytes().split(b"\0") for worker in workers]
        assert sorted(words[6] for words in shown) == [b"name=worker 0", b"name=worker 1"]
        # The application's fork hooks have run, in the end in the worker itself.
        forks = eval(server.get("/forks")[1])
        assert forks[-1] in workers
        assert {server.get("/random")[1] for _ in range(4)} != {server.get("/random")[1]}
        assert server.get("/run") == (200, b"0")
        assert int(server.get("/plain")[1]) in workers
        assert "different table" not in server.log()


def test_a_worker_that_is_killed_is_forked_anew(directory):
    with Fastrd("app:app", directory, "--preload") as server:
        for _ in range(3):
            worker = pid(server)
            os.kill(worker, signal.SIGKILL)
            answers_again(server, worker)
        assert len(numbers(directory / "imports")) == 1


def test_a_reload_has_a_zygote_of_its_own_and_the_old_one_ends(directory):
    with Fastrd("app:app", directory, "--preload") as server:
        old = pid(server)
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        answers_again(server, old)
        server.wait(lambda: len(server.children()) == 2, "the end of the first generation")
        assert old in numbers(directory / "shutdowns")
        assert len(numbers(directory / "imports")) == 2


def test_after_a_refused_reload_the_old_code_is_there_again(directory):
    with Fastrd("app:app", directory, "--preload") as server:
        (directory / "app.py").write_text("1 / 0\n")
        server.signal(signal.SIGHUP)
        server.wait_log("reload failed, generation 1 serves on")
        worker = pid(server)
        os.kill(worker, signal.SIGKILL)
        answers_again(server, worker)


def test_a_zygote_that_dies_is_missed_but_not_needed(directory):
    with Fastrd("app:app", directory, "--preload") as server:
        (zygote,) = numbers(directory / "imports")
        worker = pid(server)
        os.kill(zygote, signal.SIGKILL)
        server.wait_log("zygote ended with signal 9 (Killed)")
        server.wait_log("workers of generation 1 are started anew, without shared memory, until ")
        os.kill(worker, signal.SIGKILL)
        answers_again(server, worker)
        assert len(numbers(directory / "imports")) == 2


def test_a_zygote_that_hangs_is_given_up(directory):
    with Fastrd("app:app", directory, "--preload") as server:
        (zygote,) = numbers(directory / "imports")
        worker = pid(server)
        os.kill(zygote, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        server.wait_log("the zygote of generation 1 has not forked worker 0 after ", 40)
        server.wait_log("workers of generation 1 are started anew, without shared memory, until ")
        server.wait_log("a worker serves again after ", 60)
        assert pid(server) != worker
        assert zygote not in server.children()
        # The next generation has one that works.
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        server.wait(lambda: len(server.children()) == 2, "the end of the first generation")
        worker = pid(server)
        os.kill(worker, signal.SIGKILL)
        answers_again(server, worker)
        assert len(numbers(directory / "imports")) == 3


HANGS = """
def hang():
    while os.path.exists("hang"):
        import time
        time.sleep(0.1)

os.register_at_fork(after_in_child=hang)
"""


def test_a_fork_that_hangs_keeps_neither_the_server_nor_its_port(directory):
    (directory / "app.py").write_text(APP + HANGS)
    hangs = directory / "hang"
    with Fastrd("app:app", directory, "--preload") as server:
        hangs.touch()
        server.signal(signal.SIGHUP)
        server.wait(lambda: len(numbers(directory / "imports")) == 2, "the second import")
        zygote = numbers(directory / "imports")[1]
        server.wait(lambda: children(zygote), "its fork")
        (fork,) = children(zygote)
        server.signal(signal.SIGTERM)
        server.process.wait(60)
        assert Path(f"/proc/{fork}").exists()
        again = Fastrd("app:app", directory, "--port", str(server.port))
        with again:
            assert pid(again)
        hangs.unlink()
        server.wait_gone(fork)


def test_what_is_forked_too_late_leaves(directory):
    with Fastrd("app:app", directory, "--preload", "--workers", "2") as server:
        (zygote,) = numbers(directory / "imports")
        workers = sorted(numbers(directory / "lifespans"))
        os.kill(zygote, signal.SIGSTOP)
        server.signal(signal.SIGTTIN)
        server.wait_log("3 workers")
        server.signal(signal.SIGTTOU)  # the third is not wanted any more
        server.wait_log("worker 2 has not ended after ")
        os.kill(zygote, signal.SIGCONT)
        server.signal(signal.SIGTTIN)
        server.wait_log("worker 2 serves as process ")
        started = sorted(numbers(directory / "lifespans"))
        assert len(started) == 3 and set(workers) < set(started)
        server.wait(lambda: set(server.children()) == {zygote, *started}, "its end")


NO_FORKS = """
real = os.fork

def fork():
    if os.path.exists("full"):
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return real()

os.fork = fork
"""


def test_a_zygote_that_cannot_fork_is_asked_again(directory):
    (directory / "app.py").write_text(APP + NO_FORKS)
    with Fastrd("app:app", directory, "--preload") as server:
        worker = pid(server)
        (directory / "full").touch()
        os.kill(worker, signal.SIGKILL)
        server.wait_log("cannot fork a worker: Resource temporarily unavailable; raise the limit")
        server.wait_log("error [master] worker 0 was not forked")
        (directory / "full").unlink()
        server.wait_log("a worker serves again after ")
        assert pid(server) != worker
        assert len(numbers(directory / "imports")) == 1


def test_forked_workers_end_when_the_master_is_killed(directory):
    with Fastrd("app:app", directory, "--preload", "--workers", "2") as server:
        children = server.children()
        assert len(children) == 3 and server.process is not None
        server.process.kill()
        server.process.wait()
        end = time.monotonic() + 20
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < end
            time.sleep(0.01)


def test_sigterm_drains_forked_workers(directory):
    with Fastrd("app:app", directory, "--preload") as server:
        worker = pid(server)
        with server.connect() as conn:
            conn.sendall(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.2)
            server.signal(signal.SIGTERM)
            time.sleep(0.2)
            (directory / "open").touch()
            assert str(worker).encode() in conn.recv(1000)
        assert server.process is not None
        assert server.process.wait(20) == 0
        assert numbers(directory / "shutdowns") == [worker]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "import threading; threading.Thread(target=lambda: __import__('time').sleep(60), "
            "name='poller', daemon=True).start()",
            "fastrd: --preload: importing the application left 1 thread running (poller), which "
            "its workers would not have; start them in the lifespan, or leave out --preload\n",
        ),
        ("1 / 0", "ZeroDivisionError: division by zero\n"),
    ],
)
def test_what_cannot_be_forked_is_refused(directory, line, text):
    (directory / "app.py").write_text(APP + line + "\n")
    done = subprocess.run(
        [BINARY, "--port", "0", "--preload", "app:app"], cwd=directory, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode in (2, 3)
    assert text in done.stderr


def test_a_connection_that_workers_would_share_is_named(directory):
    (directory / "app.py").write_text(
        APP
        + "import socket\nlistener = socket.create_server(('127.0.0.1', 0))\n"
        "client = socket.create_connection(listener.getsockname())\n"
    )
    with Fastrd("app:app", directory, "--preload") as server:
        assert "opened a connection to 127.0.0.1 port" in server.log()
        assert pid(server)


def test_a_spare_takes_the_place_of_a_worker(directory):
    with Fastrd("app:app", directory, "--spare", "1", "--log-level", "debug") as server:
        for n in range(1, 3):
            server.wait(lambda: server.log().count(READY) == n, "a spare")
            worker = pid(server)
            (spare,) = set(server.children()) - {worker}
            os.kill(worker, signal.SIGKILL)
            answers_again(server, worker)
            assert pid(server) == spare


def test_a_spare_has_the_old_code_after_a_refused_reload(directory):
    with Fastrd("app:app", directory, "--spare", "1", "--log-level", "debug") as server:
        server.wait_log(READY)
        (directory / "app.py").write_text("1 / 0\n")
        server.signal(signal.SIGHUP)
        server.wait_log("reload failed, generation 1 serves on")
        worker = pid(server)
        os.kill(worker, signal.SIGKILL)
        answers_again(server, worker)
        server.wait_log("no spare: importing 'app' failed: ZeroDivisionError: division by zero")
        assert pid(server)


def test_a_spare_ends_with_its_generation(directory):
    with Fastrd("app:app", directory, "--spare", "1") as server:
        server.wait(lambda: len(numbers(directory / "imports")) == 2, "a spare")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        server.wait(lambda: len(numbers(directory / "imports")) == 4, "another spare")
        server.wait(lambda: len(server.children()) == 2, "the end of the first generation")
        server.signal(signal.SIGTERM)
        assert server.process is not None
        assert server.process.wait(20) == 0
        assert "ended with" not in server.log()
