"""Every flag of uvicorn's: it does the same, has no effect, or is refused with a reason."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from boards import total
from server import BINARY, Fastrd, read_all, read_until

APP = """
import logging, os
from plain import App
app = App()

@app.get("/")
async def root():
    logging.getLogger("shop").info("sold")
    return {name: os.environ[name] for name in os.environ if name.startswith("T_")}

@app.get("/waits")
async def waits():
    import asyncio
    await asyncio.sleep(30)
"""
# Each with a value that is served; None: it is a switch.
SERVED: dict[str, str | None] = {
    "host": "localhost", "port": "0", "uds": "", "fd": "-1", "workers": "1", "loop": "uvloop", "http": "httptools",
    "ws": "wsproto", "ws-max-size": "16777216", "ws-ping-interval": "20.0", "ws-ping-timeout": "20.0",
    "ws-per-message-deflate": "true", "lifespan": "on", "interface": "asgi3", "env-file": "env", "log-config": "log.ini",
    "log-level": "trace", "access-log": None, "no-access-log": None, "use-colors": None, "no-use-colors": None,
    "proxy-headers": None, "no-proxy-headers": None, "server-header": None, "no-server-header": None,
    "date-header": None, "no-date-header": None, "forwarded-allow-ips": "*", "root-path": "/x",
    "limit-concurrency": "100", "backlog": "100", "limit-max-requests": "1000", "limit-max-requests-jitter": "10",
    "timeout-keep-alive": "5", "timeout-graceful-shutdown": "5", "header": "X-Shop: a", "app-dir": ".",
    "reset-contextvars": None, "reload": None, "reload-dir": ".", "reload-include": "*.html", "reload-exclude": "tests",
    "reload-delay": "0.25",
}  # fmt: skip
# A value and why not.
REFUSED = {
    "http2": ("", "put a proxy in front"), "ws-max-queue": ("1", "bounded in bytes"), "timeout-worker-healthcheck": ("1", "--worker-timeout"),
    "ssl-keyfile": ("x", "TLS"), "ssl-certfile": ("x", "TLS"), "ssl-keyfile-password": ("x", "TLS"),
    "ssl-version": ("1", "TLS"), "ssl-cert-reqs": ("1", "TLS"), "ssl-ca-certs": ("x", "TLS"),
    "ssl-ciphers": ("x", "TLS"), "h11-max-incomplete-event-size": ("1", "--limit-head"),
}  # fmt: skip
OTHER_VALUES = {"loop": "other", "http": "h3", "lifespan": "off", "interface": "wsgi"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("flags")
    (directory / "app.py").write_text(APP)
    (directory / "env").write_text("T_A=from the file\nexport T_B='it is'  # so\n")
    (directory / "log.ini").write_text(
        "[loggers]\nkeys=root,shop\n[handlers]\nkeys=one\n[formatters]\nkeys=plain\n[logger_root]\nhandlers=\n"
        "[logger_shop]\nqualname=shop\nlevel=INFO\nhandlers=one\n[handler_one]\nclass=StreamHandler\nformatter=plain\n"
        "args=(sys.stderr,)\n[formatter_plain]\nformat=SHOP %(message)s\n"
    )
    return directory


def words(flag: str, value: str | None) -> list[str]:
    return [f"--{flag}"] if value is None else [f"--{flag}={value}"] if value in ("", "-1") else [f"--{flag}", value]


def test_every_flag_of_its_help_is_in_one_of_the_two_lists():
    command = [sys.executable, "-m", "uvicorn", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    flags = set(re.findall(r"(?:^ +|/ +)--([a-z0-9-]+)", text, re.MULTILINE)) - {"help", "version", "factory"}
    assert len(flags) > 50
    assert flags - set(SERVED) - set(REFUSED) == set()


def test_those_that_are_served_are_taken_together(directory):
    flags = [word for flag, value in SERVED.items() for word in words(flag, value)]
    with Fastrd("app:app", directory, *flags) as server:
        answer = server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head, _, content = answer.partition(b"\r\n\r\n")
        assert content == b'{"T_A":"from the file","T_B":"it is"}'
        assert b"\r\nx-shop: a\r\n" in head and b"date:" not in head and b"server:" not in head
        server.wait_log("SHOP sold\n")


def test_those_that_are_not_are_refused_at_once_each_with_its_reason(directory):
    flags = [word for flag, (value, _) in REFUSED.items() for word in ([f"--{flag}", value] if value else [f"--{flag}"])]
    flags += [word for flag, value in OTHER_VALUES.items() for word in (f"--{flag}", value)]
    done = subprocess.run([BINARY, *flags, "app:app"], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    said = dict(re.findall("^fastrd: --([^ :]+): (.*)$", done.stderr, re.MULTILINE))
    assert list(said) == [*REFUSED, *OTHER_VALUES]
    assert all(reason in said[flag] for flag, (_, reason) in REFUSED.items())
    assert done.stderr.count("\n") == len(said)


def test_fields_of_every_answer_stand_as_under_uvicorn(directory):
    """Also of a 404 and of what the server itself refuses; `server` of the operator's is the only one."""
    flags = ["--header", "Server: mine", "--header", "X-A:b, c:d", "--header=X-Empty:"]
    with Fastrd("app:app", directory, *flags) as server:
        for request in (b"GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"BAD\r\n\r\n"):
            lines = server.raw(request).split(b"\r\n")
            assert lines[1].startswith(b"date: ") and len(lines[1]) == len(b"date: ") + 29
            assert lines[2:5] == [b"server: mine", b"x-a: b, c:d", b"x-empty: "]
            assert sum(line.startswith(b"server:") for line in lines) == 1
    with Fastrd("app:app", directory, "--date-header", "--no-date-header") as server:
        lines = server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").split(b"\r\n")
        assert lines[1] == b"server: fastrd"


@pytest.mark.parametrize("line", ["X-A", ": x", "X A: b", "X-A: b\x01", "X-A: b\r"])
def test_fields_that_are_none(directory, line):
    done = subprocess.run(
        [BINARY, "-t", "--header", line, "app:app"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "want a field such as" in done.stderr


def test_limit_concurrency_counts_connections_as_uvicorn_does(directory):
    with Fastrd("app:app", directory, "--limit-concurrency", "3") as server:
        with server.connect() as one, server.connect() as two:
            for connection in (one, two):
                # Its end is a reset: who only ends his half still waits for his answer.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sendall(b"GET /waits HTTP/1.1\r\nHost: x\r\n\r\n")
            # One that came together with a third would be refused, and not count any more.
            server.wait(lambda: total(server, "requests_active") == 2, "both requests")
            answer = server.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
            assert b"\r\nretry-after: 1\r\n" in answer and b"\r\nconnection: close\r\n" in answer
            assert answer.endswith(b"\r\n\r\nService Unavailable")
        server.wait(lambda: server.get("/")[0] == 200, "an answer")


def test_a_connection_that_was_refused_and_stays_open_does_not_count(directory):
    """Its content is only read away."""
    with Fastrd("app:app", directory, "--limit-concurrency", "2") as server:
        with server.connect() as idle, server.connect() as refused:
            server.wait(lambda: total(server, "connections_open") == 2, "both connections")
            refused.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
            assert read_until(refused, b"Service Unavailable").startswith(b"HTTP/1.1 503 ")
            idle.close()
            server.wait(lambda: total(server, "connections_open") == 1, "one connection")
            assert server.get("/")[0] == 200
            refused.sendall(b"x")
        server.wait(lambda: total(server, "connections_open") == 0, "none")
        with server.connect():
            assert server.get("/")[0] == 503


@pytest.mark.parametrize(
    ("flag", "text", "said"),
    [
        ("--env-file", None, "No such file or directory"),
        ("--env-file", "A=b\n= c\n", "line 2: want NAME=VALUE"),
        ("--log-config", None, "No such file or directory"),
        ("--log-config", "[loggers]\n", "KeyError"),
        ("--log-config", "{", "JSONDecodeError"),
        ("--log-config", '{"version": 2}', "Unsupported version"),
        ("--log-config", '{"version": 1, "handlers": {"h": {"class": "logging.FileHandler", "filename": "no/where"}}}',
         "Unable to configure handler 'h'; FileNotFoundError: "),
    ],
)
def test_files_that_are_wrong(directory, flag, text, said):
    path = directory / ("wrong.json" if text and text.startswith("{") else "wrong.ini")
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    done = subprocess.run(
        [BINARY, "-t", flag, path.name, "app:app"], cwd=directory, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert done.stderr.startswith(f"fastrd: {flag} {path.name}: ") and said in done.stderr


def test_several_addresses(directory):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd, port = listener.fileno(), listener.getsockname()[1]
        server = Fastrd("app:app", directory, "-b", "127.0.0.1:0,[::1]:0", "--bind", "unix:sock",
                        "-b", f"fd://{fd}", "-b", "localhost:0", fds=(fd,))  # fmt: skip
        with server:
            found = re.findall("  address  (.*)", server.log())
            assert [re.sub(r":\d+$", "", text) for text in found[:3]] == [
                "http://127.0.0.1", "http://[::1]", "unix:sock"
            ]  # fmt: skip
            assert len(found) == 5
            for family, address in (
                (socket.AF_INET, ("127.0.0.1", int(found[0].rpartition(":")[2]))),
                (socket.AF_INET6, ("::1", int(found[1].rpartition(":")[2]))),
                (socket.AF_UNIX, str(directory / "sock")),
                (socket.AF_INET, ("127.0.0.1", port)),
                (socket.AF_INET, ("127.0.0.1", int(found[4].rpartition(":")[2]))),
            ):
                with socket.socket(family) as connection:
                    connection.connect(address)
                    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert not (directory / "sock").exists()


def test_addresses_in_a_file_and_hosts_by_name(directory):
    (directory / "f.toml").write_text(f"bind = ['{socket.gethostname()}:0', 'unix:other']\n")
    server = Fastrd("app:app", directory)
    server.command = [BINARY, "-c", "f.toml", "app:app"]
    with server:
        assert re.match(r"http://.+:\d+$", server.address) and "  address  unix:other\n" in server.log()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["-b", "127.0.0.1"], "--bind 127.0.0.1: want an address such as"),
        (["-b", "127.0.0.1:70000"], "want an address"),
        (["-b", "unix:"], "want an address"),
        (["-b", "fd://x"], "want an address"),
        (["-b", "no.such.invalid:80"], "--bind no.such.invalid: "),
        (["--host", "no.such.invalid"], "--host no.such.invalid: "),
        *((["--host", host], f"--host {host}: want a numeric address") for host in ("", "127.0.0.1 ", "1.2.3", "[::1]")),
        (["--uds", "x" * 108], "a unix socket's path has at most 107 bytes"),
        (["-b", ",".join(["127.0.0.1:0"] * 17)], "want 16 addresses at most"),
    ],
)
def test_addresses_that_are_none(directory, flags, said):
    done = subprocess.run([BINARY, *flags, "app:app"], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode in (2, 4) and done.stderr.count("\n") == 1
    assert said in done.stderr


def test_a_test_run_tries_the_addresses(directory):
    def tested(*flags: str) -> tuple[int, str]:
        done = subprocess.run(
            [BINARY, "-t", *flags, "app:app"], cwd=directory, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert tested("--port", str(port)) == (0, "")
        assert tested("-b", f"127.0.0.1:{port},unix:new") == (0, "")
    assert not (directory / "new").exists()
    status, said = tested("--host", "192.0.2.1")
    assert (status, said.count("\n")) == (4, 1) and "this machine has no such address" in said
    status, said = tested("-b", "unix:none/sock")
    assert (status, said.count("\n")) == (4, 1) and "create its directory first" in said


PEER = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": scope["client"][0].encode()})
"""


def test_a_proxy_on_this_machine_is_trusted_over_ipv6_too(tmp_path):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    (tmp_path / "app.py").write_text(PEER)
    with Fastrd("app:app", tmp_path, "--host", "::1") as server:
        with socket.create_connection(("::1", server.port), 10) as conn:
            conn.sendall(
                b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\nConnection: close\r\n\r\n"
            )
            assert b"203.0.113.7" in read_all(conn)
