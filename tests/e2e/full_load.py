"""Reloads at full load: wrk on kept connections, a client with a fresh connection for each
request, and 32 connections that do nothing. ``make check-reloads`` runs it, ``./check`` does not.

It needs wrk: ``apt-get install wrk``.
"""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import pytest
from server import Fastrd
from test_handover import Client
from test_reloads import Visitor, held


class Wrk:
    """Full load: wrk on so many connections until it is told to stop."""

    def __init__(self, server: Fastrd, connections: int, *flags: str) -> None:
        command = ["wrk", "-t1", f"-c{connections}", "-d3600", *flags]
        self.process = subprocess.Popen(
            [*command, f"http://127.0.0.1:{server.port}/items/7"], stdout=subprocess.PIPE, text=True
        )

    def end(self) -> int:
        """The requests that were answered, all with 200."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=60)
        assert "Socket errors" not in said and "Non-2xx" not in said, said
        found = re.search(r"(\d+) requests in", said)
        assert found, said
        return int(found[1])


@pytest.mark.parametrize("workers", [1, 4])
def test_full_load(app_dir: Path, workers: int, request: pytest.FixtureRequest) -> None:
    reloads = request.config.getoption("--reloads")
    with Fastrd("app:app", app_dir, "--workers", str(workers)) as server:
        idle = [Client(server.connect()) for _ in range(32)]
        assert all(client.pid() for client in idle)
        before = held(server)
        load = Wrk(server, 16)
        fresh = Visitor(server, lambda client: client.pid() and None, fresh=True)
        for generation in range(2, 2 + reloads):
            server.signal(signal.SIGHUP)
            server.wait_log(f"generation {generation} serves", 60)
            server.wait(lambda: len(server.children()) == workers, "the old generation's end", 60)
        fresh.end()
        requests = load.end()
        after = held(server)
        assert fresh.failure is None and fresh.done > reloads
        assert all(client.pid() for client in idle)
        assert requests > 100_000 * reloads // 100
        assert after[0] <= before[0] and after[1] <= before[1] + 500, (before, after)
        print(requests, "+", fresh.done, "requests,", reloads, "reloads,", workers, "workers")
