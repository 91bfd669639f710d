"""X-Forwarded-For and X-Forwarded-Proto change what they change under uvicorn, on every kind
of route, and nothing when the peer is not trusted."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import servers

HERE = Path(__file__).parent
PATHS = ["/request", "/dependency", "/plain", "/slash", "/raw/x", "/none"]
HTTPS = [("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https")]
FIELDS = [
    HTTPS,
    [],
    [("X-Forwarded-For", "1.1.1.1, 203.0.113.7:99, 10.0.0.1")],
    [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "2001:db8::1, 127.0.0.1")],
    [("X-Forwarded-For", "[2001:db8::2]:443"), ("X-Forwarded-Proto", "wss")],
    [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "gopher")],
    [("X-Forwarded-For", "caf\xe9"), ("X-Forwarded-Proto", "HTTPS")],
    [("X-Forwarded-For", "")],
]
Answer = tuple[int, str | None, bytes]
NGINX = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    {bodies}
    server {{
        listen unix:{directory}/nginx.sock;
        location / {{
            proxy_pass http://127.0.0.1:{port};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For "203.0.113.9";
            proxy_set_header X-Forwarded-Proto https;
        }}
    }}
}}
"""


@contextmanager
def both(
    directory: Path, *flags: str, env: dict[str, str] | None = None, uds: bool = False
) -> Iterator[list[tuple[str, int]]]:
    """Unix socket ("" for none) and port of uvicorn and of fastrd, started with ``flags``."""
    with ExitStack() as stack:
        found = []
        for name, command in (("uvicorn", servers.uvicorn), ("fastrd", servers.fastrd)):
            port = servers.free_port()
            words = [*command("forwarded_app:app", HERE, port), *flags]
            path = str(directory / f"{name}.sock") if uds else ""
            if uds:
                words += ["--uds", path]
            log = directory / f"{name}.log"
            if uds:
                stack.enter_context(on_socket(words, path, log, env or {}))
            else:
                stack.enter_context(servers.serving(words, port, log, env or {}))
            found.append((path, port))
        yield found


@contextmanager
def on_socket(words: list[str], path: str, log: Path, env: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(words, env={**servers.os.environ, **env}, stdout=out, stderr=out)
    try:
        wait_for(path, process, log)
        yield
    finally:
        process.terminate()
        process.wait(20)


def wait_for(path: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody accepts on the unix socket."""
    end = time.monotonic() + 60
    while True:
        with socket.socket(socket.AF_UNIX) as sock:
            if sock.connect_ex(path) == 0:
                return
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.02)


class Connection:
    """One connection that stays open from request to request."""

    def __init__(self, path: str, port: int) -> None:
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        if path:
            self.http.sock = socket.socket(socket.AF_UNIX)
            self.http.sock.connect(path)
        else:
            self.http.connect()

    def ask(self, method: str, path: str, fields: list[tuple[str, str]]) -> Answer:
        name = self.http.sock.getsockname()
        self.http.putrequest(method, path, skip_host=True)
        self.http.putheader("Host", "shop.example")
        self.http.putheader("X-Own-Port", str(name[1]) if isinstance(name, tuple) else "-")
        self.http.putheader("Content-Length", "0")
        for field, value in fields:
            self.http.putheader(field, value.encode("latin1"))
        self.http.endheaders()
        answer = self.http.getresponse()
        return answer.status, answer.getheader("location"), answer.read()


def answers(path: str, port: int) -> dict[str, Answer]:
    connection = Connection(path, port)
    found = {}
    for number, fields in enumerate(FIELDS):
        for target in PATHS:
            found[f"{number} {target}"] = connection.ask("GET", target, fields)
        found[f"{number} replayed"] = connection.ask("POST", "/replayed", fields)
    connection.http.close()
    return found


def assert_equal(found: list[tuple[str, int]]) -> dict[str, Answer]:
    reference, tested = (answers(*place) for place in found)
    assert tested == reference
    return tested


@pytest.mark.parametrize(
    ("way", "flags"),
    [
        ("compiled", ()),
        ("middleware", ()),
        ("asgi", ("--proxy-headers",)),
        ("compiled", ("--no-proxy-headers",)),
        ("compiled", ("--forwarded-allow-ips", "127.0.0.0/8,10.0.0.1")),
        ("compiled", ("--forwarded-allow-ips=*",)),
        ("compiled", ("--forwarded-allow-ips", "10.0.0.1")),
    ],
)
def test_answers_are_uvicorns(tmp_path: Path, flags: tuple[str, ...], way: str) -> None:
    env = {"BEHIND": way, "FASTRD_FORCE": "asgi" if way == "asgi" else "none"}
    with both(tmp_path, *flags, env=env) as found:
        tested = assert_equal(found)
    trusting = "10.0.0.1" not in flags and "--no-proxy-headers" not in flags
    changed = (b'"203.0.113.7"' in tested["0 /request"][2], tested["0 /slash"][1])
    scheme = "https" if trusting else "http"
    assert changed == (trusting, f"{scheme}://shop.example/slash/")
    # What a request says holds for that request only.
    assert b"203.0.113" not in tested["1 /request"][2]


@pytest.mark.parametrize("allowed", ["10.0.0.1", "127.0.0.1", "*", ""])
def test_the_common_variable_names_the_proxies(tmp_path: Path, allowed: str) -> None:
    with both(tmp_path, env={"FORWARDED_ALLOW_IPS": allowed}) as found:
        tested = assert_equal(found)
    assert (b"https" in tested["0 /plain"][2]) == (allowed in ("127.0.0.1", "*"))


@pytest.mark.parametrize("allowed", ["127.0.0.1", "*"])
def test_a_peer_on_a_unix_socket_has_no_address_to_trust(tmp_path: Path, allowed: str) -> None:
    with both(tmp_path, "--forwarded-allow-ips", allowed, uds=True) as found:
        tested = assert_equal(found)
    assert (b"https" in tested["0 /plain"][2]) == (allowed == "*")


@contextmanager
def nginx(directory: Path, port: int) -> Iterator[str]:
    """A real proxy in front of that port; the path of its socket."""
    directory.mkdir()
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    bodies = " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    conf = directory / "nginx.conf"
    conf.write_text(NGINX.format(directory=directory, port=port, bodies=bodies))
    log = directory / "out.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [binary, "-p", str(directory), "-c", str(conf)], stdout=out, stderr=out
        )
    try:
        wait_for(f"{directory}/nginx.sock", process, log)
        yield f"{directory}/nginx.sock"
    finally:
        process.terminate()
        process.wait(20)


def test_behind_nginx(tmp_path: Path) -> None:
    """What the client writes into these fields itself does not reach the application."""
    with both(tmp_path) as found, ExitStack() as stack:
        behind = [
            (stack.enter_context(nginx(tmp_path / f"nginx{number}", port)), port)
            for number, (_, port) in enumerate(found)
        ]
        tested = assert_equal(behind)
    assert tested["2 /slash"][1] == "https://shop.example/slash/"
    assert tested["2 /request"][2].startswith(b'[["203.0.113.9",0],"https","https://shop.example/')
