"""One log: the same layout and the same level for every process, in C and in Python."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Iterator

import pytest

from boards import total
from fastrd import Fastrd

FILES = 40
LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warning|error) "
    r"\[(master|loader|worker \d+)\] (\S.*)"
)
APP = """
from fastapi import FastAPI

app = FastAPI()

@app.get("/error")
async def error():
    raise ValueError("on purpose, \\x1b[31m in red")
"""


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def lines(server: Fastrd) -> list[tuple[str, ...]]:
    """(level, process, text) of every line behind the banner, tracebacks left out."""
    rows = server.log().partition("says why)\n")[2].splitlines()
    rows = [row for row in rows if not row.startswith((" ", "Traceback", "ValueError"))]
    found = [LINE.fullmatch(row) for row in rows]
    assert None not in found, server.log()
    return [match.groups() for match in found if match]


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


def test_the_loader_has_its_name(directory):
    path = directory / "app.py"
    path.write_text('import fastapi\nfastapi.__version__ = "0.114.0"\n' + path.read_text())
    with Fastrd("app:app", directory) as server:
        assert re.search(r"warning \[loader\] served through ASGI as a whole: ", server.log())


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
        assert ("master", "generation 2: loaded, starting its workers") in shown
        assert ("master", "generation 1: draining") in shown
        assert ("worker 0", "draining: 0 connections, 0 requests") in shown
        assert ("master", "worker 0 ended with exit status 0") in shown
        assert any(text.startswith("worker 0 of generation 2 starts as ") for _, text in shown)


def test_debug_lines_are_not_shown_unasked(directory):
    with Fastrd("app:app", directory) as server:
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert not [line for line in lines(server) if line[0] == "debug"]
