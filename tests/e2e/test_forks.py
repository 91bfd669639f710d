"""Processes that the application forks: they live and end by themselves, and have
nothing of the worker's."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from server import Fastrd, read_all

APP = """
import asyncio, json, multiprocessing, os, signal, socket, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from plain import App

context = multiprocessing.get_context("fork")
children = []

@asynccontextmanager
async def lifespan(app):
    async def beat():
        while True:
            await asyncio.sleep(0.01)
    task = asyncio.create_task(beat())
    yield
    task.cancel()

app = App(lifespan=lifespan)

def work():
    open(f"works-{os.getpid()}", "w").close()
    time.sleep(60)

def start():
    children.append(context.Process(target=work))
    children[-1].start()
    return children[-1].pid

@app.get("/")
async def root(): return os.getpid()

@app.get("/start")
async def start_on_the_loop(): return start()

@app.get("/start-in-a-thread")
def start_in_a_thread(): return start()

@app.get("/terminate")
async def terminate(number: int = signal.SIGTERM):
    os.kill(children[-1].pid, number)
    children[-1].join(5)
    return children[-1].exitcode

@app.get("/pool")
async def pool():
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(executor, pow, n, 2) for n in range(9)))

@app.get("/spawned")
async def spawned():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return await asyncio.get_running_loop().run_in_executor(executor, pow, 3, 2)

@app.get("/exec")
async def exec_():
    process = await asyncio.create_subprocess_exec("echo", "hello", stdout=-1)
    return (await process.communicate())[0].decode()

@app.get("/loop-in-child")
def loop_in_child():
    read, write = os.pipe()
    def child():
        async def main():
            loop = asyncio.get_running_loop()
            ended = asyncio.Event()
            loop.add_signal_handler(signal.SIGTERM, ended.set)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(ended.wait(), 5)
            os.write(write, b"its own")
        asyncio.run(main())
    process = context.Process(target=child)
    process.start()
    process.join(10)
    os.close(write)
    return os.read(read, 100).decode()

@app.get("/descriptors")
async def descriptors():
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        names = []
        for n in map(int, os.listdir("/proc/self/fd")):
            try: names.append(os.readlink(f"/proc/self/fd/{n}").split(":")[0])
            except OSError: pass
        os.write(write, repr([n for n in names if n == "socket"]).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    return os.read(read, 4096).decode()

@app.get("/returns")
async def returns(how: str):
    pid = os.fork()
    if pid == 0 and how == "raise":
        raise ValueError("in the fork")
    if pid == 0 and how == "close":
        loop = asyncio.get_running_loop()
        loop.remove_reader(loop._ssock.fileno())
        loop.call_soon_threadsafe(print, "never")
    return os.waitpid(pid, 0)[1] if pid else "forked"

def fork(code):
    pid = os.fork()
    if pid == 0:
        print("in the fork")
        sys.exit(*[eval(code)] if code else [])
    with open("status.new", "w") as file:
        print(json.dumps(os.waitpid(pid, 0)), file=file)
    os.rename("status.new", "status")
    return pid

@app.get("/exits")
async def exits(code: str): return fork(code)

@app.get("/exits-in-a-task")
async def exits_in_a_task(code: str):
    async def task(): return fork(code)
    return await asyncio.create_task(task())

@app.get("/exits-afterwards")
async def exits_afterwards(code: str, tasks):
    async def task(): fork(code)
    tasks.append(task)
"""


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.mark.parametrize("start", ["/start", "/start-in-a-thread"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_process_that_is_ended_is_not_the_worker(app_dir, start, number):
    with Fastrd("app:app", app_dir) as server:
        worker = server.get("/")
        child = int(server.get(start)[1])
        if number == signal.SIGINT:  # which Python loses before its own code runs
            server.wait((app_dir / f"works-{child}").exists, "the child's work")
        ending = server.get(f"/terminate?number={int(number)}")
        assert ending == (200, b"1" if number == signal.SIGINT else b"%d" % -number)
        time.sleep(0.1)
        assert server.get("/") == worker
        assert "worker 0 ended" not in server.log()


def test_pools_and_programs_and_loops_in_forks_work(app_dir):
    with Fastrd("app:app", app_dir) as server:
        assert json.loads(server.get("/pool")[1]) == [n * n for n in range(9)]
        assert server.get("/spawned") == (200, b"9")
        assert server.get("/exec") == (200, b'"hello\\n"')
        assert server.get("/loop-in-child") == (200, b'"its own"')
        assert "error" not in server.log()


@pytest.mark.parametrize("uds", [False, True])
def test_a_fork_has_no_socket_of_the_servers(app_dir, uds):
    """But for one of a pair, which wakes the loop."""
    with Fastrd("app:app", app_dir, *(("--uds", "socket") if uds else ())) as server:
        with server.connect(), server.connect():
            time.sleep(0.1)
            assert json.loads(server.get("/descriptors")[1]) == "['socket', 'socket']"


@pytest.mark.parametrize("start", ["/start", "/start-in-a-thread"])
def test_a_fork_holds_no_connection_open(app_dir, start):
    with Fastrd("app:app", app_dir) as server:
        answer = server.raw(f"GET {start} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        forked = int(answer.rpartition(b"\r\n")[2])
        os.kill(forked, 0)
        with server.connect() as conn:
            conn.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert read_all(conn)
        server.signal(signal.SIGTERM)
        assert server.process.wait(25) == 0
        try:
            socket.create_server(("127.0.0.1", server.port)).close()
        finally:
            os.kill(forked, signal.SIGKILL)


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [("", 0, ""), ("0", 0, ""), ("9", 9, ""), ("256", 0, ""), ("True", 1, ""), ("'no more'", 1, "no more\n")],
)
@pytest.mark.parametrize("path", ["/exits", "/exits-in-a-task", "/exits-afterwards"])
def test_a_fork_ends_with_the_status_of_its_sys_exit(app_dir, path, code, status, said):
    """Which the server says nothing of, and which what the fork has printed precedes."""
    with Fastrd("app:app", app_dir) as server:
        worker = server.get("/")
        before = server.log()
        for _ in range(2):
            assert server.get(f"{path}?code={quote(code)}")[0] == 200
            server.wait((app_dir / "status").exists, "the fork's end")
            waited = json.loads((app_dir / "status").read_text())
            (app_dir / "status").unlink()
            assert os.waitstatus_to_exitcode(waited[1]) == status
        assert server.get("/") == worker
        assert sorted(server.log().removeprefix(before).splitlines()) == sorted(f"in the fork\n{said}".splitlines() * 2)


@pytest.mark.parametrize("how", ["raise", "close", "return"])
def test_a_fork_that_returns_to_the_server_ends_and_disturbs_nothing(app_dir, how):
    with Fastrd("app:app", app_dir) as server, server.connect() as idle:
        worker = server.get("/")
        for _ in range(3):
            assert server.get(f"/returns?how={how}") == (200, b"256")
        server.wait_log("a process that the application has forked returns to the server: it ends")
        assert server.get("/") == worker
        idle.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(idle).endswith(worker[1])
        assert server.get("/start-in-a-thread")[0] == 200  # threads still wake the loop
        assert server.get("/terminate") == (200, b"-15")
        server.signal(signal.SIGTERM)
        assert server.process.wait(25) == 0


ENDING = """
import atexit, os, threading, time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from plain import App

fork = get_context("fork")
executor = ProcessPoolExecutor(1, mp_context=fork)
threads = ThreadPoolExecutor(1)

@asynccontextmanager
async def lifespan(app):
    yield
    print("lifespan is over", flush=True)

app = App(lifespan=lifespan)
atexit.register(lambda: print("at exit", flush=True))

@app.get("/start")
async def start():
    child = fork.Process(target=time.sleep, args=(600,), daemon=True)
    child.start()
    threads.submit(print, "on a thread", flush=True).result()
    return [child.pid, executor.submit(os.getpid).result()]

@app.get("/stuck")
async def stuck():
    threading.Thread(target=time.sleep, args=(600,)).start()
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("stuck", [False, True])
@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGHUP])
def test_a_worker_ends_as_any_program_of_pythons(tmp_path, order, stuck):
    """With its executors and its children, and what is to run at exit; but a thread does
    not keep it."""
    (tmp_path / "app.py").write_text(ENDING)
    with Fastrd("app:app", tmp_path) as server:
        (worker,) = server.children()
        children = json.loads(server.get("/start")[1])
        assert all(map(is_alive, children))
        if stuck:
            assert server.get("/stuck")[0] == 200
        server.signal(order)
        if order == signal.SIGTERM:
            assert server.process.wait(20) == 0
        else:
            server.wait(lambda: not is_alive(worker), "the worker's end")
        log = server.log()
        assert "killed" not in log and "Traceback" not in log
        assert log.index("lifespan is over") < log.index("at exit")
        end = time.monotonic() + 10
        while any(map(is_alive, children)):
            assert time.monotonic() < end
            time.sleep(0.02)
