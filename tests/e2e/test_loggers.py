"""The loggers that applications know from uvicorn, as they and --log-config change them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from server import Fastrd

APP = """
import logging
from fastapi import FastAPI

app = FastAPI()

@app.get("/items/{n}")
async def item(n: int):
    logging.getLogger("uvicorn.error").debug("item %d", n)
    return n

@app.get("/error")
async def error(): raise ValueError("on purpose")
"""
OWN = """
handler = logging.FileHandler("own.log")
handler.setFormatter(logging.Formatter("OWN %(levelname)s %(message)s"))
logging.getLogger("uvicorn.error").addHandler(handler)
"""
COLOURED = """
import uvicorn.logging
form = "MINE %(client_addr)s %(request_line)s %(status_code)s"
logging.getLogger("uvicorn.access").handlers[0].setFormatter(uvicorn.logging.AccessFormatter(form, use_colors=False))
"""
DUMPED = """
import json

class Dump(logging.Formatter):
    def format(self, record):
        return json.dumps(sorted(record.__dict__))

logging.getLogger("uvicorn.access").handlers[0].setFormatter(Dump())
"""
CONFIG = {
    "version": 1,
    "formatters": {"own": {"format": "%(name)s %(levelname)s %(message)s"}},
    "handlers": {"own": {"class": "logging.FileHandler", "filename": "own.log", "formatter": "own"}},
    "root": {"handlers": ["own"], "level": "DEBUG"},
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "own.log").touch()
    return tmp_path


def wait_lines(server: Fastrd, path: Path, n: int) -> list[str]:
    """The file's lines, once there are `n`."""
    server.wait(lambda: path.exists() and path.read_text().count("\n") >= n, f"{n} lines in {path.name}")
    return path.read_text().splitlines()


def test_exceptions_reach_handlers_of_uvicorn_error(directory):
    (directory / "app.py").write_text(APP + OWN)
    with Fastrd("app:app", directory) as server:
        assert server.get("/error")[0] == 500
        lines = wait_lines(server, directory / "own.log", 5)
        assert "OWN ERROR Exception in ASGI application" in lines
        server.wait_log("[worker 0] Exception in ASGI application")


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["imported", "forked"])
def test_a_log_config_alone_says_what_becomes_of_uvicorns_loggers(directory, preload):
    (directory / "log.json").write_text(json.dumps(CONFIG))
    flags = ["--log-config", "log.json", "--log-level", "debug", "--root-path", "/shop", *preload]
    with Fastrd("app:app", directory, *flags) as server:
        assert server.get("/items/1?a=b")[0] == 200
        assert server.get("/error")[0] == 500
        own = directory / "own.log"
        server.wait(lambda: "ValueError: on purpose" in own.read_text() and '/error HTTP' in own.read_text(), "all lines")
        text = own.read_text()
        assert "uvicorn.error DEBUG item 1\n" in text
        assert "uvicorn.error ERROR Exception in ASGI application\n" in text
        assert ' - "GET /shop/items/1?a=b HTTP/1.1" 200\n' in text
        assert text.count("uvicorn.access INFO ") == 2
        assert "Exception in ASGI" not in server.log() and "item 1" not in server.log()


def test_the_level_of_the_flag_counts_beside_a_log_config(directory):
    config = {**CONFIG, "loggers": {"uvicorn.access": {"level": "DEBUG"}}}
    (directory / "log.json").write_text(json.dumps(config))
    with Fastrd("app:app", directory, "--log-config", "log.json", "--log-level", "warning") as server:
        assert server.get("/items/1")[0] == 200
        assert server.get("/error")[0] == 500
        own = directory / "own.log"
        server.wait(lambda: "ValueError: on purpose" in own.read_text(), "the exception")
        assert "GET" not in own.read_text() and "item 1" not in own.read_text()


def test_an_access_log_with_a_file_is_written_beside_a_log_config(directory):
    (directory / "log.json").write_text(json.dumps(CONFIG))
    flags = ["--log-config", "log.json", "--access-log-file", "access.log"]
    with Fastrd("app:app", directory, *flags) as server:
        assert server.get("/items/1")[0] == 200
        (line,) = wait_lines(server, directory / "access.log", 1)
        assert '"GET /items/1 HTTP/1.1" 200 1' in line
        assert "uvicorn.access INFO 127.0.0.1" in (directory / "own.log").read_text()


def test_a_formatter_on_our_handler_writes_where_the_access_log_is(directory):
    (directory / "app.py").write_text(APP + COLOURED)
    with Fastrd("app:app", directory, "--access-log-file", "access.log", "--root-path", "/shop") as server:
        assert server.get("/items/1")[0] == 200
        (line,) = wait_lines(server, directory / "access.log", 1)
        assert line.startswith("MINE 127.0.0.1:") and line.endswith(" GET /shop/items/1 HTTP/1.1 200 OK")
    assert "MINE" not in server.log()


def test_records_of_requests_have_no_marks_of_ours(directory):
    (directory / "app.py").write_text(APP + DUMPED)
    with Fastrd("app:app", directory, "--access-log-file", "access.log") as server:
        assert server.get("/items/1")[0] == 200
        (line,) = wait_lines(server, directory / "access.log", 1)
    plain = logging.makeLogRecord({}).__dict__
    assert set(json.loads(line)) <= {*plain, "message", "asctime"}
