"""WebSockets opened, spoken to and left anywhere: nothing of them stays.

1,000 by default; ``make check-dropped`` makes it 100,000. What was done is the ``--seed`` that is printed.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import memory
import pytest
from boards import boards
from server import PATIENCE, Fastrd
from test_memory import ONE_ARENA

HERE = Path(__file__).parent
# Of all connections, the part during which the server is reloaded.
RELOADED = 0.4
ROUNDS, FEW_ROUNDS = 10, 2
# The application's lifespan, and the request that asks.
AT_REST = 2
# How many there are at a time differs, and what an allocator keeps: memory is looked at when it has seen
# enough of them, and may go up and down by so much for each worker.
ENOUGH, ALLOWED = 4000, 2 * 1024 * 1024


def leave(server: Fastrd, seed: str, connections: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE / "dropped.py"), str(server.port), seed, str(connections)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def left(client: subprocess.Popen[str], connections: int) -> dict[str, int]:
    said, _ = client.communicate()
    assert client.returncode == 0
    seen = json.loads(said)
    assert seen["connections"] == connections
    return seen


def open_now(server: Fastrd) -> int:
    return sum(board.counters["websockets_open"] for board in boards(server))


def held(server: Fastrd) -> dict[int, dict[str, Any]]:
    """What each worker says that it holds, once nobody is connected and no endpoint runs."""
    server.wait(lambda: open_now(server) == 0, "the end of all WebSockets", 30)
    found: dict[int, dict[str, Any]] = {}
    end = time.monotonic() + 60 * PATIENCE
    while set(found) != set(server.children()):
        assert time.monotonic() < end, f"{found} at rest, of {server.children()}"
        status, content = server.get("/held")
        assert status == 200
        one = json.loads(content)
        if one["tasks"] == AT_REST:
            found[one["pid"]] = one
    return found


def at_rest(server: Fastrd, pids: list[int]) -> list[list[str]]:
    """Their descriptors, when nothing of what the clients have left is in hand any more."""
    end = time.monotonic() + 20 * PATIENCE
    seen: list[list[list[str]]] = []
    while len(seen) < 10 or any(one != seen[-1] for one in seen[-10:]):
        assert time.monotonic() < end, f"descriptors do not come to rest: {seen[-2:]}"
        time.sleep(0.05)
        seen.append([memory.descriptors(pid) for pid in pids])
    return seen[-1]


def reload_meanwhile(server: Fastrd, seed: str, connections: int, workers: int) -> int:
    """How many reloads there were: one second apart, and one at least."""
    client = leave(server, seed, connections)
    reloads = 0
    while not reloads or client.poll() is None:
        reloads += 1
        time.sleep(1)
        server.signal(1)
        server.wait_log(f"generation {reloads + 1} serves", 120)
    left(client, connections)
    server.wait(lambda: len(server.children()) == workers, "the end of the old generations", 60)
    return reloads


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_stays_of_them(tmp_path: Path, pytestconfig: pytest.Config, workers: int) -> None:
    connections = int(pytestconfig.getoption("connections")) // 2
    seed = pytestconfig.getoption("seed") or str(random.randrange(10**9))
    print(f"{workers} workers, --connections {connections * 2} --seed {seed}")
    flags = ["--app-dir", str(HERE), "--workers", str(workers)]
    with Fastrd("dropped_app:app", tmp_path, *flags, env=ONE_ARENA) as server:
        assert server.process is not None
        master = server.process.pid
        before = at_rest(server, [master, *server.children()])
        reloads = reload_meanwhile(server, f"{seed}/reloaded", int(connections * RELOADED), workers)
        assert at_rest(server, [master, *server.children()]) == before

        pids = server.children()
        rounds = ROUNDS if connections >= 10_000 else FEW_ROUNDS
        each = int(connections * (1 - RELOADED)) // rounds
        figures, said = [], [held(server)]
        for n in range(rounds):
            left(leave(server, f"{seed}/{n}", each), each)
            said.append(held(server))
            figures.append(sum(memory.anonymous_bytes(pid) for pid in pids))
        assert server.children() == pids, "a worker died"
        assert at_rest(server, [master, *pids]) == before
        for pid in pids:
            first, last = said[1][pid], said[-1][pid]
            assert last["websockets"] == first["websockets"], (first, last)
            assert last["objects"] <= first["objects"] + 200, [one[pid]["objects"] for one in said]
        half = figures[rounds // 2 :]
        if each * len(half) >= ENOUGH:
            grown = memory.slope(half) * len(half)
            print(f"{reloads} reloads; {half[0] // 1024} kB, then {grown / 1024:.0f} kB more in the second half")
            assert not memory.JUDGED or grown <= ALLOWED * workers, figures
        assert "Exception in" not in server.log() and "bug:" not in server.log(), server.log()[-3000:]
