"""While somebody develops, a Python that has imported FastAPI waits for the next load. Nobody sees it but
by the clock."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from server import Fastrd
from test_dev import answers, dev, reloads, write

FACTS = """
import os, sitecustomize
from plain import App

app = App()

@app.get("/")
async def root():
    return [os.getpid(), sitecustomize.VALUE]
"""
SESSION = """
from fastapi import FastAPI, Request

app = FastAPI()

@app.get("/")
async def root(request: Request):
    request.session["a"] = {number}
    return {number}
"""


def warm(server: Fastrd) -> list[int]:
    """The processes that wait: one as a rule."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in server.children()}
    return [pid for pid, command in commands.items() if b"fastrapi.warm" in command]


def waits(server: Fastrd, but: int = 0) -> int:
    """Until another process than ``but`` waits, and has imported what it imports: then it sleeps; its
    process id."""
    looks: list[str] = []

    def sleeps() -> bool:
        looks.extend(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][1] for pid in found())
        return len(looks) >= 20 and set(looks[-20:]) == {"S"}

    def found() -> list[int]:
        return [pid for pid in warm(server) if pid != but]

    server.wait(sleeps, "a Python that waits")
    return found()[0]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write(tmp_path, "old")
    return tmp_path


def pid(server: Fastrd) -> int:
    status, text = server.get("/pid")
    assert status == 200
    return int(text)


def test_it_is_the_next_worker(directory: Path) -> None:
    with dev(directory) as server:
        first = waits(server)
        assert pid(server) != first
        write(directory, "new")
        answers(server, "new")
        assert pid(server) == first
        assert waits(server, first) != first


def test_one_that_has_died_is_not_missed(directory: Path) -> None:
    with dev(directory) as server:
        first = waits(server)
        os.kill(first, signal.SIGKILL)
        server.wait(lambda: warm(server) == [], "its end")
        write(directory, "new")
        answers(server, "new")
        assert pid(server) != first
        waits(server)
        assert "error" not in server.log() and reloads(server) == 1


def test_it_ends_with_the_server(directory: Path) -> None:
    with dev(directory) as server:
        first = waits(server)
    server.wait_gone(first)


def test_it_ends_when_the_master_is_killed(directory: Path) -> None:
    with dev(directory) as server:
        first = waits(server)
        server.signal(signal.SIGKILL)
        server.process.wait()
    server.wait_gone(first)


def test_there_is_none_without_reload(directory: Path) -> None:
    with Fastrd("app:app", directory) as server:
        assert len(server.children()) == 1
        assert warm(server) == []


def test_what_was_installed_meanwhile_counts(tmp_path: Path) -> None:
    """A module that was imported before the application is, and has changed since."""
    (tmp_path / "lib").mkdir()
    module = tmp_path / "lib/sitecustomize.py"
    module.write_text("VALUE = 1\n")
    (tmp_path / "app.py").write_text(FACTS)
    env = {"PYTHONPATH": f"{tmp_path / 'lib'}:{os.environ['PYTHONPATH']}"}
    with dev(tmp_path, "--reload-exclude", "lib", env=env) as server:
        first = waits(server)
        module.write_text("VALUE = 'changed'\n")
        (tmp_path / "app.py").write_text(FACTS + "\n")
        server.wait(lambda: server.get("/") == (200, f'[{first},"changed"]'.encode()), "the change")


def test_secrets_reach_it(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(SESSION.format(number=1))
    env = {"FASTRD_SESSION_SECRET": "s" * 40}
    with dev(tmp_path, env=env) as server:
        waits(server)
        (tmp_path / "app.py").write_text(SESSION.format(number=2))
        server.wait(lambda: server.get("/") == (200, b"2"), "the change")
