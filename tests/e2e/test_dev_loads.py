"""``--reload`` where a change meets a load: the application's own changes, and two at a time."""

from __future__ import annotations

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from control import answer
from server import Fastrd
from test_dev import APP, answers, dev, write
from test_reread import opened_by_a_reader


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write(tmp_path, "old")
    return tmp_path


WRITES = """
import pathlib, time
pathlib.Path(f"generated{NAME}.py").write_text(f"at = {time.time()}")
"""


@pytest.mark.parametrize("name", ["''", "time.time_ns()"])
def test_an_application_that_writes_its_own_files_serves(directory: Path, name: str) -> None:
    """Each load is a change: after some of them there are pauses, in which it serves."""
    (directory / "app.py").write_text(WRITES.replace("NAME", name) + APP.format(answer="writes"))
    with dev(directory, "--timeout-graceful-shutdown", "1") as server:
        server.wait_log(".py changes whenever the application is loaded")
        answers(server, "writes")
        write(directory, "mended")
        answers(server, "mended")
        assert server.log().count("changes whenever") == 1


def test_loads_that_hang_are_not_waited_for(directory: Path) -> None:
    """However often somebody saves meanwhile."""
    loads = directory / "loads.txt"
    with dev(directory, "--timeout-startup", "3000") as server:
        for _ in range(7):
            (directory / "app.py").write_text("import time\nopen('loads.txt', 'w')\ntime.sleep(3000)\n")
            server.wait(loads.exists, "a load that hangs")
            loads.unlink()
        write(directory, "new")
        answers(server, "new")


ENDS_LATE = """
import contextlib, os, pathlib, time

@contextlib.asynccontextmanager
async def lifespan(app):
    yield
    pathlib.Path("ending").touch()
    while not os.path.exists("may_end"):
        time.sleep(0.01)

from fastapi import FastAPI
app = FastAPI(lifespan=lifespan)

@app.get("/pid")
async def pid():
    return os.getpid()
"""


def test_a_configuration_that_is_being_read_while_the_old_code_ends(directory: Path) -> None:
    (directory / "app.py").write_text(ENDS_LATE)
    pipe, conf = directory / "pipe", directory / "conf.toml"
    (directory / "file").write_text("header = ['x-a: 1']\n")
    conf.symlink_to("file")
    os.mkfifo(pipe)
    with dev(directory, "-c", "conf.toml", "--timeout-graceful-shutdown", "30") as server:
        old = int(server.get("/pid")[1])
        write(directory, "new")
        server.wait_log("app.py has changed: reloading")
        server.wait((directory / "ending").exists, "the end of the old code")
        (directory / "link").symlink_to("pipe")
        (directory / "link").rename(conf)
        server.signal(signal.SIGHUP)
        with opened_by_a_reader(pipe) as writer:
            (directory / "may_end").touch()
            server.wait_gone(old)
            time.sleep(0.5)
            writer.write(b"header = ['x-a: 2']\n")
        server.wait(lambda: b"x-a: 2" in server.raw(b"GET / HTTP/1.0\r\n\r\n").lower(), "the field")
        answers(server, "new")
        server.signal_child(int(server.get("/pid")[1]), signal.SIGKILL)
        answers(server, "new")


def test_a_change_before_the_first_one_serves_is_a_reload_that_ends(directory: Path) -> None:
    waits = "import time, pathlib\npathlib.Path('loads.txt').touch()\ntime.sleep(600)\n"
    (directory / "app.py").write_text(waits)
    server = Fastrd("app:app", directory, "dev", "--control-socket", "control")
    server.begin()
    server.wait((directory / "loads.txt").exists, "the load")
    write(directory, "new")
    with server:
        answers(server, "new")
        assert answer(directory, "status")["reload"]["state"] == "done"


def test_how_many_workers_the_configuration_says(directory: Path) -> None:
    conf = directory / "conf.toml"
    conf.write_text("reload = true\nworkers = 1\n")
    with Fastrd("app:app", directory, "-c", "conf.toml", "--control-socket", "control") as server:

        def workers() -> dict[str, int]:
            found: dict[str, int] = answer(directory, "status")["workers"]
            return found

        conf.write_text("reload = true\nworkers = 2\n")
        server.wait(lambda: workers() == {"serving": 2, "wanted": 2}, "two workers")
        write(directory, "new")
        answers(server, "new")
        server.wait(lambda: workers() == {"serving": 2, "wanted": 2}, "two workers again")


@pytest.mark.parametrize("above", [False, True])
def test_the_directory_may_go_and_come_back(tmp_path: Path, above: bool) -> None:
    """Of the one above, which is watched only as long as it is there, SIGHUP tells."""
    project = tmp_path / "above/project"
    project.mkdir(parents=True)
    write(project, "old")
    with dev(project, log=tmp_path / "fastrd.log") as server:
        shutil.rmtree(project.parent if above else project)
        server.wait_log("the directory that fastrd was started in is gone; make it again")
        project.mkdir(parents=True)
        write(project, "new")
        if above:
            server.signal(signal.SIGHUP)
        answers(server, "new")
        write(project, "newer")
        answers(server, "newer")
        assert "fastrd itself failed" not in server.log()
