"""Behind nginx and HAProxy, set up as docs/OPERATIONS.md says."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "shared"))

from ports import free_port
from proxies import running
from server import PATIENCE, Fastrd

OPERATIONS = (HERE.parents[1] / "docs/OPERATIONS.md").read_text()
SECONDS = 20 * PATIENCE
MESSAGES = ["a", b"\0\xff", "", "ü" * 100000, bytes(range(256)) * 1000]

NGINX = """
daemon off;
pid nginx.pid;
error_log nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fast; uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {more}
    {documented}
}}
"""

Proxy = Callable[..., AbstractContextManager[int]]


def documented(kind: str, port: int, to: int) -> str:
    """The example in the document, with these ports."""
    (example,) = re.findall(f"^```{kind}\n(.*?)^```", OPERATIONS, re.M | re.S)
    return re.sub(r"(listen |bind :)80\b", lambda found: f"{found[1]}{port}", example).replace(
        "127.0.0.1:8000", f"127.0.0.1:{to}"
    )


def binary(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin")
    assert found is not None, "run tests/install"
    return found


@contextlib.contextmanager
def nginx(directory: Path, to: int, silent: str = "60s") -> Iterator[int]:
    port, file = free_port(), directory / "nginx.conf"
    more = f"proxy_read_timeout {silent};"
    file.write_text(NGINX.format(more=more, documented=documented("nginx", port, to)))
    with running([binary("nginx"), "-c", str(file), "-p", str(directory)], port, directory / "nginx.out"):
        yield port


@contextlib.contextmanager
def haproxy(directory: Path, to: int, silent: str = "60s", send: str = "") -> Iterator[int]:
    port, file = free_port(), directory / "haproxy.cfg"
    example = documented("haproxy", port, to).replace("60s\nfrontend", f"60s\n    timeout tunnel {silent}\nfrontend")
    file.write_text(example.rstrip() + f" {send}\n")
    with running([binary("haproxy"), "-db", "-f", str(file)], port, directory / "haproxy.out"):
        yield port


@pytest.fixture(params=[nginx, haproxy])
def proxy(request: pytest.FixtureRequest) -> Proxy:
    chosen: Proxy = request.param
    return chosen


def served(directory: Path, *flags: str) -> Fastrd:
    return Fastrd("clients_app:app", HERE, *flags, log=directory / "log")


def end_of(client) -> tuple[int, str]:
    """Code and reason with which it is closed by the other side."""
    with pytest.raises(ConnectionClosed):
        client.recv(SECONDS)
    return client.close_code, client.close_reason


def test_messages_and_ends(proxy, tmp_path):
    with served(tmp_path, "--ws-max-size", "300000") as server, proxy(tmp_path, server.port) as port:
        address = f"ws://127.0.0.1:{port}/"
        with connect(address, subprotocols=["one", "two"]) as client:
            assert client.subprotocol == "two" and client.protocol.extensions
            for message in MESSAGES:
                client.send(message)
                assert client.recv(SECONDS) == message
            client.close(4321, "mine")
        server.wait_log("disconnect 4321 mine")
        with connect(address) as client:
            client.send("close 4322 yours")
            assert end_of(client) == (4322, "yours")
        with connect(address) as client:
            client.send("a" * 300001)
            assert end_of(client) == (1009, "message too large")
        with connect(address) as client:
            client.socket.shutdown(socket.SHUT_RDWR)
            server.wait_log("disconnect 1005")
        with pytest.raises(InvalidStatus) as refused:
            connect(address + "refused").__enter__()
        assert refused.value.response.status_code == 403
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
            assert page.status == 200 and b"page" in page.read()


def test_who_the_client_is(proxy, tmp_path):
    with served(tmp_path) as server, proxy(tmp_path, server.port) as port:
        forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        with connect(f"ws://127.0.0.1:{port}/a%20b?q=1", additional_headers=forged) as client:
            client.send("scope")
            seen = json.loads(client.recv(SECONDS))
    # Of the addresses the last that is not trusted counts: here, on one machine, the client's words.
    assert seen["client"][0] == "203.0.113.9"
    assert (seen["scheme"], seen["path"], seen["query_string"]) == ("ws", "/a b", "q=1")


def test_who_the_client_is_by_the_proxy_protocol(tmp_path):
    with (
        served(tmp_path, "--proxy-protocol", "--no-proxy-headers") as server,
        haproxy(tmp_path, server.port, send="send-proxy-v2") as port,
        connect(f"ws://127.0.0.1:{port}/") as client,
    ):
        client.send("scope")
        assert json.loads(client.recv(SECONDS))["client"] == list(client.local_address)
        client.send("close 4000 bye")
        assert end_of(client) == (4000, "bye")


def test_the_end_of_the_server_is_seen_through_it(proxy, tmp_path):
    with served(tmp_path) as server, proxy(tmp_path, server.port) as port:
        with connect(f"ws://127.0.0.1:{port}/") as client:
            server.signal(signal.SIGTERM)
            assert end_of(client) == (1012, "")
        assert server.process is not None and server.process.wait(SECONDS) == 0
        assert "closed 1 WebSocket: 1012" in server.log()


def test_a_reload_is_seen_through_it(proxy, tmp_path):
    with (
        served(tmp_path, "--timeout-graceful-shutdown", "2") as server,
        proxy(tmp_path, server.port) as port,
        connect(f"ws://127.0.0.1:{port}/") as client,
    ):
        client.send("scope")
        pid = json.loads(client.recv(SECONDS))["pid"]
        server.signal(signal.SIGHUP)
        assert end_of(client) == (1012, "")
        with connect(f"ws://127.0.0.1:{port}/") as client:
            client.send("scope")
            assert json.loads(client.recv(SECONDS))["pid"] != pid


def test_pings_keep_what_is_silent(proxy, tmp_path):
    with (
        served(tmp_path, "--ws-ping-interval", "1", "--ws-ping-timeout", "5") as server,
        proxy(tmp_path, server.port, "3s") as port,
        connect(f"ws://127.0.0.1:{port}/", ping_interval=None) as client,
    ):
        with pytest.raises(TimeoutError):
            client.recv(5)
        client.send("still here")
        assert client.recv(SECONDS) == "still here"


def test_without_pings_it_ends_what_is_silent(proxy, tmp_path):
    with (
        served(tmp_path, "--ws-ping-interval", "0") as server,
        proxy(tmp_path, server.port, "1s") as port,
        connect(f"ws://127.0.0.1:{port}/", ping_interval=None) as client,
    ):
        assert end_of(client) == (1006, "")
        server.wait_log("disconnect 1005")
