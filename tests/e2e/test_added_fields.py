"""Fields that every answer gets: the request's id, and what makes browsers careful."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
import uuid
from pathlib import Path

import pytest
from server import Fastrd, fails, read_all

APP = """
import os
from fastapi import BackgroundTasks, FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles
app = FastAPI()
sub = FastAPI()
app.mount("/sub", sub)
app.mount("/static", StaticFiles(directory="."))

@app.get("/")
async def root(): return {}

@app.get("/id")
@sub.get("/id")
async def told(request: Request): return request.state.request_id

@app.get("/own")
async def own(response: Response):
    response.headers["X-Request-ID"] = "mine"
    response.headers["X-Frame-Options"] = "SAMEORIGIN"

@app.get("/stream")
async def stream(): return StreamingResponse(iter([b"a", b"b"]))

@app.get("/fails")
async def failing(): raise ValueError

@app.get("/late")
async def late(tasks: BackgroundTasks): tasks.add_task(failing)

@app.get("/cut")
async def cut(): return StreamingResponse(b"%d" % (1 // n) for n in (1, 0))

@app.get("/none", status_code=304)
async def none(): pass

async def plain(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/fails":
        raise ValueError
    body = scope["state"].get("request_id", "").encode()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body})
    if scope["path"] == "/late":
        raise ValueError
"""
CAREFUL = {
    "x-content-type-options": "nosniff", "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
}  # fmt: skip
PATHS = ["/", "/stream", "/fails", "/none", "/missing", "/static/app.py", "/static/none", "/sub/id", "/docs"]


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


# What many applications do to have the id in their own lines.
FACTORY = """
import logging
made = logging.getLogRecordFactory()

def record(*args, **more):
    found = made(*args, **more)
    found.request_id = "the factory's"
    return found

logging.setLogRecordFactory(record)
"""


def ask(server: Fastrd, path: str, *fields: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Status, fields and content. No field is there twice."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close", *fields]
    answer = server.raw("\r\n".join([*lines, "", ""]).encode())
    return parsed(answer)


def parsed(answer: bytes) -> tuple[int, dict[str, str], str]:
    head, _, content = answer.decode().partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    found = [(name, value) for name, _, value in (line.partition(": ") for line in rest)]
    assert len(dict(found)) == len(found), found
    return int(first[9:12]), dict(found), content


def careful(fields: dict[str, str]) -> dict[str, str]:
    names = {"content-security-policy", "permissions-policy", "cross-origin-opener-policy", "strict-transport-security"}
    return {name: value for name, value in fields.items() if name in CAREFUL.keys() | names}


@pytest.mark.parametrize("name", ["app:app", "app:plain"])
def test_every_answer_has_security_fields(app_dir, name):
    with Fastrd(name, app_dir, "--security-headers", seconds=60) as server:
        for path in PATHS:
            for method in ("GET", "HEAD"):
                assert careful(ask(server, path, method=method)[1]) == CAREFUL, path
        status, fields, _ = parsed(server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nBad header\r\n\r\n"))
        assert (status, careful(fields)) == (400, CAREFUL)
        _, fields, _ = ask(server, "/", "Upgrade: websocket", "Connection: upgrade")
        assert careful(fields) == CAREFUL


def test_the_applications_own_field_wins_and_so_does_that_of_the_command_line(app_dir):
    flags = ["--security-headers", "--header", "Referrer-Policy: no-referrer"]
    with Fastrd("app:app", app_dir, *flags, seconds=60) as server:
        assert careful(ask(server, "/own")[1]) == {
            **CAREFUL, "x-frame-options": "SAMEORIGIN", "referrer-policy": "no-referrer",
        }  # fmt: skip
        assert careful(ask(server, "/")[1]) == {**CAREFUL, "referrer-policy": "no-referrer"}


def test_each_field_has_a_setting(app_dir):
    flags = [
        "--security-headers", "--security-frame-options=any", "--security-referrer-policy=",
        "--security-https-max-age=60", "--security-content-policy=default-src 'self'",
        "--security-permissions-policy=camera=()", "--security-opener-policy=same-origin",
    ]  # fmt: skip
    wanted = {
        "x-content-type-options": "nosniff", "content-security-policy": "default-src 'self'",
        "permissions-policy": "camera=()", "cross-origin-opener-policy": "same-origin",
    }  # fmt: skip
    with Fastrd("app:app", app_dir, *flags, seconds=60) as server:
        assert careful(ask(server, "/")[1]) == wanted
        secure = {**wanted, "strict-transport-security": "max-age=60"}
        assert careful(ask(server, "/", "X-Forwarded-Proto: https")[1]) == secure


def test_a_reload_changes_them(app_dir):
    (app_dir / "c.toml").write_text("[security]\nheaders = true\nframe_options = 'sameorigin'\n")
    with Fastrd("app:app", app_dir, "-c", "c.toml", seconds=60) as server:
        assert ask(server, "/")[1]["x-frame-options"] == "SAMEORIGIN"
        (app_dir / "c.toml").write_text("request_id = true\n")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        fields = ask(server, "/")[1]
        assert not careful(fields) and "x-request-id" in fields


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--security-content-policy=x"], "--security-content-policy has no effect without --security-headers"),
        (["--security-headers", "--security-referrer-policy=a\rb"], "no field can be that"),
    ],
)
def test_what_is_wrong_is_refused(app_dir, flags, why):
    for command in ([], ["-t"]):
        status, text = fails("app:app", app_dir, *flags, *command)
        assert status == 2 and why in text


def is_new(text: str) -> bool:
    """Is it a UUID of version 7, of this minute?"""
    found = uuid.UUID(text)
    assert str(found) == text and (found.version, found.variant) == (7, uuid.RFC_4122)
    return abs((found.int >> 80) / 1000 - time.time()) < 60


@pytest.mark.parametrize(("name", "path"), [("app:app", "/id"), ("app:app", "/sub/id"), ("app:plain", "/")])
def test_a_request_has_an_id(app_dir, name, path):
    log = app_dir / "access.log"
    flags = ["--access-log-file", str(log), "--access-log-format", "%(request_id)s"]
    with Fastrd(name, app_dir, "--request-id", *flags, seconds=60) as server:
        _, fields, content = ask(server, path)
        first = fields["x-request-id"]
        assert is_new(first) and first in content
        for theirs in ("a.B_c-9", "x" * 128):
            _, fields, content = ask(server, path, f"X-Request-ID: {theirs}")
            assert fields["x-request-id"] == theirs and theirs in content
        for wrong in ("a b", "x" * 129, "é", ""):
            assert is_new(ask(server, path, f"X-Request-ID: {wrong}")[1]["x-request-id"]), wrong
        assert is_new(ask(server, path, "X-Request-ID: a", "X-Request-ID: b")[1]["x-request-id"])
        server.wait(lambda: log.read_text().count("\n") == 8, "eight lines")
        assert log.read_text().splitlines()[:3] == [first, "a.B_c-9", "x" * 128]


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(("name", "paths"), [("app:app", ["fails", "late", "cut"]), ("app:plain", ["fails", "late"])])
def test_what_is_logged_of_an_exception_has_the_requests_id(app_dir, name, paths, form):
    with Fastrd(name, app_dir, "--request-id", "--log-format", form, seconds=60) as server:
        for path in paths:
            ask(server, f"/{path}", f"X-Request-ID: of-{path}")
            end = f'"request_id": "of-{path}"' if form == "json" else f" (request of-{path})\n"
            server.wait_log(end)
        told = [line for line in server.log().splitlines() if "Exception in ASGI application" in line]
        assert len(told) == len(paths)
        if form == "json":
            assert [json.loads(line)["request_id"] for line in told] == [f"of-{path}" for path in paths]


def test_a_record_factory_may_give_the_id_as_well(app_dir):
    with (app_dir / "app.py").open("a") as app:
        app.write(FACTORY)
    with Fastrd("app:app", app_dir, "--request-id", seconds=60) as server:
        ask(server, "/fails", "X-Request-ID: ours")
        server.wait_log("Exception in ASGI application (request the factory's)\n")


def test_only_a_trusted_proxy_may_say_it(app_dir):
    for flags in (["--forwarded-allow-ips", "192.0.2.1"], ["--no-proxy-headers"]):
        with Fastrd("app:app", app_dir, "--request-id", *flags, seconds=60) as server:
            assert is_new(ask(server, "/", "X-Request-ID: theirs")[1]["x-request-id"])


def test_every_answer_has_the_id_but_the_applications_own_wins(app_dir):
    with Fastrd("app:app", app_dir, "--request-id", seconds=60) as server:
        found = [ask(server, path)[1]["x-request-id"] for path in PATHS]
        assert all(map(is_new, found)) and len(set(found)) == len(PATHS)
        assert ask(server, "/own")[1]["x-request-id"] == "mine"
        refused = parsed(server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nX-Request-ID: a\r\nBad header\r\n\r\n"))
        assert refused[0] == 400 and is_new(refused[1]["x-request-id"])


def test_an_id_of_the_command_line_takes_the_place_of_ours(app_dir):
    with Fastrd("app:app", app_dir, "--request-id", "--header", "X-Request-ID: fixed", seconds=60) as server:
        assert ask(server, "/")[1]["x-request-id"] == "fixed"
        assert is_new(json.loads(ask(server, "/id")[2]))


def test_no_two_ids_of_several_workers_are_the_same(app_dir):
    with Fastrd("app:app", app_dir, "--request-id", "--preload", "--workers", "4", seconds=60) as server:
        found = [ask(server, "/id")[1]["x-request-id"] for _ in range(200)]
    assert len(set(found)) == 200 and all(map(is_new, found))


def test_each_request_of_a_pipeline_has_its_own(app_dir):
    with Fastrd("app:app", app_dir, "--request-id", seconds=60) as server, server.connect() as sock:
        one = b"GET /id HTTP/1.1\r\nHost: x\r\n"
        sock.sendall((one + b"\r\n") * 300 + one + b"Connection: close\r\n\r\n")
        answer = read_all(sock).decode()
    told = re.findall(r'x-request-id: (\S+)\r\n(?:.*\r\n)*?\r\n"(\S{36})"', answer)
    assert len(told) == 301 == len(set(told)) and all(field == content for field, content in told)


def test_a_client_that_leaves_is_in_the_log_with_the_id(app_dir):
    (app_dir / "app.py").write_text(APP + (
        "import asyncio\n@app.get('/wait')\nasync def wait(request: Request):\n"
        "    print('id', request.state.request_id, flush=True)\n    await asyncio.sleep(60)\n"
    ))  # fmt: skip
    log = app_dir / "access.log"
    flags = ["--access-log-file", str(log), "--access-log-format", "json", "--no-proxy-headers"]
    with Fastrd("app:app", app_dir, "--request-id", *flags, seconds=60) as server:
        with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
            sock.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\nX-Request-ID: theirs\r\n\r\n")
            server.wait_log("id 0")
        server.signal(signal.SIGINT)
        assert server.process is not None and server.process.wait(30) == 0
        told = next(line[3:] for line in server.log().splitlines() if line.startswith("id 0"))
    assert json.loads(log.read_text().splitlines()[0])["request_id"] == told


def test_without_the_switches_nothing_is_added(app_dir):
    with Fastrd("app:app", app_dir, seconds=60) as server:
        _, fields, _ = ask(server, "/", "X-Request-ID: a")
        assert fields.keys() == {"date", "server", "content-length", "content-type", "connection"}
        assert ask(server, "/id")[0] == 500
