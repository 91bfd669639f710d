"""A reload costs no client its connection: it goes on with the new generation."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from boards import total
from server import GATE, Fastrd

REQUEST = b"GET /pid HTTP/1.1\r\nHost: x\r\n\r\n"


class Client:
    """One connection, kept."""

    def __init__(self, conn: socket.socket) -> None:
        self.conn = conn
        self.left = b""
        conn.settimeout(60)

    def send(self, data: bytes) -> None:
        self.conn.sendall(data)

    def answer(self) -> tuple[bytes, bytes]:
        """Head and content of the next answer, which has a length."""
        while b"\r\n\r\n" not in self.left:
            self._more()
        head, _, rest = self.left.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.left = rest
        while len(self.left) < length:
            self._more()
        content, self.left = self.left[:length], self.left[length:]
        return head, content

    def _more(self) -> None:
        data = self.conn.recv(65536)
        assert data, "the connection was closed"
        self.left += data

    def pid(self) -> int:
        """The worker that answers; the answer does not end the connection."""
        self.send(REQUEST)
        head, content = self.answer()
        assert b"200 OK" in head and b"connection: close" not in head.lower()
        return int(content)


@pytest.fixture
def server(plain_dir: Path) -> Iterator[Fastrd]:
    with Fastrd("app:app", plain_dir, "--timeout-header", "60") as server:
        yield server


def reload(server: Fastrd, generation: int, workers: int = 1) -> None:
    """Reload, and wait until the generation before has ended."""
    server.signal(signal.SIGHUP)
    server.wait_log(f"generation {generation} serves")
    server.wait(lambda: len(server.children()) == workers, "the old generation's end")


@pytest.mark.parametrize(("workers", "reloads"), [(1, 2), (4, 1)])
def test_idle_connections_outlive_reloads(plain_dir: Path, workers: int, reloads: int) -> None:
    with Fastrd("app:app", plain_dir, "--workers", str(workers)) as server:
        clients = [Client(server.connect()) for _ in range(32)]
        before = {client.pid() for client in clients}
        for generation in range(2, 2 + reloads):
            reload(server, generation, workers)
            now = {client.pid() for client in clients}
            assert not before & now and now <= set(server.children())
            before = now
        # Some go twice: to a worker of the old generation that has not heard of its end yet.
        given = total(server, "connections_given")
        assert given == total(server, "connections_taken") >= reloads * 32


def test_more_connections_than_fit_between_two_workers(server: Fastrd) -> None:
    clients = [Client(server.connect()) for _ in range(600)]
    old = {client.pid() for client in clients}
    reload(server, 2)
    assert not old & {client.pid() for client in clients}


def test_what_was_read_of_a_head_goes_along(server: Fastrd) -> None:
    client = Client(server.connect())
    old = client.pid()
    client.send(REQUEST[:20])
    time.sleep(0.2)
    reload(server, 2)
    client.send(REQUEST[20:])
    assert int(client.answer()[1]) != old


def test_requests_behind_one_that_runs_are_the_new_generations(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(GATE)
    with Fastrd("app:app", tmp_path) as server:
        client = Client(server.connect())
        old = client.pid()
        client.send(REQUEST.replace(b"/pid", b"/gate") + 3 * REQUEST)
        time.sleep(0.2)
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        (tmp_path / "open").touch()
        head, content = client.answer()
        assert int(content) == old and b"connection: close" not in head.lower()
        pids = {int(client.answer()[1]) for _ in range(3)}
        assert len(pids) == 1 and old not in pids
        assert client.pid() in pids


def test_an_upload_in_flight_is_finished_where_it_began(server: Fastrd) -> None:
    client = Client(server.connect())
    old = client.pid()
    body = b'{"price": 1, "name": "' + b"x" * 100_000 + b'"}'
    head = b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    client.send(head % len(body) + body[:50_000])
    time.sleep(0.2)
    server.signal(signal.SIGHUP)
    server.wait_log("generation 2 serves")
    client.send(body[50_000:])
    assert b"connection: close" not in client.answer()[0].lower()
    assert client.pid() != old


def test_a_slot_that_goes_gives_its_connections_to_the_others(plain_dir: Path) -> None:
    with Fastrd("app:app", plain_dir, "--workers", "2") as server:
        clients = [Client(server.connect()) for _ in range(40)]
        assert len({client.pid() for client in clients}) == 2
        server.signal(signal.SIGTTOU)
        server.wait(lambda: len(server.children()) == 1, "the end of one worker")
        assert {client.pid() for client in clients} == set(server.children())


def test_connections_of_a_unix_socket_go_along(plain_dir: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with Fastrd("app:app", plain_dir, "--uds", path) as server:
        conn = socket.socket(socket.AF_UNIX)
        conn.connect(path)
        client = Client(conn)
        old = client.pid()
        reload(server, 2)
        assert client.pid() != old


def test_the_end_after_a_reload_closes_what_was_given(server: Fastrd) -> None:
    clients = [Client(server.connect()) for _ in range(5)]
    for client in clients:
        client.pid()
    server.signal(signal.SIGHUP)
    server.wait_log("generation 2 serves")
    server.signal(signal.SIGTERM)
    for client in clients:
        head = b""
        while b"connection: close" not in head.lower():
            client.send(REQUEST)
            head = client.answer()[0]
    assert server.process.wait(25) == 0


def test_descriptors_come_back(server: Fastrd) -> None:
    """The master's and each worker's, after some reloads with connections that stay."""

    def count() -> tuple[int, int]:
        (worker,) = server.children()
        return tuple(len(os.listdir(f"/proc/{pid}/fd")) for pid in (server.process.pid, worker))  # type: ignore[return-value]

    clients = [Client(server.connect()) for _ in range(10)]
    [client.pid() for client in clients]
    reload(server, 2)
    [client.pid() for client in clients]
    first = count()
    for generation in range(3, 5):
        reload(server, generation)
        [client.pid() for client in clients]
    assert count() == first
