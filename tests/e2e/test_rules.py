"""--route: limits and time-outs of single routes, compiled or not, before and around user code."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import pytest
from server import BINARY, Fastrd, fails, read_all, read_until
from test_handover import Client

APP = """
import asyncio, os, time
from pathlib import Path
from fastapi import Depends, FastAPI, Request
from starlette.responses import StreamingResponse

app = FastAPI()

def note(text):
    with open("noted", "a") as file:
        file.write(text + "\\n")

async def held():
    note("entered")
    try:
        yield
    finally:
        note("left")

async def wait():
    try:
        while not os.path.exists("open"):
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        note("cancelled")
        raise

@app.post("/small")
async def small(request: Request):
    return len(await request.body())

@app.post("/large/{name}")
async def large(name: str, request: Request):
    return len(await request.body())

@app.post("/other")
async def other(request: Request):
    return len(await request.body())

@app.get("/waits/{how}")
async def waits(how: str, _=Depends(held)):
    await wait()
    return how

@app.get("/thread")
def thread():
    while not os.path.exists("open"):
        time.sleep(0.01)
    note("thread")
    return "late"

@app.get("/streams")
async def streams():
    async def pieces():
        yield "first"
        while not os.path.exists("open"):
            await asyncio.sleep(0.01)
        yield "last"
    return StreamingResponse(pieces())

@app.get("/quick")
async def quick():
    return "quick"

@app.middleware("http")
async def around(request, call_next):
    return await call_next(request)
"""
LAYER = APP.index("@app.middleware")


@pytest.fixture(params=["compiled", "layered", "asgi"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


def start(directory: Path, way: str, *rules: str) -> Fastrd:
    (directory / "app.py").write_text(APP if way == "layered" else APP[:LAYER])
    flags = [word for rule in rules for word in ("--route", rule)]
    env = {"FASTRD_FORCE": "asgi"} if way == "asgi" else None
    return Fastrd("app:app", directory, "--limit-body", "1000", *flags, env=env)


def post(path: str, length: int, fields: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{fields}Content-Length: {length}\r\n\r\n"
    return head.encode() + b"x" * length


def chunked(path: str, length: int) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (length, b"x" * length)


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def noted(server: Fastrd) -> list[str]:
    path = server.directory / "noted"
    return path.read_text().split() if path.exists() else []


def test_content_may_be_larger_or_smaller(tmp_path: Path, way: str) -> None:
    rules = ("/small methods=POST limit_body=10", "/large/{name} limit_body=20K")
    with start(tmp_path, way, *rules) as server:
        for request in (post, chunked):
            for path, length, want in (
                ("/small", 10, 200), ("/small", 11, 413), ("/small%0A", 11, 413),
                ("/other", 1000, 200), ("/other", 1001, 413),
                ("/large/a", 20 * 1024, 200), ("/large/a", 20 * 1024 + 1, 413),
            ):  # fmt: skip
                assert status(server.raw(request(path, length))) == want, (request, path, length)


def test_too_large_is_said_before_100_continue(tmp_path: Path, way: str) -> None:
    with start(tmp_path, way, "/small limit_body=10") as server:
        expects = post("/small", 11, "Expect: 100-continue\r\n").partition(b"x" * 11)[0]
        assert status(server.raw(expects)) == 413
        with server.connect() as conn:
            conn.sendall(post("/small", 5, "Expect: 100-continue\r\n").removesuffix(b"xxxxx"))
            assert read_until(conn, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
            conn.sendall(b"xxxxx")
            assert status(read_all(conn)) == 200


def test_content_that_stops(tmp_path: Path, way: str) -> None:
    with start(tmp_path, way, "/small timeout_content=1") as server:
        with server.connect() as slow, server.connect() as other:
            slow.settimeout(30)
            slow.sendall(post("/small", 10)[:-5])
            other.sendall(post("/other", 10)[:-5])
            assert status(read_all(slow)) == 408
            other.sendall(b"xxxxx")  # has the time of all
            assert status(read_all(other)) == 200


def test_a_request_that_takes_too_long_is_cancelled(tmp_path: Path, way: str) -> None:
    with start(tmp_path, way, "/waits/* timeout=1") as server:
        got, _ = server.get("/waits/a")
        assert got == 504
        server.wait(lambda: noted(server) == ["entered", "cancelled", "left"], "the end of the request")
        server.wait_log("CancelledError: no answer within the timeout of its --route")
        assert server.get("/quick") == (200, b'"quick"')
        (tmp_path / "open").touch()
        assert server.get("/waits/a") == (200, b'"a"')


def test_it_is_cancelled_where_the_client_has_left(tmp_path: Path, way: str) -> None:
    with start(tmp_path, way, "/waits/* timeout=1 limit_concurrency=1") as server:
        with server.connect() as conn:
            conn.sendall(b"GET /waits/a HTTP/1.1\r\nHost: x\r\n\r\n")
            server.wait(lambda: noted(server) == ["entered"], "the request")
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        server.wait(lambda: noted(server) == ["entered", "cancelled", "left"], "the end of the request")
        (tmp_path / "open").touch()
        server.wait(lambda: server.get("/waits/a") == (200, b'"a"'), "its place")


def test_a_thread_runs_on(tmp_path: Path, way: str) -> None:
    """Nothing can stop it; its result goes nowhere."""
    with start(tmp_path, way, "/thread timeout=1") as server:
        assert server.get("/thread")[0] == 504
        assert noted(server) == []
        (tmp_path / "open").touch()
        server.wait(lambda: noted(server) == ["thread"], "the end of the thread")
        assert server.get("/thread") == (200, b'"late"')


def test_an_answer_that_has_begun_is_not_cut(tmp_path: Path, way: str) -> None:
    with start(tmp_path, way, "/streams timeout=1", "/thread timeout=1") as server:
        with server.connect() as conn:
            conn.settimeout(30)
            conn.sendall(b"GET /streams HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            read_until(conn, b"first\r\n")
            assert server.get("/thread")[0] == 504  # a whole time-out later
            (tmp_path / "open").touch()
            assert read_all(conn).endswith(b"last\r\n0\r\n\r\n")


def test_the_connection_goes_on_after_an_answer_in_time(tmp_path: Path, way: str) -> None:
    with start(tmp_path, way, "/quick timeout=1", "/thread timeout=1") as server:
        with server.connect() as conn:
            client = Client(conn)
            client.send(2 * b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
            assert [client.answer()[1] for _ in range(2)] == 2 * [b'"quick"']
            assert server.get("/thread")[0] == 504
            client.send(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.answer()[1] == b'"quick"'
        (tmp_path / "open").touch()


def test_so_many_at_a_time(tmp_path: Path, way: str) -> None:
    with start(tmp_path, way, "/waits/{how} limit_concurrency=2") as server:
        request = b"GET /waits/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

        def refused() -> bytes:
            return server.raw(request)

        waiting = [server.connect() for _ in range(2)]
        for conn in waiting:
            conn.settimeout(30)
            conn.sendall(request)
        server.wait(lambda: noted(server) == 2 * ["entered"], "both in hand")
        answer = refused()
        assert status(answer) == 503 and b"\r\nretry-after: 1\r\n" in answer.lower()
        assert server.get("/quick")[0] == 200
        (tmp_path / "open").touch()
        assert [status(read_all(conn)) for conn in waiting] == [200, 200]
        assert status(refused()) == 200


@pytest.mark.parametrize("way", ["compiled", "layered"])
def test_a_thread_that_is_late_still_counts(tmp_path: Path, way: str) -> None:
    """Not so through ASGI: there anyio lets go of a thread whose task is cancelled."""
    with start(tmp_path, way, "/thread timeout=1 limit_concurrency=1") as server:
        assert server.get("/thread")[0] == 504
        assert server.get("/thread")[0] == 503
        (tmp_path / "open").touch()
        server.wait(lambda: server.get("/thread")[0] == 200, "the end of the thread")


def test_the_file(tmp_path: Path) -> None:
    file = tmp_path / "fastrd.toml"
    rule = '[[route]]\npath = "/large/{name}"\nmethods = ["POST", "PUT"]\nlimit_body = "2K"\n'
    file.write_text(rule + '[[route]]\npath = "/small"\nlimit_body = 10\n')
    with start(tmp_path, "compiled", "/small limit_body=5") as server:
        assert status(server.raw(post("/large/a", 2000))) == 413
    server = start(tmp_path, "compiled")
    server.command[3:3] = ["-c", str(file)]
    with server:
        assert status(server.raw(post("/large/a", 2000))) == 200
        assert status(server.raw(post("/small", 11))) == 413
        file.write_text(rule.replace("2K", "1500"))
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert status(server.raw(post("/large/a", 2000))) == 413
        assert status(server.raw(post("/small", 11))) == 200


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    file = tmp_path / "fastrd.toml"
    file.write_text(
        'workers = 1\n[[route]]\npath = "/small"\nlimit_bdy = 5\n[[route]]\npath = "/a b"\ntimeout = 1\n'
        '[[route]]\npath = "/c"\ntimeout = "soon"\n[[route]]\nlimit_body = 1\n'
    )
    code, said = fails("app:app", tmp_path, "-c", "fastrd.toml")
    assert code == 2
    assert "fastrd.toml:2: route = /small limit_bdy=5: unknown key limit_bdy; want " in said
    assert "fastrd.toml:5: route = /a b timeout=1: unknown key b; want " in said
    assert "fastrd.toml:8: route = /c timeout=soon: timeout=soon: want a number from 1 to 3600" in said
    assert "fastrd.toml:11: route = " in said and said.count("want a path as the application") == 1
    code, said = fails("app:app", tmp_path, "--route", "small limit_body=5")
    assert code == 2 and "--route small limit_body=5: want a path" in said


def test_a_path_that_no_route_has_is_named(tmp_path: Path) -> None:
    rules = [f"{path} timeout=5" for path in ("/smal", "/large/{id}", "/large/*", "/waits/a", "/x/*")]
    rules.append("/large/{id}/x timeout=5")
    with start(tmp_path, "compiled", *rules) as server:
        server.wait_log("--route /large/{id}/x: the application has no such path")
        named = [line for line in server.log().splitlines() if "no such path" in line]
        assert [line.split("--route ")[1].split(":")[0] for line in named] == ["/smal", "/x/*", "/large/{id}/x"]


def test_print_config_is_a_file_again(tmp_path: Path) -> None:
    rules = ("/large/{name} methods=POST,PUT limit_body=2K", "/small timeout=5")
    flags = [word for rule in rules for word in ("--route", rule)]

    def printed(*flags: str) -> str:
        command = [BINARY, *flags, "--print-config"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    (tmp_path / "again.toml").write_text(printed(*flags))
    lines = printed("-c", "again.toml").splitlines()
    (line,) = (line for line in lines if line.startswith("route = "))
    assert line.partition("  #")[0].rstrip() == f'route = ["{rules[0]}", "{rules[1]}"]'


def test_a_client_that_leaves_counts_no_longer(tmp_path: Path) -> None:
    """Not before the application has let go of its request, which a disconnect does not end."""
    with start(tmp_path, "compiled", "/waits/{how} limit_concurrency=1") as server:
        with server.connect() as conn:
            conn.sendall(b"GET /waits/a HTTP/1.1\r\nHost: x\r\n\r\n")
            server.wait(lambda: noted(server) == ["entered"], "the first one in hand")
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert server.get("/waits/b")[0] == 503
        (tmp_path / "open").touch()
        server.wait(lambda: server.get("/waits/b")[0] == 200, "the end of the first one")
