"""The real server under many requests: its memory and descriptors stay.

10,000 requests by default; `make check-leak` makes it a million.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import apps
import load
import memory
import pytest
import ways
from server import Fastrd

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
ROUNDS = 40
# Bytes a request may cost.
BAR = 0.5
# A leak grows in every part of the second half; memory that is taken once, at whatever
# time, makes a step in one.
PARTS = 5
# glibc's malloc gives each thread an arena, which keeps what the thread once needed. A thread
# that is new when it first writes a large upload to disk would take 1.2 MB for good.
ONE_ARENA = {"MALLOC_ARENA_MAX": "1"}
# So many laps pass until the pools of every way are as large as they ever become.
WARM_LAPS = 60
# An allocator never gives back every page it once had: that much growth in all is
# not held against a run.
ALLOWED = 256 * 1024


@dataclass
class Figures:
    """What was read after each round."""

    requests: int = 0
    memory: list[int] = field(default_factory=list)

    def judge(self) -> str:
        """One line; AssertionError when the second half grew in all its parts but one (in which
        something else may have been given back). The first half fills caches and pools."""
        half = self.memory[len(self.memory) // 2 :]
        size = len(half) // PARTS
        slope = sorted(memory.slope(half[n * size :][:size]) for n in range(PARTS))[1]
        per_request = slope / (self.requests / len(self.memory))
        line = (
            f"{self.requests} requests, {half[0] // 1024} kB, then {slope * len(half):.0f} bytes"
            f" more in the second half: {per_request:.3f} bytes a request"
        )
        allowed = max(ALLOWED, BAR * self.requests / 2)
        assert not memory.JUDGED or slope * len(half) <= allowed, f"{line}\n{self.memory}"
        return line


def watch(
    server: Fastrd, lap: list[load.Connection], requests: int, tidy: Callable[[], None],
    warm_laps: int = 0,
) -> Figures:  # fmt: skip
    """`requests` in ROUNDS, after each of which `tidy` runs and the only worker's memory is
    read. The laps before them fill caches and pools."""
    (worker,) = server.children()
    figures = Figures()
    laps = max(1, requests // ROUNDS // sum(connection.requests for connection in lap))
    figures.requests += load.run(server.port, lap, 1)
    at_rest, threads = descriptors_at_rest(server, worker), memory.threads(worker)
    load.run(server.port, lap, warm_laps)
    for _ in range(ROUNDS):
        figures.requests += load.run(server.port, lap, laps)
        tidy()
        figures.memory.append(memory.anonymous_bytes(worker))
    assert server.children() == [worker], "a worker died"
    assert "Warning" not in server.log()
    assert descriptors_at_rest(server, worker) == at_rest
    assert memory.threads(worker) <= threads + 8
    return figures


def descriptors_at_rest(server: Fastrd, worker: int) -> list[str]:
    """Once what the last clients left behind is done with."""
    seen: list[list[str]] = []
    end = time.monotonic() + 10
    while len(seen) < 10 or any(one != seen[-1] for one in seen[-10:]):
        assert time.monotonic() < end, f"descriptors do not come to rest: {seen[-2:]}"
        time.sleep(0.05)
        seen.append(memory.descriptors(worker))
    return seen[-1]


@pytest.mark.parametrize(
    ("app", "share", "preflight"),
    [
        ("direct", 0.54, 405), ("native", 0.1, 200), ("behind", 0.08, 405),
        ("dispatched", 0.08, 405), ("layered", 0.08, 200), ("edged", 0.08, 200),
    ],
)
def test_every_way_of_a_request(
    app: str, share: float, preflight: int, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    requests = int(pytestconfig.getoption("requests") * share)
    lap = load.lap_of_ways(preflight)
    collect = load.alone(ways.Way("collect", ways.request("POST", "/collect"), 200, ""))
    env = {**ONE_ARENA, **(apps.EDGE if app == "edged" else {})}
    with Fastrd(f"apps:{app}", tmp_path, "--app-dir", str(HERE), env=env) as server:

        def tidy() -> None:
            load.run(server.port, [collect], 1)

        print(watch(server, lap, requests, tidy, warm_laps=WARM_LAPS).judge())


def test_every_route_of_the_shop(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    requests = int(pytestconfig.getoption("requests") * 0.04)
    database = tmp_path / "shop.sqlite"

    def tidy() -> None:
        """The shop as it was: what the requests stored is not a leak."""
        with sqlite3.connect(database, timeout=10) as db:
            db.execute("DELETE FROM product WHERE id > 4")
            db.execute("DELETE FROM purchase WHERE id > 1")
            db.execute("DELETE FROM mail WHERE purchase > 1")

    env = {"SHOP_DATABASE": str(database), **ONE_ARENA}
    with Fastrd("shop:app", tmp_path, "--app-dir", str(EXAMPLES), env=env) as server:
        print(watch(server, load.lap_of_the_shop(), requests, tidy).judge())


def steps(requests: int, at: tuple[int, ...], leaked: float) -> Figures:
    """What is read when 1.2 MB are taken once at each of ``at``, and ``leaked`` bytes in each
    request."""
    taken = [sum(1_224_704 for step in at if n >= step) for n in range(ROUNDS)]
    pages = [int(leaked * requests * n / ROUNDS) // 4096 * 4096 for n in range(ROUNDS)]
    return Figures(requests, [40_000_000 + a + b for a, b in zip(taken, pages, strict=True)])


@pytest.mark.parametrize("requests", [14_000, 1_000_000])
def test_a_leak_is_seen(requests: int) -> None:
    """Wherever an allocator takes memory once or twice, which is none."""
    bar = max(BAR, ALLOWED / (requests / 2))
    for at in [(), *combinations(range(ROUNDS), 1), *combinations(range(ROUNDS), 2)]:
        steps(requests, at, 0).judge()
        steps(requests, at, bar * 0.9).judge()
        if memory.JUDGED:
            with pytest.raises(AssertionError, match="bytes a request"):
                steps(requests, at, bar * 1.1).judge()


@pytest.mark.skipif(not memory.JUDGED, reason="a sanitizer has its own malloc")
def test_memory_that_is_given_back_hides_no_leak() -> None:
    for at in range(ROUNDS):
        figures = steps(1_000_000, (), BAR * 1.5)
        figures.memory[at:] = [m - 1_224_704 for m in figures.memory[at:]]
        with pytest.raises(AssertionError, match="bytes a request"):
            figures.judge()
