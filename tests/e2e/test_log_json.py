"""--log-format json: every process, C and Python, the application's loggers, one object a line."""

from __future__ import annotations

import json
import re
import signal
import socket
from typing import Any

from server import Fastrd
from test_log import out_of_descriptors

FILES = 40
APP = """
import logging, warnings
from fastapi import FastAPI, Request

logging.basicConfig(level=logging.INFO, format="TEXT %(message)s")
app = FastAPI()
own = logging.getLogger("shop.cart")

@app.get("/own")
async def get_own():
    own.info("a %s", "line\\nwith \\x1b[31m, \\"quotes\\" and é")
    own.debug("not at this level")
    warnings.warn("be warned")

@app.get("/error")
async def error(): raise ValueError("on purpose")

@app.get("/item/{n}")
async def item(n: int): return n

@app.post("/upload")
async def upload(request: Request): return len(await request.body())
"""


def entries(server: Fastrd) -> list[dict[str, Any]]:
    """All that is logged: nothing else is there."""
    return [json.loads(line) for line in server.log().splitlines()]


def test_the_banner_is_entries_as_well(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    with Fastrd("app:app", tmp_path, "--log-format", "json") as server:
        server.wait_log('"routes ')
        told = [entry["msg"] for entry in entries(server)]
        assert told[0] == "fastrd 0.1.0 serves app:app"
        assert told[1] == f"address http://127.0.0.1:{server.port}"
        assert [text.split()[0] for text in told[2:]] == ["workers", "python", "fastapi", "routes"]


def test_each_line_is_an_object(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    flags = ["--log-format", "json", "--access-log"]
    with Fastrd("app:app", tmp_path, *flags, files=(FILES, FILES)) as server:
        assert server.get("/own")[0] == 200
        assert server.get("/error")[0] == 500
        with out_of_descriptors(server):
            server.wait_log("cannot accept")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        found = entries(server)
        for entry in found:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(\d{3}|\d{6})Z", entry["time"])
            assert entry["pid"] > 0 and entry["level"] in ("info", "warning", "error")
        told = {(entry["level"], entry["process"], entry["logger"], entry["msg"]) for entry in found}
        worker = ("worker 0", "shop.cart")
        assert ("info", *worker, 'a line\nwith \x1b[31m, "quotes" and é') in told
        text = "cannot accept connections, pausing: Too many open files"
        assert ("warning", "worker 0", "fastrd", text) in told
        assert any(row[:3] == ("info", "master", "fastrd") and row[3].endswith(": reloading") for row in told)
        assert any("UserWarning: be warned" in row[3] for row in told)
        assert "not at this level" not in server.log()
        (error,) = [entry for entry in found if entry["msg"] == "Exception in ASGI application"]
        assert error["logger"] == "uvicorn.error"
        assert error["exception"].startswith("Traceback")
        assert error["exception"].endswith("ValueError: on purpose")
        requests = [entry["path"] for entry in found if entry["logger"] == "access"]
        assert requests == ["/own", "/error"]


def test_a_thousand_uploads_that_are_broken_off_are_no_news(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    with Fastrd("app:app", tmp_path, "--log-format", "json", "--blocked-warning", "0") as server:
        before = entries(server)
        for _ in range(1000):
            with socket.create_connection(("127.0.0.1", server.port)) as conn:
                conn.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        assert server.get("/item/1")[0] == 200
        assert entries(server) == before


def test_workers_that_are_forked_have_their_names_and_the_present_file(tmp_path):
    """--preload: they have standard error of a process that was there before a rotation."""
    (tmp_path / "app.py").write_text(APP)
    log = tmp_path / "app.log"
    with Fastrd("app:app", tmp_path, "--preload", "--log-file", log.name, "--log-format", "json") as server:
        assert server.get("/error")[0] == 500
        server.wait(lambda: "ASGI" in log.read_text(), "its line")
        log.rename(tmp_path / "app.log.1")
        server.signal(signal.SIGUSR1)
        server.wait(lambda: log.exists() and "opened again" in log.read_text(), "a new file")
        (entry,) = [json.loads(line) for line in (tmp_path / "app.log.1").read_text().splitlines() if "ASGI" in line]
        assert (entry["process"], entry["logger"]) == ("worker 0", "uvicorn.error")
        server.signal_child(entry["pid"], signal.SIGKILL)
        server.wait(lambda: " serves as process " in log.read_text(), "another worker")
        assert server.get("/error")[0] == 500
        server.wait(lambda: "on purpose" in log.read_text(), "its traceback")
        last = json.loads(log.read_text().splitlines()[-1])
        assert last["process"] == "worker 0" and last["pid"] != entry["pid"]
        assert (tmp_path / "app.log.1").read_text().count("ASGI application") == 1


def test_a_reload_that_wants_a_wrong_log_is_refused(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    file = tmp_path / "fastrd.toml"
    file.write_text('app = "app:app"\naccess_log_format = "%(m)s"\n')
    with Fastrd("app:app", tmp_path, "-c", file.name) as server:
        for wrong, said in (
            ('access_log_format = "%(x)s"', "fastrd.toml:2: access_log_format = %(x)s: there is no %(x)s"),
            ('access_log_file = "no/where"', f"fastrd.toml:2: access_log_file = {tmp_path}/no/where: No such file or directory"),
        ):
            file.write_text(f'app = "app:app"\n{wrong}\n')
            server.signal(signal.SIGHUP)
            server.wait_log(f"reload failed, generation 1 serves on: {said}")
        file.write_text('app = "app:app"\naccess_log_file = "here.log"\n')
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert server.get("/item/1")[0] == 200
        server.wait(lambda: "GET /item/1" in (tmp_path / "here.log").read_text(), "its line")
