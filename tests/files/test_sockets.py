"""Large files over sockets: slow clients, clients that leave, files that change on the way. Behind
layers that leave the content alone the server sends them, too: what is announced is sent, in
whatever pieces Starlette would have read it."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import fastrd, free_port, serving

APP = """
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles
from starlette.middleware.base import BaseHTTPMiddleware

class Heads(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-dispatch"] = "1"
        return response

class Plain:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)

class Receives(Plain):
    async def __call__(self, scope, receive, send):
        async def take():
            return await receive()
        await self.app(scope, take, send)

app = FastAPI()
app.mount("/static", StaticFiles(directory="{directory}"))
for layer in ({layers}):
    app.add_middleware(layer)
if {native}:
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.add_middleware(Heads)
"""
LAYERS = {
    "none": ("", False),
    "dispatch": ("Heads,", False),
    "two dispatch layers": ("Heads, Heads", False),
    "plain": ("Plain,", False),
    "a receive of its own": ("Receives,", False),
    "native, in a dispatch layer": ("Plain, Heads", True),
}
LARGE = 100 * 1024 * 1024
MARKS = 4096  # every so many bytes of a file that is not sparse


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served")
    (path / "small.txt").write_text("small")
    return path


@pytest.fixture(scope="module", params=LAYERS)
def server(
    directory: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[int, int]]:
    """The port, and the process of the only worker."""
    app_dir = tmp_path_factory.mktemp("app")
    layers, native = LAYERS[request.param]
    (app_dir / "served.py").write_text(APP.format(directory=directory, layers=layers, native=native))
    port = free_port()
    log = app_dir / "log"
    with serving([*fastrd("served:app", app_dir, port), "--workers", "1"], port, log, {}):
        yield port, worker_of(port)


def worker_of(port: int) -> int:
    """The process that has accepted a connection."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(asking("small.txt"))
        sock.recv(1)
        own = sock.getsockname()[1]
        inodes = {
            line.split()[9]
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if line.split()[1].endswith(f":{port:04X}") and line.split()[2].endswith(f":{own:04X}")
        }
        for process in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                for fd in os.listdir(f"/proc/{process}/fd"):
                    if os.readlink(f"/proc/{process}/fd/{fd}")[8:-1] in inodes:
                        return int(process)
    raise AssertionError("no worker")


def asking(name: str, *fields: str, method: str = "GET") -> bytes:
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"{method} /static/{name} HTTP/1.1\r\nHost: a\r\n{lines}\r\n".encode()


def read_head(sock: socket.socket) -> tuple[bytes, bytes]:
    """The head of an answer, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        assert more, data
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def length_of(head: bytes) -> int:
    (line,) = (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    return int(line[16:])


def read_content(sock: socket.socket, got: bytes, length: int) -> Iterator[bytes]:
    """The content in pieces, as much of it as comes."""
    while True:
        if got:
            yield got
            length -= len(got)
        if length <= 0:
            assert length == 0
            return
        got = sock.recv(min(1 << 20, length))
        if not got:
            return


def ask(port: int, name: str, *fields: str) -> tuple[bytes, bytes]:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(asking(name, *fields))
        head, got = read_head(sock)
        return head, b"".join(read_content(sock, got, length_of(head)))


def marked(path: Path, size: int) -> None:
    """A file whose content tells where a piece of it stands."""
    with path.open("wb") as file:
        for number in range(size // MARKS):
            file.write(b"%08d" % number * (MARKS // 8))


def descriptors(process: int) -> int:
    return len(os.listdir(f"/proc/{process}/fd"))


def resident(process: int) -> int:
    (line,) = (li for li in Path(f"/proc/{process}/status").read_text().splitlines() if li.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def settle(process: int, before: int) -> None:
    """The worker has as many descriptors as before."""
    deadline = time.monotonic() + 20
    while descriptors(process) > before:
        assert time.monotonic() < deadline, f"{descriptors(process)} descriptors, {before} before"
        time.sleep(0.05)


def test_a_large_file_is_sent_whole_and_costs_no_memory(server, directory):
    port, process = server
    path = directory / "large.bin"
    with path.open("wb") as file:
        file.truncate(LARGE)
        file.seek(LARGE - 4)
        file.write(b"end\n")
    before, held = descriptors(process), resident(process)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(asking("large.bin"))
        head, got = read_head(sock)
        assert head.startswith(b"HTTP/1.1 200 ") and length_of(head) == LARGE
        total, last = 0, b""
        for piece in read_content(sock, got, LARGE):
            total += len(piece)
            last = (last + piece)[-4:]
        assert (total, last) == (LARGE, b"end\n")
        assert resident(process) - held < LARGE / 10
        sock.sendall(asking("small.txt"))
        head, got = read_head(sock)
        assert b"".join(read_content(sock, got, 5)) == b"small"
    settle(process, before)


def test_pieces_stand_where_they_belong(server, directory):
    """Whole, one range, several ranges; each longer than what is read at once."""
    port, _ = server
    path = directory / "marked.bin"
    marked(path, 8 << 20)
    content = path.read_bytes()
    assert ask(port, "marked.bin")[1] == content
    head, got = ask(port, "marked.bin", "Range: bytes=1000001-3000000")
    assert head.startswith(b"HTTP/1.1 206 ") and got == content[1000001:3000001]
    head, got = ask(port, "marked.bin", "Range: bytes=5-100004,200000-200009,7000000-")
    boundary = head.partition(b"boundary=")[2][:26]
    parts = [part.partition(b"\r\n\r\n")[2][:-2] for part in got.split(b"--" + boundary)[1:-1]]
    assert parts == [content[5:100005], content[200000:200010], content[7000000:]]


def test_answers_behind_a_large_one_wait(server, directory):
    """Of a pipeline each answer is whole, and they come in order."""
    port, process = server
    marked(directory / "piped.bin", 1 << 20)
    content = (directory / "piped.bin").read_bytes()
    before = descriptors(process)
    names = ["piped.bin", "small.txt", "piped.bin", "piped.bin", "small.txt"] * 4
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"".join(map(asking, names)))
        data = b""
        for name in names:
            while b"\r\n\r\n" not in data:
                data += sock.recv(65536)
            head, _, data = data.partition(b"\r\n\r\n")
            while len(data) < length_of(head):
                data += sock.recv(65536)
            got, data = data[: length_of(head)], data[length_of(head) :]
            assert got == (content if name == "piped.bin" else b"small"), name
        assert data == b""
    settle(process, before)


def test_slow_clients_hold_nothing_but_a_descriptor(server, directory):
    """Clients that do not read keep neither memory nor anybody else waiting; when they leave,
    their files are closed."""
    port, process = server
    path = directory / "slow.bin"
    with path.open("wb") as file:
        file.truncate(LARGE)
    before, held = descriptors(process), resident(process)
    with contextlib.ExitStack() as stack:
        socks = []
        for _ in range(40):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.sendall(asking("slow.bin") * 5)
            socks.append(sock)
        for sock in socks:
            head, _ = read_head(sock)
            assert length_of(head) == LARGE
        assert ask(port, "small.txt")[1] == b"small"
        # A socket and a file each: the requests behind the first have not begun.
        assert descriptors(process) <= before + 2 * len(socks) + 2
        assert resident(process) - held < 40 * 200_000
        one = socks[0]
        total = sum(map(len, read_content(one, b"", 10 << 20)))
        assert total == 10 << 20
    settle(process, before)


def test_many_small_ranges_are_not_kept_in_memory(server, directory):
    """Each is short enough to be copied; a client that does not read gets them as pieces of
    the file all the same."""
    port, process = server
    with (directory / "ranges.bin").open("wb") as file:
        file.truncate(LARGE)
    ranges = ",".join(f"{n * 40_000}-{n * 40_000 + 32_767}" for n in range(90))
    asked = asking("ranges.bin", f"Range: bytes={ranges}")
    before, held = descriptors(process), resident(process)
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            sock = stack.enter_context(socket.socket())
            # Of 2.9 MB the kernel takes little: its buffer for sending grows with the segments.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1000)
            sock.connect(("127.0.0.1", port))
            sock.sendall(asked)
            assert read_head(sock)[0].startswith(b"HTTP/1.1 206")
        assert ask(port, "small.txt")[1] == b"small"
        # A sanitizer keeps what was freed.
        assert "ASAN_OPTIONS" in os.environ or resident(process) - held < 40 * 200_000
    settle(process, before)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(asked)
        head, got = read_head(sock)
        length = length_of(head)
        assert sum(map(len, read_content(sock, got, length))) == length


@pytest.mark.parametrize("change", ["truncated", "deleted", "replaced", "grown"])
def test_a_file_that_changes_while_it_is_sent(server, directory, change):
    """What was announced is sent, or the connection ends; never other bytes in their place."""
    port, process = server
    path = directory / f"{change}.bin"
    marked(path, 64 << 20)
    before = descriptors(process)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        sock.sendall(asking(path.name) + asking("small.txt"))
        head, got = read_head(sock)
        length = length_of(head)
        assert length == 64 << 20
        if change == "truncated":
            os.truncate(path, 32 << 20)
        elif change == "deleted":
            path.unlink()
        elif change == "replaced":
            other = directory / "other"
            other.write_bytes(b"x" * length)
            other.rename(path)
        else:
            with path.open("ab") as file:
                file.write(b"more")
        total = len(got)
        for piece in read_content(sock, b"", length - len(got)):
            total += len(piece)
        if change == "truncated":
            assert total == 32 << 20
            assert sock.recv(1) == b""
        else:
            assert total == length
            head, got = read_head(sock)
            assert b"".join(read_content(sock, got, 5)) == b"small"
    settle(process, before)


def test_clients_that_leave_in_the_middle(server, directory):
    port, process = server
    path = directory / "left.bin"
    with path.open("wb") as file:
        file.truncate(LARGE)
    before = descriptors(process)
    for number in range(60):
        with socket.create_connection(("127.0.0.1", port)) as sock:
            ranges = () if number % 2 else ("Range: bytes=0-40000000,50000000-90000000",)
            sock.sendall(asking("left.bin", *ranges))
            if number % 3:
                sock.recv(1000 * number)
    settle(process, before)
    assert ask(port, "small.txt")[1] == b"small"


def test_head_and_an_older_client(server, directory):
    port, _ = server
    path = directory / "older.bin"
    marked(path, 1 << 20)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(asking("older.bin", method="HEAD") + asking("small.txt"))
        head, got = read_head(sock)
        assert length_of(head) == 1 << 20
        while b"small" not in got:
            got += sock.recv(4096)
        assert got.startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"GET /static/older.bin HTTP/1.0\r\n\r\n")
        data = b"".join(iter(lambda: sock.recv(1 << 20), b""))
    assert data.partition(b"\r\n\r\n")[2] == path.read_bytes()
