"""The first answer: who imports what, and from when on clients may come."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from ports import free_port
from server import BINARY, Fastrd

COUNTED = """
import os
from contextlib import asynccontextmanager
from fastapi import FastAPI

with open("imports", "a") as file:
    file.write(f"{os.getpid()}\\n")

@asynccontextmanager
async def lifespan(app):
    app.get("/added")(lambda: "added")
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/pid")
async def pid():
    return os.getpid()
"""

# Fails in the second of two processes that run it at the same time for the first time.
MAKES_ITS_DATABASE = """
import os, time
from fastapi import FastAPI

if not os.path.exists("database"):
    time.sleep(0.5)
    os.mkdir("database")
app = FastAPI()

@app.get("/")
async def root():
    return "ok"
"""


@pytest.fixture()
def directory(tmp_path):
    (tmp_path / "app.py").write_text(COUNTED)
    return tmp_path


def imports(directory) -> list[int]:
    return [int(line) for line in (directory / "imports").read_text().split()]


def test_one_worker_imports_once(directory):
    with Fastrd("app:app", directory) as server:
        assert server.get("/pid")[1].decode() == str(imports(directory)[0])
        assert server.children() == imports(directory)
        # What the lifespan's start-up has added is in the generation's table.
        assert server.get("/added") == (200, b'"added"')
        assert "2 compiled, 0 through ASGI" in server.log()
        assert "private" not in server.log() and "different table" not in server.log()


def test_each_worker_imports_once_and_serves_from_one_table(directory):
    with Fastrd("app:app", directory, "--workers", "3") as server:
        assert sorted(imports(directory)) == sorted(server.children())
        assert "different table" not in server.log()
        tables = set()
        for pid in server.children():
            with open(f"/proc/{pid}/maps") as maps:
                tables |= {line.split()[4] for line in maps if "fastrd-table" in line}
        assert len(tables) == 1


def test_nothing_is_imported_for_the_first_time_by_two(tmp_path):
    (tmp_path / "app.py").write_text(MAKES_ITS_DATABASE)
    with Fastrd("app:app", tmp_path, "--workers", "4") as server:
        assert server.get("/") == (200, b'"ok"')
        assert len(server.children()) == 4


def wait_import(directory: Path) -> None:
    """Until the application's import has begun, or 20 s."""
    end = time.monotonic() + 20
    while not (directory / "imports").exists() and time.monotonic() < end:
        time.sleep(0.01)


def let_serve(server: subprocess.Popen[str], directory: Path, port: int) -> None:
    """Let the import end; when the server serves, connect once, and end it."""
    (directory / "go").touch()
    assert server.stderr is not None
    for line in server.stderr:
        if "  address  " in line:
            break
    socket.create_connection(("127.0.0.1", port)).close()
    server.send_signal(signal.SIGTERM)


def test_nobody_can_connect_until_something_serves(directory):
    (directory / "app.py").write_text(
        COUNTED + "\nimport time\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
    )
    port = free_port()
    command = [BINARY, "--port", str(port), "app:app"]
    with subprocess.Popen(command, cwd=directory, stderr=subprocess.PIPE, text=True) as server:
        wait_import(directory)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        let_serve(server, directory, port)


def test_a_busy_address_is_said_before_anything_is_imported(directory):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        done = subprocess.run(
            [BINARY, "--port", str(port), "app:app"], cwd=directory, capture_output=True,
            text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 4
    assert "Address already in use" in done.stderr
    assert not (directory / "imports").exists()


def test_a_server_that_still_imports_has_its_address(directory):
    port = free_port()
    waits = "\nimport time\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
    (directory / "app.py").write_text(COUNTED + waits)
    command = [BINARY, "--port", str(port), "app:app"]
    with subprocess.Popen(command, cwd=directory, stderr=subprocess.PIPE, text=True) as server:
        wait_import(directory)
        second = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        let_serve(server, directory, port)
    assert second.returncode == 4
    assert "Address already in use; stop what uses it" in second.stderr
    assert len(imports(directory)) == 1


def test_an_address_is_free_when_its_server_has_ended(directory):
    """What the system remembers of connections that the server has closed is no server."""
    port = 0
    for _ in range(3):
        with Fastrd("app:app", directory, "--port", str(port)) as server:
            port = server.port
            assert server.get("/pid")[0] == 200
            server.signal(signal.SIGTERM)
            assert server.process is not None
            assert server.process.wait(20) == 0


def test_the_first_worker_that_fails_names_no_other(directory):
    (directory / "app.py").write_text("raise RuntimeError('broken')\n")
    done = subprocess.run(
        [BINARY, "--port", "0", "--workers", "4", "app:app"], cwd=directory, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.count("RuntimeError: broken") == 2  # the traceback, and the cause
