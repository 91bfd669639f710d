"""What follows a long file: background tasks, exits of dependencies, layers. When they run, and what
they see, is as under uvicorn."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import fastrd, free_port, serving, uvicorn

APP = """
import os
from fastapi import BackgroundTasks, Depends, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware

def note(text):
    with open("{events}", "a") as file:
        file.write(text + "\\n")

class Heads(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-dispatch"] = "1"
        return response

class Reads(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        inner = response.body_iterator
        async def pieces():
            async for piece in inner:
                yield piece
        response.body_iterator = pieces()
        return response

class Notes:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        try:
            await self.app(scope, receive, send)
        except BaseException as exc:
            note(f"layer {{exc!r}}")
            raise
        note("layer")

async def opened():
    note("enter")
    try:
        yield 1
    except BaseException as exc:
        note(f"exit {{exc!r}}")
        raise
    note("exit")

app = FastAPI()
app.mount("/static", StaticFiles(directory="{directory}"))

@app.api_route("/task/{{name}}", methods=["GET", "HEAD"])
async def task(name: str):
    return FileResponse("{directory}/" + name, background=BackgroundTask(note, "task"))

@app.api_route("/tasks/{{name}}", methods=["GET", "HEAD"])
def tasks(name: str, tasks: BackgroundTasks):
    tasks.add_task(note, "tasks")
    return FileResponse("{directory}/" + name)

@app.api_route("/exit/{{name}}", methods=["GET", "HEAD"])
async def exits(name: str, tasks: BackgroundTasks, one: int = Depends(opened)):
    tasks.add_task(note, "tasks")
    return FileResponse("{directory}/" + name)

for layer in ({layers}):
    app.add_middleware(layer)
"""
LAYERS = {
    "none": "",
    "dispatch": "Heads,",
    "plain": "Notes,",
    "two dispatch layers": "Notes, Heads, Heads, Notes",
    "one that reads": "Heads, Reads, Heads, Notes",
}
# More than the buffers of two sockets have room for.
SIZE = 12 << 20
RANGES = {"whole": "", "range": "bytes=5-", "ranges": "bytes=0-9,100000-5000000,8000000-"}


class Server:
    """One of the two, with the files that it serves and what happened."""

    def __init__(self, port: int, directory: Path, events: Path) -> None:
        self.port, self.directory, self.events = port, directory, events
        self.count = 0

    def file(self) -> str:
        """The name of a fresh file."""
        self.count += 1
        name = f"{self.count}.bin"
        with (self.directory / name).open("wb") as file:
            file.truncate(SIZE)
        self.events.write_text("")
        return name

    def asked(self, start: str, name: str, ranges: str = "whole", method: str = "GET") -> socket.socket:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.connect(("127.0.0.1", self.port))
        field = f"Range: {RANGES[ranges]}\r\n" if RANGES[ranges] else ""
        sock.sendall(f"{method} {start}/{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{field}\r\n".encode())
        return sock

    def seen(self) -> list[str]:
        text = re.sub(r"CancelledError\(.*\)", "CancelledError()", self.events.read_text())
        return text.replace(str(self.directory), "").splitlines()

    def after(self, until: Callable[[list[str]], bool]) -> list[str]:
        """What happened, once it has."""
        deadline = time.monotonic() + 20
        while not until(self.seen()):
            assert time.monotonic() < deadline, self.seen()
            time.sleep(0.02)
        time.sleep(0.1)
        return self.seen()


def read(sock: socket.socket) -> int:
    """How much comes until the end."""
    total = 0
    while data := sock.recv(1 << 20):
        total += len(data)
    sock.close()
    return total


@pytest.fixture(scope="module", params=LAYERS)
def both(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[list[Server]]:
    made = tmp_path_factory.mktemp("after")
    servers, stack = [], []
    for name, command in (("uvicorn", uvicorn), ("fastrd", fastrd)):
        directory = made / name
        (directory / "files").mkdir(parents=True)
        events = directory / "events"
        events.write_text("")
        text = APP.format(directory=directory / "files", events=events, layers=LAYERS[request.param])
        (directory / "served.py").write_text(text)
        port = free_port()
        options = ["--workers", "1"] if name == "fastrd" else []
        context = serving([*command("served:app", directory, port), *options], port, directory / "log", {})
        context.__enter__()
        stack.append(context)
        servers.append(Server(port, directory / "files", events))
    yield servers
    for context in stack:
        context.__exit__(None, None, None)


STARTS = ("/task", "/tasks", "/exit", "/static")


def expected(start: str, kind: str) -> int:
    """How many lines there are in the end."""
    return {"/task": 1, "/tasks": 1, "/exit": 3, "/static": 0}[start] + LAYERS[kind].count("Notes")


@pytest.mark.parametrize("ranges", RANGES)
@pytest.mark.parametrize("start", STARTS)
def test_when_all_was_read(both: list[Server], start: str, ranges: str, request: pytest.FixtureRequest) -> None:
    n = expected(start, request.node.callspec.params["both"])
    found = []
    for server in both:
        name = server.file()
        got = read(server.asked(start, name, ranges))
        found.append((got > SIZE // 2, server.after(lambda seen: len(seen) >= n)))
    assert found[0] == found[1], found
    assert found[0][0]


@pytest.mark.parametrize("start", STARTS)
def test_head(both: list[Server], start: str, request: pytest.FixtureRequest) -> None:
    n = expected(start, request.node.callspec.params["both"])
    found = []
    for server in both:
        name = server.file()
        got = read(server.asked(start, name, method="HEAD"))
        found.append((got < 1000, server.after(lambda seen: len(seen) >= n)))
    assert found[0] == found[1], found


@pytest.mark.parametrize("start", STARTS)
def test_not_before_it_is_read(both: list[Server], start: str, request: pytest.FixtureRequest) -> None:
    """While the client does not read, nothing that follows runs; when it leaves, all of it does."""
    n = expected(start, request.node.callspec.params["both"])
    found = []
    for server in both:
        name = server.file()
        sock = server.asked(start, name)
        sock.recv(1000)
        if start == "/exit":
            server.after(lambda seen: seen == ["enter"])
        time.sleep(0.3)
        early = server.seen()
        sock.close()
        found.append((early, server.after(lambda seen: len(seen) >= n)))
    assert found[0] == found[1], found
    assert found[0][0] == (["enter"] if start == "/exit" else [])


@pytest.mark.parametrize("ranges", RANGES)
@pytest.mark.parametrize("start", STARTS)
def test_a_file_that_is_cut(both: list[Server], start: str, ranges: str) -> None:
    """What was announced never comes: the connection ends, and who waits learns why."""
    found = []
    for server in both:
        name = server.file()
        sock = server.asked(start, name, ranges)
        sock.recv(1000)
        os.truncate(server.directory / name, SIZE // 2)
        short = read(sock) < SIZE
        ends = ("layer", "exit", "task")
        time.sleep(0.3)
        found.append((short, [line for line in server.seen() if line.startswith(ends)]))
    assert found[0] == found[1], found
