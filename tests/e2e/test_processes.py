"""Reload, death, drain."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest
from boards import total
from server import GATE, Fastrd


def worker_pid(server: Fastrd) -> int:
    return int(server.get("/pid")[1])


def test_term_lets_requests_finish_and_exits_0(plain_dir):
    with Fastrd("app:app", plain_dir) as server:
        got = []
        thread = threading.Thread(target=lambda: got.append(server.get("/slow?s=1")))
        thread.start()
        time.sleep(0.3)
        server.signal(signal.SIGTERM)
        thread.join()
        assert got == [(200, b'"done"')]
        assert server.process.wait(25) == 0


def test_drain_has_a_deadline(plain_dir):
    with (
        Fastrd("app:app", plain_dir, "--timeout-graceful-shutdown", "1") as server,
        server.connect() as conn,
    ):
        conn.sendall(b"GET /slow?s=60 HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(0.3)
        server.signal(signal.SIGTERM)
        assert server.process.wait(25) == 0
        assert conn.recv(100) == b""


AFTER_THE_ANSWER = """
import asyncio, os, time
from contextlib import asynccontextmanager
from fastapi import BackgroundTasks, Depends, FastAPI

@asynccontextmanager
async def lifespan(app):
    yield
    print("lifespan is over", flush=True)

app = FastAPI(lifespan=lifespan)

async def background():
    while not os.path.exists("go"):
        await asyncio.sleep(0.01)
    print("its work is done", flush=True)

def plain_background():
    while not os.path.exists("go"):
        time.sleep(0.01)
    print("its work is done", flush=True)

async def dependency():
    yield 1
    await background()

@app.get("/background")
async def get_background(tasks: BackgroundTasks):
    tasks.add_task(background)

@app.get("/plain")
def get_plain(tasks: BackgroundTasks):
    tasks.add_task(plain_background)

@app.get("/dependency")
async def get_dependency(d=Depends(dependency)):
    pass
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("path", ["/background", "/plain", "/dependency"])
def test_what_follows_an_answer_finishes_before_the_lifespan_ends(tmp_path, path, number):
    (tmp_path / "app.py").write_text(AFTER_THE_ANSWER)
    with Fastrd("app:app", tmp_path) as server:
        assert server.get(path) == (200, b"null")
        server.signal(number)
        if number == signal.SIGHUP:
            server.wait_log("generation 2 serves")
        time.sleep(0.3)
        (tmp_path / "go").touch()
        if number == signal.SIGHUP:
            server.wait_log("lifespan is over")
        else:
            assert server.process.wait(25) == 0
        work, _, rest = server.log().partition("lifespan is over")
        assert "its work is done" in work and "Traceback" not in work + rest


def test_hup_loads_new_code_without_losing_a_request(plain_dir):
    with Fastrd("app:app", plain_dir, "--workers", "2") as server:
        failures, stop = [], threading.Event()
        answered = 0

        def ask() -> None:
            nonlocal answered
            while not stop.is_set():
                try:
                    assert server.get("/")[0] == 200
                    answered += 1
                except Exception as exc:
                    failures.append(exc)

        thread = threading.Thread(target=ask)
        thread.start()
        before = worker_pid(server)
        (plain_dir / "app.py").write_text(
            (plain_dir / "app.py").read_text().replace('{"hello": "world"}', '{"hello": "again"}')
        )
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        server.wait(lambda: server.get("/")[1] == b'{"hello":"again"}', "the new code")
        server.wait(lambda: len(server.children()) == 2, "the old generation's end")
        stop.set()
        thread.join()
        assert failures == [] and answered > 10
        assert worker_pid(server) != before


class Asker:
    """Asks again and again on a connection, and takes a new one after an answer that says
    ``Connection: close``, as that is the only notice there is."""

    def __init__(self, server: Fastrd) -> None:
        self.server, self.answered, self.lost, self.stop = server, 0, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        conn = self.server.connect()
        while not self.stop.is_set():
            answer = b""
            try:
                conn.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = conn.recv(65536)
            except ConnectionError:
                pass
            self.answered += answer.endswith(b"}")
            self.lost += not answer
            if not answer or b"connection: close" in answer:
                conn.close()
                conn = self.server.connect()
        conn.close()


def test_reloads_lose_no_request_on_kept_connections(plain_dir):
    with Fastrd("app:app", plain_dir, "--workers", "2") as server:
        askers = [Asker(server) for _ in range(12)]
        for generation in (2, 3, 4):
            server.signal(signal.SIGHUP)
            server.wait_log(f"generation {generation} serves")
            server.wait(lambda: len(server.children()) == 2, "the old generation's end")
        for asker in askers:
            asker.stop.set()
            asker.thread.join()
        assert sum(asker.answered for asker in askers) > 1000
        assert sum(asker.lost for asker in askers) == 0


def test_a_reload_that_fails_keeps_the_old_generation(plain_dir):
    with Fastrd("app:app", plain_dir) as server:
        good = (plain_dir / "app.py").read_text()
        (plain_dir / "app.py").write_text(good + "\nraise RuntimeError('broken')\n")
        server.signal(signal.SIGHUP)
        server.wait_log("reload failed, generation 1 serves on")
        assert server.get("/") == (200, b'{"hello":"world"}')
        (plain_dir / "app.py").write_text(good)
        server.signal(signal.SIGHUP)
        server.wait_log("generation 3 serves")


def test_a_killed_worker_is_replaced_and_the_master_stays(plain_dir):
    with Fastrd("app:app", plain_dir) as server:
        for _ in range(3):
            before = worker_pid(server)
            time.sleep(1.1)
            os.kill(before, signal.SIGKILL)

            def answered() -> bool:
                try:
                    return worker_pid(server) != before
                except (OSError, ValueError, IndexError):
                    return False

            server.wait(answered, "a new worker")
        assert server.log().count("ended with signal 9") == 3


def test_a_worker_that_dies_young_is_replaced_later_and_later(tmp_path):
    (tmp_path / "app.py").write_text(
        "import os, threading\n"
        "from plain import App\n"
        "app = App()\n"
        "if os.environ.get('FASTRD_CHILD') == 'serve' and os.path.exists('armed'):\n"
        "    os._exit(9)\n"
        "@app.get('/pid')\n"
        "async def pid(): return os.getpid()\n"
    )
    with Fastrd("app:app", tmp_path, "--log-level", "debug") as server:
        (tmp_path / "armed").touch()
        os.kill(worker_pid(server), signal.SIGKILL)
        since, text = time.monotonic(), "worker 0 of generation 1 starts as"
        server.wait(lambda: server.log().count(text) == 6, "five replacements")
        # Waits of 0.1, 0.2, 0.4 and 0.8 s lie between them at least.
        assert time.monotonic() - since > 1.5
        # The same each time: said once.
        assert server.log().count("ended with exit status 9") == 1
        (tmp_path / "armed").unlink()
        server.wait(lambda: server.get("/pid")[0] == 200, "a worker that lives")


def test_workers_notice_the_masters_death(plain_dir):
    with Fastrd("app:app", plain_dir, "--workers", "2") as server:
        children = server.children()
        assert len(children) == 2
        server.signal(signal.SIGKILL)
        server.process.wait()
        end = time.monotonic() + 10
        while any(os.path.exists(f"/proc/{pid}") for pid in children):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_ttin_and_ttou_change_the_number_of_workers(plain_dir):
    with Fastrd("app:app", plain_dir) as server:
        server.signal(signal.SIGTTIN)
        server.wait(lambda: len(server.children()) == 2, "two workers")
        server.signal(signal.SIGTTOU)
        server.wait(lambda: len(server.children()) == 1, "one worker")
        assert server.get("/")[0] == 200


def test_ttin_and_ttou_during_a_reload_are_kept(plain_dir):
    app = (plain_dir / "app.py").read_text()
    (plain_dir / "app.py").write_text(app + "\nwhile os.path.exists('hold'): time.sleep(0.02)\n")
    with Fastrd("app:app", plain_dir) as server:
        (plain_dir / "hold").touch()
        for number in (signal.SIGTTIN, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTTIN):
            server.signal(signal.SIGHUP)
            server.wait_log("reloading")
            server.signal(number)
            # Two signals of one number that are not taken yet become one.
            server.wait(lambda: not pending(server, number), "the signal")
        (plain_dir / "hold").unlink()
        server.wait_log("generation 2 serves")
        server.wait_log("info [master] 3 workers")
        server.wait(lambda: server.log().count(" serves: ") == 2, "the reload behind it")
        server.wait(lambda: len(server.children()) == 3, "three workers")


def pending(server: Fastrd, number: int) -> bool:
    with open(f"/proc/{server.process.pid}/status") as status:
        (mask,) = (line.split()[1] for line in status if line.startswith("ShdPnd:"))
    return bool(int(mask, 16) & 1 << number - 1)


def test_a_worker_that_is_sent_term_drains_and_another_takes_its_place(tmp_path):
    (tmp_path / "app.py").write_text(GATE)
    with Fastrd("app:app", tmp_path) as server, server.connect() as conn:
        old = worker_pid(server)
        conn.sendall(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
        server.wait(lambda: total(server, "requests_active") == 1, "the request in hand")
        server.signal_child(old, signal.SIGTERM)
        server.wait_log("info [master] worker 0 was sent SIGTERM: another takes its place, then it drains")
        # Nobody waits for the end of the one that drains.
        server.wait(lambda: worker_pid(server) != old, "the next worker")
        assert os.path.exists(f"/proc/{old}")
        (tmp_path / "open").touch()
        assert conn.recv(1000).startswith(b"HTTP/1.1 200 ")
        server.wait_log("info [master] worker 0 ended with exit status 0")
        assert " error " not in server.log()
