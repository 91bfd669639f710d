"""The master is killed: its workers finish what they have in hand, and keep nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from server import PATIENCE, Fastrd, read_all

APP = """
import asyncio, os, time
from plain import App

app = App()
NAME = os.environ["NAME"]

@app.get("/name")
async def name(): return NAME

@app.get("/wait")
async def wait():
    open("in-hand", "w").close()
    while not os.path.exists("go"):
        await asyncio.sleep(0.02)
    return NAME

@app.get("/busy")
async def busy():
    "The loop does not turn, and the interpreter is held."
    open("in-hand", "w").close()
    while not os.path.exists("go"):
        pass
    return NAME
"""
ANSWER = b'\r\n\r\n"old"'


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()


@contextlib.contextmanager
def in_hand(server: Fastrd, path: str) -> Iterator[socket.socket]:
    with server.connect() as conn:
        conn.sendall(request(path))
        yield conn


def kill(server: Fastrd) -> None:
    """And have it reaped: whoever restarts it does it then."""
    assert server.process is not None
    server.process.kill()
    server.process.wait()


def await_given_back(server: Fastrd) -> None:
    """Nobody listens any more at the address of a server that was killed. How soon that is depends
    on when the machine lets a worker run."""
    end = time.monotonic() + 20 * PATIENCE
    with contextlib.suppress(ConnectionRefusedError):
        while time.monotonic() < end:
            server.connect().close()
            time.sleep(0.02)
        pytest.fail("the address is not given back")


def served_by(server: Fastrd) -> bytes:
    return server.get("/name")[1]


@contextlib.contextmanager
def old_and_new(
    directory: Path, where: Callable[[Fastrd], tuple[str, ...]], *flags: str, path: str
) -> Iterator[tuple[Fastrd, Fastrd, socket.socket]]:
    """A server that was killed with a request in hand, its successor, that request."""
    env = {"NAME": "old"}
    with Fastrd("app:app", directory, *flags, env=env) as old, in_hand(old, path) as conn:
        old.wait(lambda: (directory / "in-hand").exists(), "the request")
        kill(old)
        await_given_back(old)
        (directory / "new").mkdir()
        (directory / "new/app.py").write_text(APP)
        with Fastrd("app:app", directory / "new", *where(old), env={"NAME": "new"}) as new:
            yield old, new, conn
            (directory / "go").touch()


def same_port(old: Fastrd) -> tuple[str, ...]:
    return "--port", str(old.port)


@pytest.mark.parametrize("path", ["/wait", "/busy"])
def test_the_port_is_free_at_once_and_the_request_in_hand_is_answered(directory, path):
    with old_and_new(directory, same_port, path=path) as (_, new, conn):
        assert [served_by(new) for _ in range(20)] == [b'"new"'] * 20
        (directory / "go").touch()
        assert read_all(conn).endswith(ANSWER)


def test_one_worker_that_runs_is_enough(directory):
    """The others are stopped: they close nothing."""
    flags = "--workers", "2", "--timeout-graceful-shutdown", "1"
    with Fastrd("app:app", directory, *flags, env={"NAME": "old"}) as old:
        stopped, _ = old.children()
        os.kill(stopped, signal.SIGSTOP)
        try:
            kill(old)
            await_given_back(old)
            (directory / "new").mkdir()
            (directory / "new/app.py").write_text(APP)
            flags = same_port(old)
            with Fastrd("app:app", directory / "new", *flags, env={"NAME": "new"}) as new:
                assert [served_by(new) for _ in range(20)] == [b'"new"'] * 20
        finally:
            os.kill(stopped, signal.SIGKILL)


@pytest.mark.parametrize("path", ["/wait", "/busy"])
def test_a_unix_socket_is_taken_over_at_once(directory, path):
    def same_socket(_old: Fastrd) -> tuple[str, ...]:
        return "--uds", "../socket"

    with old_and_new(directory, same_socket, "--uds", "socket", path=path) as (_, new, conn):
        assert [served_by(new) for _ in range(20)] == [b'"new"'] * 20
        (directory / "go").touch()
        assert read_all(conn).endswith(ANSWER)


def test_whoever_waits_in_the_queue_of_a_busy_worker_is_told(directory):
    """Not left until the worker ends."""
    for flags in ((), ("--uds", "socket")):
        with contextlib.suppress(OSError):
            (directory / "in-hand").unlink()
        env = {"NAME": "old"}
        with Fastrd("app:app", directory, *flags, env=env) as old, in_hand(old, "/busy"):
            old.wait(lambda: (directory / "in-hand").exists(), "the request")
            with in_hand(old, "/name") as waiting:
                kill(old)
                try:
                    assert read_all(waiting) == b""
                except ConnectionResetError:
                    pass
                with pytest.raises(OSError):
                    old.connect()
            (directory / "go").touch()
        (directory / "go").unlink()


def test_a_socket_of_a_supervisors_lives_on(directory):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        flags = "--fd", str(fd)
        env = {"NAME": "old"}
        port = listener.getsockname()[1]
        with Fastrd("app:app", directory, *flags, env=env, fds=(fd,)) as old:
            old.port = port
            old.address = "http"
            with in_hand(old, "/wait") as conn:
                old.wait(lambda: (directory / "in-hand").exists(), "the request")
                kill(old)
                (directory / "new").mkdir()
                (directory / "new/app.py").write_text(APP)
                env = {"NAME": "new"}
                with Fastrd("app:app", directory / "new", *flags, env=env, fds=(fd,)) as new:
                    new.port = port
                    new.address = "http"
                    assert [served_by(new) for _ in range(20)] == [b'"new"'] * 20
                (directory / "go").touch()
                assert read_all(conn).endswith(ANSWER)
