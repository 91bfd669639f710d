"""The access log: one line for each request, where people look for it."""

from __future__ import annotations

import datetime
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from server import BINARY, GATE, PATIENCE, Fastrd, read_all

APP = """
import asyncio
from fastapi import FastAPI, Response

app = FastAPI()

@app.get("/health")
async def health(): return "well"

@app.get("/items/{item_id}")
async def item(item_id: str): return item_id

@app.post("/content")
async def content(body: dict): return body

@app.get("/named")
async def named(response: Response):
    response.headers["X-Request-ID"] = "ours"
    return 1

@app.get("/slow")
async def slow():
    await asyncio.sleep(0.2)
    return 1

@app.get("/error")
async def error(): raise ValueError("on purpose")
"""
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def lines(server: Fastrd, path: Path, n: int) -> list[str]:
    """Its lines, once there are `n`."""
    server.wait(lambda: path.exists() and path.read_bytes().count(b"\n") >= n, f"{n} lines in {path.name}")
    text = path.read_text()
    assert text.count("\n") == n and text.endswith("\n")
    return text.splitlines()


def read_terminal(fd: int, until: bytes, seconds: float = 20) -> bytes:
    said, end = b"", time.monotonic() + seconds * PATIENCE
    while until not in said:
        assert time.monotonic() < end, said
        if select.select([fd], [], [], 0.1)[0]:
            said += os.read(fd, 4096)
    return said


@pytest.mark.parametrize("flags", [[], ["--no-access-log"], ["--log-level", "warning"]], ids=["asked", "off", "level"])
def test_on_a_terminal_requests_are_shown_unless_somebody_says_no(directory, flags):
    ours, theirs = pty.openpty()
    command = [BINARY, "--uds", "socket", *flags, "app:app"]
    with subprocess.Popen(command, cwd=directory, stdout=theirs, stderr=theirs) as master:
        try:
            read_terminal(ours, b"  details ")
            curl = ["curl", "-s", "--unix-socket", directory / "socket", "http://x/items/a?b=%20c"]
            assert subprocess.run(curl, capture_output=True, check=True).stdout == b'"a"'
            if not flags:
                said = read_terminal(ours, b" ms\r\n").decode()
                line = r'\S+Z \d+ info \[worker 0\] - - "GET /items/a\?b=%20c HTTP/1.1" 200 OK, \d+\.\d{3} ms\r\n'
                assert re.search(line, said), said
        finally:
            master.terminate()
            said = read_terminal(ours, b"ended after") if not flags or flags[0] == "--no-access-log" else b""
            master.wait()
    assert b"GET /items" not in said
    os.close(ours)
    os.close(theirs)


def test_elsewhere_there_is_none_unasked_and_its_form_fits_its_place(directory):
    with Fastrd("app:app", directory) as server:
        assert server.get("/health")[0] == 200
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert "/health" not in server.log()
    with Fastrd("app:app", directory, "--access-log") as server:
        assert server.get("/health")[0] == 200
        server.wait_log('"GET /health HTTP/1.1" 200 OK, ')
    path = directory / "access.log"
    with Fastrd("app:app", directory, "--access-log-file", path.name) as server:
        assert server.get("/health", "User-Agent: me\r\n")[0] == 200
        (line,) = lines(server, path, 1)
        assert re.fullmatch(
            r'127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET /health HTTP/1.1" 200 6 "-" "me"',
            line,
        )


def test_json_tells_all_and_stays_json_whatever_clients_send(directory):
    path = directory / "access.log"
    flags = ["--access-log-file", path.name, "--access-log-format", "json"]
    with Fastrd("app:app", directory, *flags) as server:
        head = f"traceparent: {TRACE}\r\nUser-Agent: a\"\\\x7f\r\nReferer: http://r/\r\nX-Request-ID: theirs\r\n"
        assert server.get("/items/7?q=1", head.replace("\x7f", "é"))[0] == 200
        assert server.get("/named", head.replace("\x7f", ""))[0] == 200
        server.raw(
            b"POST /content HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
            b'Content-Length: 8\r\n\r\n{"a": 1}'
        )
        server.raw(b'GET /items/"\\%0a%1b[31m?\xff\x80\'"\\ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        server.raw(b"GET /items/\xc3\xa9\xff HTTP/1.1\r\nHost: x\r\nUser-Agent: \xe9\xff\"\r\nConnection: close\r\n\r\n")
        server.raw(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n")
        assert server.get("/error")[0] == 500
        assert server.get("/slow")[0] == 200
        assert server.get("/items/" + "%22" * 8000)[0] == 200
        found = [json.loads(line) for line in lines(server, path, 9)]
    first = found[0]
    now = datetime.datetime.now(datetime.UTC)
    assert abs(datetime.datetime.fromisoformat(first.pop("time")) - now) < datetime.timedelta(minutes=5)
    assert re.fullmatch(r"127\.0\.0\.1:\d+", first.pop("client"))
    assert first.pop("pid") > 0 and first.pop("dur_ms") >= first.pop("ttfb_ms") >= 0
    assert first == {
        "process": "worker 0", "worker": 0,
        "level": "info", "logger": "access", "msg": "request", "method": "GET", "path": "/items/7",
        "query": "q=1", "status": 200, "bytes_in": 0, "bytes_out": 3, "gen": 1, "proto": "HTTP/1.1",
        "request_id": "theirs", "trace_id": TRACE.split("-")[1], "route": "/items/{item_id}",
        "ua": 'a"\\é', "referer": "http://r/",
    }  # fmt: skip
    assert found[1]["request_id"] == "ours"
    assert (found[2]["bytes_in"], found[2]["bytes_out"], found[2]["route"]) == (8, 7, "/content")
    by_status = {entry["status"] for entry in found}
    assert {200, 400, 500} <= by_status
    assert found[7]["dur_ms"] > 190 and found[7]["ttfb_ms"] > 190
    assert found[8]["path"].endswith("...")


def test_a_format_of_ones_own_and_requests_that_are_left_out(directory):
    path = directory / "access.log"
    flags = [
        "--access-log-format", '%(m)s %(U)s %(route)s %(s)s "%({X-A}i)s" %({Content-Type}o)s',
        "--access-log-exclude", "/health,/items/{item_id}",
    ]  # fmt: skip
    with Fastrd("app:app", directory, "--access-log-file", path.name, *flags) as server:
        for target in ("/health", "/items/1", "/named", "/nowhere"):
            server.get(target, 'X-A: "b"\r\n')
        assert lines(server, path, 2) == [
            r'GET /named /named 200 "\x22b\x22" application/json',
            r'GET /nowhere - 404 "\x22b\x22" application/json',
        ]


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--access-log-format", "%(x)s"], "--access-log-format %(x)s: there is no %(x)s"),
        (["--access-log-file", "no/where"], "--access-log-file no/where: No such file or directory"),
        (["--log-file", "no/where"], "--log-file no/where: No such file or directory"),
        (["--access-log=maybe"], "--access-log=maybe: want auto, on or off"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_the_start(directory, flags, text):
    done = subprocess.run([BINARY, *flags, "app:app"], cwd=directory, capture_output=True, text=True)
    said = done.stderr.replace(f"{directory}/", "")
    assert (done.returncode, said) == (2, f"fastrd: {text}\n")


LOGGER = """
import logging

access = logging.getLogger("uvicorn.access")

class NoHealth(logging.Filter):
    def filter(self, record):
        client, method, path, version, status = record.args
        return path != "/health" or status != 200
"""
FILTER = LOGGER + 'access.addFilter(NoHealth())\n'
IN_LIFESPAN = """
import contextlib

@contextlib.asynccontextmanager
async def lifespan(app):
    access.addFilter(NoHealth())
    yield

app.router.lifespan_context = lifespan
"""
DICT = LOGGER + """
import logging.config
logging.config.dictConfig({
    "version": 1, "disable_existing_loggers": False,
    "formatters": {"own": {"format": "OWN %(name)s %(message)s"}},
    "handlers": {"own": {"class": "logging.FileHandler", "filename": "own.log", "formatter": "own"}},
    "loggers": {"uvicorn.access": {"handlers": ["own"], "level": "INFO", "propagate": False}},
})
"""


@pytest.mark.parametrize("program", [FILTER + APP, LOGGER + APP + IN_LIFESPAN], ids=["import", "lifespan"])
def test_a_filter_of_the_applications_hides_requests(directory, program):
    """As the recipe has it that hides health checks. The rest stays as it was."""
    (directory / "app.py").write_text(program)
    path = directory / "access.log"
    with Fastrd("app:app", directory, "--access-log-file", path.name) as server:
        for target in ("/health", "/items/1?a=b", "/health", "/health?now"):
            assert server.get(target)[0] == 200
        first, second = lines(server, path, 2)
        assert '"GET /items/1?a=b HTTP/1.1" 200 3' in first
        assert '"GET /health?now HTTP/1.1" 200 6' in second


DISABLED = """
import logging.config
logging.config.dictConfig({"version": 1})  # disables every logger that there is
"""
QUIET = """
import logging
logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
"""


@pytest.mark.parametrize(("program", "n"), [(DISABLED, 1), (QUIET, 0)], ids=["disabled", "quiet"])
def test_a_log_that_was_asked_for_ends_by_intent_and_not_by_mistake(directory, program, n):
    (directory / "app.py").write_text(program + APP)
    path = directory / "access.log"
    with Fastrd("app:app", directory, "--access-log-file", path.name) as server:
        assert server.get("/health")[0] == 200
    assert path.read_text().count("GET /health") == n


def test_a_filter_that_comes_later_counts_soon(directory):
    route = '\n@app.get("/filter")\nasync def add(): access.addFilter(NoHealth())\n'
    (directory / "app.py").write_text(LOGGER + APP + route)
    path = directory / "access.log"
    with Fastrd("app:app", directory, "--access-log-file", path.name) as server:
        assert server.get("/health")[0] == server.get("/filter")[0] == 200

        def hidden() -> bool:
            before = path.read_text().count("/health")
            server.get("/health")
            server.get("/items/mark")
            server.wait(lambda: path.read_text().endswith('"-" "-"\n') and "mark" in path.read_text().splitlines()[-1], "its line")
            return path.read_text().count("/health") == before

        server.wait(hidden, "no health check in the log")


@pytest.mark.parametrize("flags", [[], ["--access-log"], ["--no-access-log"]], ids=["auto", "on", "off"])
def test_handlers_of_the_applications_get_the_requests(directory, flags):
    """Nobody else writes them then."""
    (directory / "app.py").write_text(DICT + APP)
    with Fastrd("app:app", directory, *flags) as server:
        assert server.get("/items/1?a=b")[0] == 200
        assert server.get("/nowhere")[0] == 404
        path = directory / "own.log"
        if flags != ["--no-access-log"]:
            first, second = lines(server, path, 2)
            assert re.fullmatch(r'OWN uvicorn.access 127\.0\.0\.1:\d+ - "GET /items/1\?a=b HTTP/1.1" 200', first)
            assert second.endswith('"GET /nowhere HTTP/1.1" 404')
    assert "GET" not in server.log()
    assert flags != ["--no-access-log"] or path.read_text() == ""


def test_the_last_lines_are_written_before_a_worker_ends(directory):
    path = directory / "access.log"
    with Fastrd("app:app", directory, "--access-log-file", path.name) as server:
        for _ in range(50):
            assert server.get("/health")[0] == 200
    assert path.read_text().count("GET /health") == 50


def test_requests_that_are_refused_have_what_was_read_of_them(directory):
    path = directory / "access.log"
    flags = ["--access-log-format", "json", "--limit-body", "10"]
    with Fastrd("app:app", directory, "--access-log-file", path.name, *flags) as server:
        for request in (
            b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
            b"POST /d HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n",
        ):
            assert server.raw(request).startswith(b"HTTP/1.1 4")
        told = [json.loads(line) for line in lines(server, path, 2)]
    assert [(t["method"], t["path"], t["query"], t["status"]) for t in told] == [
        ("GET", "/a", "b=c", 400), ("POST", "/d", "", 413)
    ]  # fmt: skip
    assert all(t["bytes_out"] > 0 for t in told)


def test_fields_that_the_server_adds_are_known(directory):
    path = directory / "access.log"
    form = "%({Server}o)s|%({content-length}o)s|%({Transfer-Encoding}o)s|%({X-None}o)s"
    with Fastrd("app:app", directory, "--access-log-file", path.name, "--access-log-format", form) as server:
        assert server.get("/health")[0] == 200
        assert server.raw(b"BAD\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        first, second = lines(server, path, 2)
    assert first == "fastrd|6|-|-"
    assert second.startswith("fastrd|") and second.endswith("|-|-")


def test_a_file_that_cannot_be_opened_again_is_said_to_be_so(directory):
    (directory / "logs").mkdir()
    with Fastrd("app:app", directory, "--access-log-file", "logs/access.log", "--log-file", "logs/fastrd.log") as server:
        assert server.get("/health")[0] == 200
        (directory / "logs").rename(directory / "moved")
        server.signal(signal.SIGUSR1)
        log = directory / "moved/fastrd.log"
        for text in ("the log cannot be opened again: No such file or directory",
                     f"access log: cannot open {directory}/logs/access.log again: No such file or directory; lines go"):  # fmt: skip
            server.wait(lambda text=text: text in log.read_text(), text)
        assert "log files opened again" not in log.read_text()
        assert server.get("/health?after")[0] == 200
        server.wait(lambda: "GET /health?after" in (directory / "moved/access.log").read_text(), "its line")


def test_a_client_that_ends_its_half_while_it_waits_is_answered(directory):
    (directory / "app.py").write_text(GATE)
    path = directory / "access.log"
    with Fastrd("app:app", directory, "--access-log-file", path.name) as server, server.connect() as conn:
        conn.sendall(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n")
        conn.shutdown(socket.SHUT_WR)
        time.sleep(0.2)  # it is seen, as a rule
        (directory / "open").touch()
        assert read_all(conn).startswith(b"HTTP/1.1 200 ")
        (line,) = lines(server, path, 1)
    assert '"GET /gate HTTP/1.1" 200 ' in line
