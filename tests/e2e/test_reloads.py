"""Reloads under load: no request fails and no connection ends, whatever it is busy with.

``./check`` makes one, ``make check-reloads`` a hundred, and a hundred more with full_load.py.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from server import Fastrd
from test_handover import Client

GET = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b'{"name": "a", "price": 1, "x": "' + b"x" * 50_000 + b'"}'
POST = b"POST /items HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)


def often(client: Client) -> None:
    client.pid()
    time.sleep(0.002)  # other tests run beside this one


def with_pauses(client: Client) -> None:
    client.pid()
    time.sleep(0.05)


def slow(client: Client) -> None:
    client.send(GET % b"slow?s=0.2")
    assert client.answer()[1] == b'"done"'


def sent_ahead(client: Client) -> None:
    client.send(5 * (GET % b"items/7"))
    for _ in range(5):
        assert client.answer()[1] == b'{"item_id":7,"q":null}'


def in_parts(client: Client) -> None:
    request = GET % b"items/7"
    client.send(request[:9])
    time.sleep(0.03)
    client.send(request[9:])
    assert client.answer()[1] == b'{"item_id":7,"q":null}'


def upload(client: Client) -> None:
    client.send(POST + BODY[:30_000])
    time.sleep(0.05)
    client.send(BODY[30_000:])
    assert client.answer()[1] == b'{"name":"a","price":1.0}'


class Visitor:
    """Does the same again and again, on one connection (``fresh``: on a new one each time),
    until it is told to stop. ``failure`` says what went wrong."""

    def __init__(self, server: Fastrd, act: Callable[[Client], None], fresh: bool = False) -> None:
        self.server, self.act, self.fresh = server, act, fresh
        self.done = 0
        self.failure: BaseException | None = None
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        client = Client(self.server.connect())
        try:
            while not self.stop.is_set():
                if self.fresh:
                    client.conn.close()
                    client = Client(self.server.connect())
                self.act(client)
                self.done += 1
        except BaseException as exc:
            self.failure = exc
        client.conn.close()

    def end(self) -> None:
        self.stop.set()
        self.thread.join()


def held(server: Fastrd) -> tuple[int, int]:
    """The descriptors of the master and its resident kilobytes."""
    assert server.process is not None
    directory = Path(f"/proc/{server.process.pid}")
    line = next(x for x in (directory / "status").read_text().splitlines() if x.startswith("VmRSS"))
    return len(os.listdir(directory / "fd")), int(line.split()[1])


@pytest.mark.parametrize("workers", [1, 4])
def test_reloads_under_load(app_dir: Path, workers: int, request: pytest.FixtureRequest) -> None:
    reloads = request.config.getoption("--reloads")
    with Fastrd("app:app", app_dir, "--workers", str(workers), "--timeout-header", "60") as server:
        idle = [Client(server.connect()) for _ in range(32)]
        assert all(client.pid() for client in idle)
        acts = [often, often, with_pauses, slow, sent_ahead, in_parts, upload]
        visitors = [Visitor(server, act) for act in acts] + [Visitor(server, often, fresh=True)]
        before = held(server)
        for generation in range(2, 2 + reloads):
            server.signal(signal.SIGHUP)
            server.wait_log(f"generation {generation} serves", 60)
            server.wait(lambda: len(server.children()) == workers, "the old generation's end", 60)
        # What the last one that has ended had is given back a moment later.
        server.wait(lambda: held(server)[0] <= before[0], "the master's descriptors")
        after = held(server)
        for visitor in visitors:
            visitor.end()
        assert [v.failure for v in visitors] == [None] * len(visitors)
        assert all(v.done > reloads for v in visitors)
        assert all(client.pid() for client in idle)
        assert after[1] <= before[1] + 500, (before, after)
        print(sum(v.done for v in visitors), "requests,", reloads, "reloads,", workers, "workers")
