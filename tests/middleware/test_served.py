"""Over sockets every answer is uvicorn's, whose middleware is Starlette's."""

from __future__ import annotations

import itertools
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
import servers

HERE = Path(__file__).parent
ORIGINS = [None, "https://a.example", "https://7.example", "https://b.example"]
HOSTS = ["parity.test", "b.example", "b.example:81", "b.example:", "[::1]", None]
# What the banner says before the outermost CORSMiddleware.
NATIVE = {"cors": "behind native ", "https": "behind native ", "among": "; native TrustedHostMiddleware, "}
TARGETS = ["/", "/thread", "/twice", "/refused", "/none", "/request", "/a%20b?x=%C3%A9"]


def exchange(port: int, data: bytes) -> list[bytes]:
    """Head lines and content of the answer to one request, without what names the server
    and the time; nobody is told the port."""
    with socket.create_connection(("127.0.0.1", port), 20) as sock:
        sock.sendall(data)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"date:", b"server:"))]
    return [line.replace(b":%d" % port, b":PORT") for line in (*kept, body)]


def requests() -> list[bytes]:
    found = []
    for origin, host, target in itertools.product(ORIGINS, HOSTS, TARGETS):
        # HTTP/1.0 may leave the host out.
        lines = [f"GET {target} HTTP/1.{0 if host is None else 1}", "Connection: close"]
        lines += [f"Host: {host}"] if host is not None else []
        lines += [f"Origin: {origin}"] if origin is not None else []
        found.append("\r\n".join([*lines, "", ""]).encode())
    for origin, method, names in itertools.product(ORIGINS[1:], ("GET", "PUT"), ("x-token", "x")):
        found.append((
            f"OPTIONS / HTTP/1.1\r\nHost: parity.test\r\nConnection: close\r\nOrigin: {origin}\r\n"
            f"Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: {names}\r\n\r\n"
        ).encode())  # fmt: skip
    return found


@pytest.mark.parametrize("setup", ["cors", "https", "among"])
def test_every_answer_is_uvicorns(setup: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        ports = []
        for name, command in (("uvicorn", servers.uvicorn), ("fastrd", servers.fastrd)):
            port = servers.free_port()
            log = tmp_path / name
            stack.enter_context(
                servers.serving(command("served_app:app", HERE, port), port, log, {"SETUP": setup})
            )
            ports.append(port)
        assert f"{NATIVE[setup]}CORSMiddleware" in log.read_text()
        for data in requests():
            reference, tested = (exchange(port, data) for port in ports)
            assert tested == reference, data
