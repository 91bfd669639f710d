"""--proxy-protocol: the client is whom a header names, and nobody else may send one."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from boards import total
from proxies import LINE, LOCAL, SIGNATURE, haproxy, header, nginx
from server import Fastrd, read_all
from test_handover import Client

APP = """
from plain import App

app = App()

@app.get("/who")
async def who(scope):
    return {"client": scope["client"], "server": scope["server"], "scheme": scope["scheme"]}
"""
REQUEST = b"GET /who HTTP/1.1\r\nHost: x\r\n\r\n"
TOLD = {"client": ["203.0.113.9", 51234], "server": ["198.51.100.1", 443], "scheme": "http"}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.fixture
def server(directory: Path) -> Iterator[Fastrd]:
    flags = ("--proxy-protocol", "--access-log", "--access-log-format", "%(h)s %(U)s %(s)s")
    with Fastrd("app:app", directory, *flags) as server:
        yield server


def asks(conn: socket.socket, first: bytes = b"") -> dict[str, object]:
    """What the application sees of a connection whose first bytes these are."""
    client = Client(conn)
    client.send(first + REQUEST)
    head, content = client.answer()
    assert b"200 OK" in head
    return json.loads(content)


@pytest.mark.parametrize("first", [LINE, header()])
def test_the_client_is_whom_the_header_names(server: Fastrd, first: bytes) -> None:
    with server.connect() as conn:
        assert asks(conn, first) == TOLD
        assert asks(conn) == TOLD  # it is the connection's
    server.wait_log("203.0.113.9 /who 200")


def test_in_pieces(server: Fastrd) -> None:
    for first in (LINE, header(tls=True)):
        with server.connect() as conn:
            for byte in first + REQUEST[:9]:
                conn.sendall(bytes([byte]))
                time.sleep(0.001)
            client = Client(conn)
            client.send(REQUEST[9:])
            assert json.loads(client.answer()[1])["client"] == TOLD["client"]


def test_tls_of_the_client_is_the_scheme(server: Fastrd) -> None:
    with server.connect() as conn:
        assert asks(conn, header(tls=True)) == {**TOLD, "scheme": "https"}


@pytest.mark.parametrize("first", [LOCAL, b"PROXY UNKNOWN\r\n", SIGNATURE + b"\x21\0\0\0"])
def test_a_check_of_the_proxy_is_served_as_its_own(server: Fastrd, first: bytes) -> None:
    with server.connect() as conn:
        seen = asks(conn, first)
        assert seen["client"] == list(conn.getsockname())
        assert seen["server"] == ["127.0.0.1", server.port]


def test_a_connection_without_a_header_is_refused(server: Fastrd) -> None:
    for _ in range(2):
        answer = server.raw(REQUEST)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"PROXY protocol" in answer
    answer = server.raw(b"PROXY TCP4 1.2.3.4\r\n" + REQUEST)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert server.log().count("it begins with no header of the PROXY protocol") == 1
    with server.connect() as conn:
        assert asks(conn, LINE) == TOLD


def test_a_second_header_is_no_request(server: Fastrd) -> None:
    assert server.raw(LINE + LINE + REQUEST).startswith(b"HTTP/1.1 4")


def test_from_the_others_nothing_is_taken(directory: Path) -> None:
    flags = ("--proxy-protocol", "--proxy-allow-ips", "10.0.0.0/8")
    with Fastrd("app:app", directory, *flags) as server:
        for _ in range(2):
            with server.connect() as conn, suppress(ConnectionError):  # closed over what is unread
                conn.sendall(LINE + REQUEST)
                assert conn.recv(1) == b""
        assert server.log().count("connections from 127.0.0.1 are closed") == 1
        assert "--proxy-allow-ips" in server.log()


def test_by_ipv4_to_an_address_of_ipv6(directory: Path) -> None:
    with Fastrd("app:app", directory, "--proxy-protocol", "--host", "::") as server:
        with socket.create_connection(("127.0.0.1", server.port), 20) as conn:
            assert asks(conn, LINE) == TOLD


def test_over_a_unix_socket(directory: Path) -> None:
    flags = ("--proxy-protocol", "--proxy-allow-ips", "10.0.0.1", "--uds", "s")
    with Fastrd("app:app", directory, *flags) as server:
        with server.connect() as conn:
            assert asks(conn, LINE) == TOLD
        with server.connect() as conn:
            assert asks(conn, LOCAL)["client"] is None


def test_whose_fields_are_trusted_is_asked_of_the_told_client(directory: Path) -> None:
    """The proxy's own address is listed and does not count: its clients could say anything."""
    request = REQUEST[:-2] + b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n"
    flags = ("--proxy-protocol", "--forwarded-allow-ips", "127.0.0.1,203.0.113.9")
    with Fastrd("app:app", directory, *flags) as server:
        for client, believed in (("203.0.113.9", True), ("203.0.113.8", False)):
            with server.connect() as conn:
                conn.sendall(header(client=client) + request)
                seen = json.loads(Client(conn).answer()[1])
                assert seen["client"] == (["192.0.2.1", 0] if believed else [client, 51234])
                assert seen["scheme"] == ("https" if believed else "http")


def test_the_header_has_a_time(directory: Path) -> None:
    with Fastrd("app:app", directory, "--proxy-protocol", "--timeout-header", "1") as server:
        for first in (b"", LINE[:-1], SIGNATURE):
            with server.connect() as conn:
                conn.settimeout(30)
                conn.sendall(first)
                assert read_all(conn).startswith(b"HTTP/1.1 408 ")


def test_a_probe_that_says_nothing_is_no_fault(server: Fastrd) -> None:
    server.connect().close()
    with server.connect() as conn:
        conn.shutdown(socket.SHUT_WR)
        assert read_all(conn) == b""
    with server.connect() as conn:
        assert asks(conn, LINE) == TOLD
    assert "warning" not in server.log()


def test_probes_of_the_admin_address_need_none(directory: Path) -> None:
    with Fastrd("app:app", directory, "--proxy-protocol", "--admin", "unix:admin") as server:
        with socket.socket(socket.AF_UNIX) as conn:
            conn.settimeout(20)
            conn.connect(str(directory / "admin"))
            conn.sendall(b"GET /-/ready HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_all(conn).startswith(b"HTTP/1.1 200 ")
        assert server.port


def test_a_connection_that_goes_to_a_new_generation_keeps_its_client(server: Fastrd) -> None:
    """Before the header, within it, behind it, behind a request, and within the next one."""
    conns = [Client(server.connect()) for _ in range(6)]
    sent = [b"", LINE[:20], header()[:14], LINE, header(tls=True) + REQUEST, LINE + REQUEST[:9]]
    for client, bytes_ in zip(conns, sent, strict=True):
        client.send(bytes_)
    assert json.loads(conns[4].answer()[1])["scheme"] == "https"
    # All has been read: a later connection, which is taken after these, was answered.
    with server.connect() as conn:
        assert asks(conn, LINE) == TOLD
    server.signal(signal.SIGHUP)
    server.wait_log("generation 2 serves")
    server.wait(lambda: len(server.children()) == 1, "the old generation's end")
    assert total(server, "connections_given") >= 6
    whole = [LINE + REQUEST, LINE + REQUEST, header() + REQUEST, LINE + REQUEST]
    rest = [all_[len(part) :] for all_, part in zip(whole, sent, strict=False)]
    for client, bytes_ in zip(conns, [*rest, REQUEST, REQUEST[9:]], strict=True):
        client.send(bytes_)
        seen = json.loads(client.answer()[1])
        assert seen == {**TOLD, "scheme": "https" if client is conns[4] else "http"}


def test_reload_switches_it_for_new_connections(directory: Path) -> None:
    file = directory / "fastrd.toml"
    file.write_text("proxy_protocol = true\n")
    with Fastrd("app:app", directory, "-c", str(file)) as server:
        told, due = Client(server.connect()), server.connect()
        told.send(LINE + REQUEST)
        assert json.loads(told.answer()[1]) == TOLD
        file.write_text("proxy_protocol = false\n")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        told.send(REQUEST)
        assert json.loads(told.answer()[1]) == TOLD
        assert asks(due, LINE) == TOLD  # it was accepted when one was due
        with server.connect() as conn:
            assert asks(conn)["client"] == list(conn.getsockname())


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c"])
def test_behind_haproxy(server: Fastrd, tmp_path: Path, send: str) -> None:
    with haproxy(tmp_path, server.port, send) as port:
        with socket.create_connection(("127.0.0.1", port), 20) as conn:
            for _ in range(2):
                seen = asks(conn)
                assert seen["client"] == list(conn.getsockname())
                assert seen["server"] == ["127.0.0.1", port]


def test_checks_of_haproxy(server: Fastrd, tmp_path: Path) -> None:
    """Its checks say LOCAL; a server that refuses them would get no connection."""
    checks = "send-proxy-v2 check inter 100 check-send-proxy"
    options = "\n    option httpchk GET /who\n    http-check expect status 200"
    with haproxy(tmp_path, server.port, checks, options) as port:
        server.wait_log("127.0.0.1 /who 200")
        with socket.create_connection(("127.0.0.1", port), 20) as conn:
            assert asks(conn)["client"] == list(conn.getsockname())


def test_tls_that_haproxy_ends(server: Fastrd, tmp_path: Path) -> None:
    pem = tmp_path / "pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x",
         "-keyout", str(pem) + ".key", "-out", str(pem)], check=True, capture_output=True,
    )  # fmt: skip
    with haproxy(tmp_path, server.port, "send-proxy-v2-ssl-cn", f"ssl crt {pem}") as port:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), 20) as plain:
            name = list(plain.getsockname())
            with context.wrap_socket(plain) as conn:
                seen = asks(conn)
                assert (seen["client"], seen["scheme"]) == (name, "https")


def test_behind_nginx(server: Fastrd, tmp_path: Path) -> None:
    with nginx(tmp_path, server.port) as port:
        with socket.create_connection(("127.0.0.1", port), 20) as conn:
            seen = asks(conn)
            assert seen["client"] == list(conn.getsockname())
            assert seen["server"] == ["127.0.0.1", port]
