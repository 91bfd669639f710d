"""Flags put layers around any application: over sockets, and while connections and servers
come and go."""

from __future__ import annotations

import itertools
import json
import signal
import socket
import sys
import zlib
from contextlib import ExitStack
from pathlib import Path

import edge_apps
import pytest
import servers
from server import Fastrd
from test_edge import files
from test_served import HERE, exchange

EDGE = {
    "trusted_hosts": "*.test, www.b.example", "cors_allow_origins": "https://a.example",
    "cors_allow_headers": "X-Token", "gzip": "1", "gzip_minimum_size": "100000",
}  # fmt: skip
# All packing is told from uvicorn's by the tests in memory.
TARGETS = ["/", "/none", "/fails", "/stream/10", "/sized/900", "/static/short.txt", "/late/5", "/after/5"]


def words(flags: dict[str, str]) -> list[str]:
    return [f"--{n.replace('_', '-')}" + ("" if v == "1" else f"={v}") for n, v in flags.items()]


def requests() -> list[bytes]:
    found = []
    for target, origin, host in itertools.product(
        TARGETS, (None, "https://a.example", "https://b.example"), ("a.test", "b.example", "c.example")
    ):
        lines = [f"GET {target} HTTP/1.1", "Connection: close", f"Host: {host}"]
        lines += [f"Origin: {origin}"] if origin is not None else []
        found.append("\r\n".join([*lines, "", ""]).encode())
    for origin, names in itertools.product(("https://a.example", "https://b.example"), ("x-token", "x")):
        found.append((
            f"OPTIONS / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nOrigin: {origin}\r\n"
            f"Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: {names}\r\n\r\n"
        ).encode())  # fmt: skip
    return found


@pytest.mark.parametrize("kind", ["compiled", "plain", "starlette"])
def test_every_answer_is_uvicorns(kind: str, tmp_path: Path) -> None:
    files(tmp_path)
    env = {"KIND": kind, "EDGE": json.dumps(EDGE), "EDGE_FILES": str(tmp_path)}
    with ExitStack() as stack:
        ports = [servers.free_port(), servers.free_port()]
        commands = (
            servers.uvicorn("edge_served:wrapped", HERE, ports[0]),
            [*servers.fastrd("edge_served:app", HERE, ports[1]), *words(EDGE)],
        )
        for port, command in zip(ports, commands, strict=True):
            log = tmp_path / f"{port}.log"
            stack.enter_context(servers.serving(command, port, log, env))
        for data in requests():
            reference, tested = (exchange(port, data) for port in ports)
            assert tested == reference, data


HEAD = b"GET %s HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Fastrd:
    files(tmp_path)
    return Fastrd(
        "edge_apps:compiled()", tmp_path, "--app-dir", str(HERE), "--python", sys.executable, "--gzip",
        env={"EDGE_FILES": str(tmp_path)}, seconds=60,
    )  # fmt: skip


def large(server: Fastrd) -> int:
    """Bytes of content of a large answer, packed."""
    with socket.create_connection(("127.0.0.1", server.port), 20) as sock:
        sock.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") % b"/sized/400000")
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200") and b"content-encoding: gzip" in answer
    return len(answer.partition(b"\r\n\r\n")[2])


def test_clients_that_leave_while_a_thread_works(server: Fastrd) -> None:
    with server:
        for number in range(60):
            target = (b"/sized/400000", b"/static/long.txt", b"/stream/150000", b"/file/long.txt")[number % 4]
            with socket.create_connection(("127.0.0.1", server.port), 20) as sock:
                sock.sendall(HEAD % target * (1 + number % 3))
                if number % 2:
                    sock.recv(100)
                if number % 5 == 0:  # a reset
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert large(server) > 1000


def test_a_reload_and_an_end_wait_for_the_thread(server: Fastrd) -> None:
    """Answers that were begun before are complete."""
    with server:
        for end in (signal.SIGHUP, signal.SIGTERM):
            socks = [socket.create_connection(("127.0.0.1", server.port), 20) for _ in range(8)]
            for sock in socks:
                sock.sendall(HEAD % b"/sized/400000")
            for sock in socks:
                assert sock.recv(1) == b"H"
            server.process.send_signal(end)
            for sock in socks:
                answer = b"H"
                sock.settimeout(30)
                while b"\r\n\r\n" not in answer:
                    answer += sock.recv(65536)
                head, _, body = answer.partition(b"\r\n\r\n")
                length = next(int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
                while len(body) < length:
                    piece = sock.recv(65536)
                    assert piece
                    body += piece
                sock.close()
        assert server.process.wait(30) == 0


def test_what_the_server_itself_refuses_is_outside(server: Fastrd) -> None:
    server.command += ["--cors-allow-origins", "*", "--trusted-hosts", "a.test", "--limit-body", "5"]
    with server:
        refused = server.raw(b"GET / HTTP/1.1\r\nHost: c\r\nOrigin: https://a.example\r\nBad header\r\n\r\n")
        assert refused.startswith(b"HTTP/1.1 400 ") and b"access-control" not in refused
        long = b"POST / HTTP/1.1\r\nHost: a.test\r\nOrigin: https://a.example\r\nContent-Length: 9\r\n\r\n123456789"
        refused = server.raw(long)
        assert refused.startswith(b"HTTP/1.1 413 ") and b"access-control" not in refused


def test_a_pipeline_keeps_its_order(server: Fastrd) -> None:
    with server, socket.create_connection(("127.0.0.1", server.port), 20) as sock:
        sock.settimeout(20)
        sock.sendall((HEAD % b"/sized/400000" + HEAD % b"/") * 3)
        answer = b""
        while answer.count(b"HTTP/1.1 200") < 6 or not answer.endswith(b'{"a":1}'):
            piece = sock.recv(65536)
            assert piece
            answer += piece
        lengths = [part.partition(b"\r\n")[0] for part in answer.split(b"content-length: ")[1:]]
        assert lengths[1::2] == [b"7"] * 3 and all(int(length) > 1000 for length in lengths[::2])


def test_the_loop_does_not_wait(server: Fastrd) -> None:
    """A long answer is being compressed while others are answered."""
    with server, socket.create_connection(("127.0.0.1", server.port), 20) as long:
        long.sendall(HEAD % b"/thread/20000000")
        for _ in range(20):
            assert server.get("/")[0] == 200
        assert long.recv(1) == b"H"


def test_a_long_file_comes_whole_however_slowly_it_is_read(server: Fastrd, tmp_path: Path) -> None:
    content = edge_apps.LARGE[:440_000]
    with server:
        for _ in range(2):  # the second time it is kept
            with socket.create_connection(("127.0.0.1", server.port), 20) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                sock.sendall(HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") % b"/static/long.txt")
                answer = b""
                while piece := sock.recv(700):
                    answer += piece
            _, _, chunks = answer.partition(b"\r\n\r\n")
            packed = b""
            while chunks:
                size, _, chunks = chunks.partition(b"\r\n")
                packed += chunks[: int(size, 16)]
                chunks = chunks[int(size, 16) + 2 :]
            assert zlib.decompress(packed, 31) == content
