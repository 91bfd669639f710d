"""What operators and applications do to a server, by accident or in despair."""

from __future__ import annotations

import collections
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

import pytest
from server import BINARY, Fastrd

APP = """
import asyncio, ctypes, os, signal, subprocess, sys, time
from contextlib import asynccontextmanager
from plain import App

@asynccontextmanager
async def life(app):
    while os.path.exists("hold"):
        await asyncio.sleep(0.02)
    if os.path.exists("armed"):
        asyncio.get_running_loop().call_later(0.05, os._exit, 7)
    if os.path.exists("term"):
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        open("term", "w").write("awaited")
        await ended.wait()
    if os.path.exists("broken") or os.path.exists("term"):
        raise RuntimeError("broken")
    yield

app = App(lifespan=life)

@app.get("/")
async def root(): return "ok"

@app.get("/wait")
async def wait():
    while not os.path.exists("go"):
        await asyncio.sleep(0.02)

@app.get("/spin")
async def spin():
    while True: pass

@app.get("/exit")
async def exit(): os._exit(0)

@app.get("/abort")
async def abort(): os.abort()

@app.get("/session")
async def session(): os.setsid()

@app.get("/parent")
async def parent(): os.kill(os.getppid(), signal.SIGKILL)

@app.get("/say")
async def say(text: str): os.write(3, text.encode())

@app.get("/print")
def print_(mb: int):
    for _ in range(mb * 1024): print("x" * 1023)

FDS = "import os; print(*(os.readlink(f'/proc/self/fd/{n}') for n in range(3, 100)" \\
    " if os.path.exists(f'/proc/self/fd/{n}')))"

@app.get("/descriptors")
def descriptors(close: bool):
    command = [sys.executable, "-c", FDS]
    return subprocess.run(command, close_fds=close, capture_output=True, text=True).stdout

@app.get("/fork")
async def fork():
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return pid

@app.get("/fork-in-c")
async def fork_in_c():
    pid = ctypes.CDLL(None).fork()
    if pid == 0:
        ctypes.CDLL(None).sleep(60)
        os._exit(0)
    return [os.getpid(), pid]

@app.get("/signals")
def signals():
    status = dict(line.split(":\\t") for line in open("/proc/self/status"))
    return [int(status[name], 16) for name in ("SigBlk", "SigIgn")]
"""


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def start_of(pid: int) -> str:
    """Tells a process from a later one with the same number; empty: it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if text[0] == "Z" else text[19]


def wait_gone(processes: dict[int, str], seconds: float = 20) -> None:
    assert processes, "there was nobody who could go"
    end = time.monotonic() + seconds
    alive = {pid: start for pid, start in processes.items() if start}
    while left := [pid for pid, start in alive.items() if start_of(pid) == start]:
        assert time.monotonic() < end, f"left: {left}"
        time.sleep(0.02)


def living(server: Fastrd) -> dict[int, str]:
    return {pid: start_of(pid) for pid in server.children()}


def workers(server: Fastrd) -> set[int]:
    """The workers among the children."""

    def is_worker(pid: int) -> bool:
        try:
            return b"role=worker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    return {pid for pid in server.children() if is_worker(pid)}


def kill_the_worker(server: Fastrd) -> None:
    """Kill the only worker, and wait until the master has taken note of its death."""
    server.wait(lambda: len(server.children()) == 1, "a worker")
    (pid,) = server.children()
    os.kill(pid, signal.SIGKILL)
    server.wait(lambda: pid not in server.children(), "its end is read by the master")


def answers(server: Fastrd) -> bool:
    try:
        return server.get("/") == (200, b'"ok"')
    except (OSError, IndexError):
        return False


def ask(server: Fastrd, path: str) -> socket.socket:
    conn = server.connect()
    conn.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode())
    return conn


# The master and its children, killed.


def test_a_worker_that_could_not_be_started_is_tried_again(app_dir):
    with Fastrd("app:app", app_dir) as server:
        master = server.process.pid
        before = resource.prlimit(master, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{master}/fd"))
        resource.prlimit(master, resource.RLIMIT_NOFILE, (used - 2, before[1]))
        os.kill(*living(server), signal.SIGKILL)
        server.wait_log("cannot start worker 0: Too many open files; raise the limit")
        resource.prlimit(master, resource.RLIMIT_NOFILE, before)
        server.wait(lambda: answers(server), "the next try")


def test_a_worker_that_is_killed_while_it_loads_fails_only_its_reload(app_dir):
    with Fastrd("app:app", app_dir) as server:
        before = server.children()
        server.signal(signal.SIGHUP)
        server.wait(lambda: len(server.children()) == 2, "the first worker")
        (loading,) = set(server.children()) - set(before)
        os.kill(loading, signal.SIGKILL)
        server.wait_log("generation 1 serves on: worker 0 ended with signal 9 (Killed)")
        assert server.children() == before
        assert answers(server)
        server.signal(signal.SIGHUP)
        server.wait_log("generation 3 serves")


@pytest.mark.parametrize("module", ["importing", "app"])
def test_a_master_killed_at_the_start_leaves_nothing(app_dir, module):
    (app_dir / "importing.py").write_text("import time\ntime.sleep(60)\n")
    (app_dir / "hold").touch()
    with subprocess.Popen([BINARY, "--port", "0", f"{module}:app"], cwd=app_dir) as master:
        path = Path(f"/proc/{master.pid}/task/{master.pid}/children")
        seen: set[str] = set()
        while not seen:
            seen.update(path.read_text().split())
            time.sleep(0.01)
        time.sleep(1)  # it imports, or its lifespan runs
        children = {int(pid): start_of(int(pid)) for pid in path.read_text().split()}
        master.kill()
    wait_gone(children, 5)


def test_a_master_killed_with_a_stuck_worker_leaves_nothing(app_dir):
    flags = ("--workers", "2", "--timeout-graceful-shutdown", "1")
    with Fastrd("app:app", app_dir, *flags) as server, ask(server, "/spin"):
        time.sleep(0.2)
        children = living(server)
        server.signal(signal.SIGKILL)
        server.process.wait()
        wait_gone(children)


def test_an_application_that_kills_the_master_ends(app_dir):
    with Fastrd("app:app", app_dir) as server:
        children = living(server)
        assert server.get("/parent")[0] == 200
        assert server.process.wait(25) == -signal.SIGKILL
        wait_gone(children)


@pytest.mark.parametrize(
    ("path", "ending"),
    [("/exit", "exit status 0"), ("/abort", "signal 6 (Aborted)")],
)
@pytest.mark.usefixtures("crashes_on_purpose")
def test_a_worker_that_ends_itself_is_replaced(app_dir, path, ending):
    with Fastrd("app:app", app_dir) as server:
        ask(server, path).close()
        server.wait_log(f"worker 0 ended with {ending}")
        server.wait(lambda: answers(server), "a new worker")


def test_a_worker_with_a_session_of_its_own_is_still_ours(app_dir):
    with Fastrd("app:app", app_dir) as server:
        assert server.get("/session")[0] == 200
        children = living(server)
        server.signal(signal.SIGTERM)
        assert server.process.wait(25) == 0
        wait_gone(children)


# Stopped, stuck and hanging ones.


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_worker_does_not_hold_up_a_drain(app_dir, order):
    with Fastrd("app:app", app_dir, "--timeout-graceful-shutdown", "1") as server:
        stopped = living(server)
        os.kill(*stopped, signal.SIGSTOP)
        server.signal(order)
        if order == signal.SIGTERM:
            assert server.process.wait(25) == 0
        else:
            server.wait_log("generation 2 serves")
            assert answers(server)
        wait_gone(stopped)


def test_a_replacement_that_hangs_is_replaced(app_dir):
    with Fastrd("app:app", app_dir, "--timeout-startup", "8") as server:
        (app_dir / "hold").touch()
        os.kill(*living(server), signal.SIGKILL)
        server.wait_log("starting the application; see --timeout-startup")
        (app_dir / "hold").unlink()
        server.wait(lambda: answers(server), "a worker that starts")


def test_a_worker_that_dies_right_after_its_start_is_replaced_later_and_later(app_dir):
    with Fastrd("app:app", app_dir, "--log-level", "debug") as server:
        (app_dir / "armed").touch()
        os.kill(*living(server), signal.SIGKILL)
        text = "worker 0 of generation 1 starts as"
        server.wait(lambda: server.log().count(text) == 6, "five replacements", 40)
        stamps = [line[14:23] for line in server.log().splitlines() if text in line][1:]
        seconds = [int(stamp[:2]) * 60 + float(stamp[3:]) for stamp in stamps]
        # Waits of 0.1, 0.2, 0.4 and 0.8 s lie between them at least.
        assert (seconds[-1] - seconds[0]) % 3600 > 1.5
        (app_dir / "armed").unlink()
        server.wait(lambda: answers(server), "a worker that lives")


def test_a_replacement_due_in_the_old_generation_is_not_the_new_ones(app_dir):
    with Fastrd("app:app", app_dir) as server:
        (app_dir / "hold").touch()
        for _ in range(5):  # then the sixth is due after 1.6 s
            kill_the_worker(server)
        server.wait(lambda: len(server.children()) == 1, "the last replacement")
        (old,) = server.children()
        server.signal(signal.SIGHUP)
        server.wait(lambda: workers(server) - {old}, "the new generation's worker")
        os.kill(old, signal.SIGKILL)
        (app_dir / "hold").unlink()
        server.wait_log("generation 2 serves")
        time.sleep(4)
        assert len(server.children()) == 1


def test_a_worker_that_drains_is_not_replaced_in_its_slot(app_dir):
    """One less, and one more before that one has ended."""
    with Fastrd("app:app", app_dir, "--workers", "2") as server:
        waiting = [ask(server, "/wait") for _ in range(16)]
        time.sleep(0.3)  # both have some
        before = workers(server)
        server.signal(signal.SIGTTOU)
        server.wait_log("1 workers")
        server.signal(signal.SIGTTIN)
        server.wait(lambda: workers(server) - before, "a new worker")
        assert workers(server) > before
        (app_dir / "go").touch()
        server.wait(lambda: not workers(server) >= before, "the end of the one that drains")
        time.sleep(0.5)
        assert len(workers(server)) == 2
        for conn in waiting:
            conn.close()


# Reloads.


def test_a_replacement_that_is_due_is_made_though_a_reload_fails(app_dir):
    with Fastrd("app:app", app_dir) as server:
        (app_dir / "hold").touch()
        for _ in range(7):  # then the eighth is due after 3.2 s
            kill_the_worker(server)
        (app_dir / "broken").touch()
        (app_dir / "hold").unlink()
        server.signal(signal.SIGHUP)
        server.wait_log("reload failed, generation 1 serves on")
        (app_dir / "broken").unlink()
        server.wait(lambda: answers(server), "the replacement")


def test_a_start_that_fails_during_a_drain_is_no_failed_reload(app_dir):
    """Nor does it shorten what requests may take."""
    with Fastrd("app:app", app_dir) as server:
        (app_dir / "term").touch()
        os.kill(*living(server), signal.SIGKILL)
        server.wait(lambda: (app_dir / "term").read_text(), "a replacement that starts")
        server.signal(signal.SIGTERM)
        assert server.process.wait(25) == 0
        assert "worker 0: the lifespan of app:app failed" in server.log()
        assert "reload failed" not in server.log()


@pytest.mark.parametrize(
    "text",
    ["DONE 1 3 0", "DONE 0", "APP x:y", "ROUTES none", "READY 1", "BEGUN", "DRAIN 0", "FAILED", "FAILED 1 x", "x" * 2000],
)
def test_whatever_a_worker_says_the_others_serve_on(app_dir, text):
    with Fastrd("app:app", app_dir, "--workers", "2") as server:
        before = living(server)
        for _ in range(3):
            assert server.get(f"/say?text={urllib.parse.quote(text)}") == (200, b"null")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert answers(server)
        wait_gone(before)
        assert "reload failed" not in server.log()


def test_a_hundred_hups_under_load_lose_no_request(app_dir):
    with Fastrd("app:app", app_dir, "--workers", "2") as server:
        failures, stop = [], threading.Event()
        answered = 0

        def load() -> None:
            nonlocal answered
            while not stop.is_set():
                try:
                    assert server.get("/") == (200, b'"ok"')
                    answered += 1
                except Exception as exc:
                    failures.append(exc)

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(100):
            server.signal(signal.SIGHUP)
            time.sleep(0.01)
        server.wait_log("generation 2 serves")
        server.wait(lambda: server.log().count("reloading") == server.log().count(" serves: "),
            "the last reload")  # fmt: skip
        server.wait(lambda: len(server.children()) == 2, "one generation")
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == [] and answered > 10
        assert "generation 5" not in server.log()


def test_a_reload_waits_while_three_generations_drain_and_says_so_once(app_dir):
    with Fastrd("app:app", app_dir) as server:
        waiting = []
        for number in (2, 3, 4):
            waiting.append(ask(server, "/wait"))
            time.sleep(0.2)
            server.signal(signal.SIGHUP)
            server.wait_log(f"generation {number} serves")
        for _ in range(3):
            server.signal(signal.SIGHUP)
            time.sleep(0.1)
        assert server.log().count("reload put off: earlier generations are still draining") == 1
        (app_dir / "go").touch()
        server.wait_log("generation 5 serves")
        assert answers(server)
        for conn in waiting:
            assert conn.recv(100).startswith(b"HTTP/1.1 200 ")
            conn.close()


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("1 / 0", "importing 'app' failed: ZeroDivisionError: division by zero; see the traceback"),
        ("x = (", "importing 'app' failed: SyntaxError: '(' was never closed"),
        ("raise SystemExit(2)", "importing 'app' failed: SystemExit: 2; put what ends the program"),
        ("os._exit(3)", "worker 0 ended with exit status 3"),
        ("os.abort()", "worker 0 ended with signal 6 (Aborted)"),
        ("del app", "module 'app' has no attribute 'app'"),
    ],
)
@pytest.mark.usefixtures("crashes_on_purpose")
def test_a_broken_application_is_one_message_and_the_next_reload_works(app_dir, code, cause):
    with Fastrd("app:app", app_dir) as server:
        (app_dir / "app.py").write_text(f"{APP}\n{code}\n")
        server.signal(signal.SIGHUP)
        server.wait_log(f"reload failed, generation 1 serves on: {cause}")
        assert answers(server)
        assert server.log().count(" error [master] ") == 1
        assert server.log().count("Traceback") == (code in ("1 / 0", "raise SystemExit(2)"))
        (app_dir / "app.py").write_text(APP)
        server.signal(signal.SIGHUP)
        server.wait_log("generation 3 serves")
        assert answers(server)


def test_reloads_that_could_not_begin_leave_nothing(app_dir):
    """As many as there is room for generations; the next one works."""
    with Fastrd("app:app", app_dir) as server:
        master = server.process.pid
        before = resource.prlimit(master, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{master}/fd"))
        for more in (0, 1, 2, 1, 0):  # the segment, the channel
            resource.prlimit(master, resource.RLIMIT_NOFILE, (used + more, before[1]))
            failed = server.log().count("reload failed")
            server.signal(signal.SIGHUP)
            server.wait(lambda: server.log().count("reload failed") > failed, "a failure")
        assert answers(server)
        resource.prlimit(master, resource.RLIMIT_NOFILE, before)
        assert len(os.listdir(f"/proc/{master}/fd")) == used
        server.signal(signal.SIGHUP)
        server.wait_log("generation 7 serves")


# The surroundings of a process.


@pytest.mark.parametrize("close", [True, False])
def test_programs_of_the_application_inherit_nothing_of_ours(app_dir, close):
    with Fastrd("app:app", app_dir) as server:
        assert server.get(f"/descriptors?close={close}") == (200, b'"\\n"')


def test_a_worker_that_dies_and_leaves_a_process_that_has_its_channel_is_replaced(app_dir):
    with Fastrd("app:app", app_dir) as server:
        with ask(server, "/fork-in-c") as conn:
            worker, forked = json.loads(conn.recv(1000).rsplit(b"\r\n", 1)[1])
        try:
            os.kill(worker, signal.SIGKILL)
            server.wait(lambda: workers(server) - {worker}, "a new worker")
            server.wait(lambda: answers(server), "an answer")
        finally:
            os.kill(forked, signal.SIGKILL)


def test_a_process_forked_by_the_application_does_not_keep_the_port(app_dir):
    with Fastrd("app:app", app_dir) as server:
        with ask(server, "/fork") as conn:  # the child has the connection as well: no end of it
            forked = int(conn.recv(1000).rsplit(b"\r\n", 1)[1])
        try:
            server.signal(signal.SIGTERM)
            assert server.process.wait(25) == 0
            assert start_of(forked)
            socket.create_server(("127.0.0.1", server.port)).close()
        finally:
            os.kill(forked, signal.SIGKILL)


def test_a_hundred_megabytes_on_stdout(app_dir):
    with Fastrd("app:app", app_dir) as server:
        assert server.get("/print?mb=100")[0] == 200
        assert server.log_path.stat().st_size > 100 << 20
        assert answers(server)
        os.truncate(server.log_path, 0)


def test_nobody_reads_the_log_and_the_master_still_supervises(app_dir):
    read, write = os.pipe()
    command = [BINARY, "--uds", "socket", "--timeout-graceful-shutdown", "1", "app:app"]
    with subprocess.Popen(command, cwd=app_dir, stdout=write, stderr=write) as master:
        os.close(write)
        banner = b""
        while b"routes " not in banner:
            banner += os.read(read, 4096)
        with socket.socket(socket.AF_UNIX) as conn:
            conn.connect(str(app_dir / "socket"))
            conn.sendall(b"GET /print?mb=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.5)  # the pipe is full now
            master.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            master.send_signal(signal.SIGTERM)
            assert master.wait(25) == 0
    os.close(read)


def test_no_standard_descriptors_at_all(app_dir):
    shell = f"exec {BINARY} --uds socket app:app <&- >&- 2>&-"
    with subprocess.Popen(["sh", "-c", shell], cwd=app_dir) as master:
        with socket.socket(socket.AF_UNIX) as conn:
            while conn.connect_ex(str(app_dir / "socket")) != 0:
                assert master.poll() is None
                time.sleep(0.01)
            conn.sendall(b"GET /print?mb=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert conn.recv(100).startswith(b"HTTP/1.1 200 ")
        master.terminate()
        assert master.wait(25) == 0


def test_signals_ignored_and_blocked_at_the_start_work_all_the_same(app_dir):
    numbers = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM}

    def as_nohup_does() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)

    with Fastrd("app:app", app_dir, before=as_nohup_does) as server:
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        blocked, ignored = eval(server.get("/signals")[1])
        assert blocked == 0
        for number in numbers:  # HUP and INT are handled: what is ignored stays so at exec
            assert not ignored & 1 << number - 1 or number == signal.SIGALRM
        server.signal(signal.SIGTERM)
        assert server.process.wait(25) == 0


def test_sixty_four_workers(tmp_path):
    (tmp_path / "raw.py").write_text(
        "import os\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] != 'http': raise NotImplementedError\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'%d' % os.getpid()})\n"
    )
    with Fastrd("raw:app", tmp_path, "--workers", "64", seconds=120) as server:
        children = living(server)
        assert len(children) == 64
        share = collections.Counter(server.get("/")[1] for _ in range(64))
        assert sum(share.values()) == 64
        server.signal(signal.SIGTERM)
        assert server.process.wait(30) == 0
        wait_gone(children)
