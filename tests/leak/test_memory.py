"""The real server under many requests: its memory and descriptors stay.

10,000 requests by default; `make check-leak` makes it a million.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

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
# An allocator never gives back every page it once had: that much growth in all is
# not held against a run, and more against one too short to be warm.
ALLOWED = 256 * 1024
WARM = 15_000
ALLOWED_WARMING = 1024 * 1024


@dataclass
class Figures:
    """What was read after each round."""

    requests: int = 0
    memory: list[int] = field(default_factory=list)

    def judge(self) -> str:
        """One line; AssertionError when the second half grew. The first half fills
        caches and pools."""
        half = self.memory[len(self.memory) // 2 :]
        slope = memory.slope(half)
        per_request = slope / (self.requests / len(self.memory))
        line = (
            f"{self.requests} requests, {half[0] // 1024} kB, then {slope * len(half):.0f} bytes"
            f" more in the second half: {per_request:.3f} bytes a request"
        )
        at_least = ALLOWED if self.requests // 2 >= WARM else ALLOWED_WARMING
        allowed = max(at_least, BAR * self.requests / 2)
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
        ("direct", 0.62, 405), ("native", 0.1, 200), ("behind", 0.08, 405),
        ("dispatched", 0.08, 405), ("layered", 0.08, 200),
    ],
)
def test_every_way_of_a_request(
    app: str, share: float, preflight: int, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    requests = int(pytestconfig.getoption("requests") * share)
    lap = load.lap_of_ways(preflight)
    collect = load.alone(ways.Way("collect", ways.request("POST", "/collect"), 200, ""))
    with Fastrd(f"apps:{app}", tmp_path, "--app-dir", str(HERE)) as server:

        def tidy() -> None:
            load.run(server.port, [collect], 1)

        print(watch(server, lap, requests, tidy, warm_laps=40).judge())


def test_every_route_of_the_shop(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    requests = int(pytestconfig.getoption("requests") * 0.04)
    database = tmp_path / "shop.sqlite"

    def tidy() -> None:
        """The shop as it was: what the requests stored is not a leak."""
        with sqlite3.connect(database, timeout=10) as db:
            db.execute("DELETE FROM product WHERE id > 4")
            db.execute("DELETE FROM purchase WHERE id > 1")
            db.execute("DELETE FROM mail WHERE purchase > 1")

    env = {"SHOP_DATABASE": str(database)}
    with Fastrd("shop:app", tmp_path, "--app-dir", str(EXAMPLES), env=env) as server:
        print(watch(server, load.lap_of_the_shop(), requests, tidy).judge())


def test_a_leak_is_seen() -> None:
    """One of 16 bytes in each request, among the steps of an allocator."""
    requests, rounds = 1_000_000, range(ROUNDS)
    steps = [40_000_000 + (131_072 if n > 25 else 0) for n in rounds]
    Figures(requests, steps).judge()
    leaking = [m + 16 * requests * n // ROUNDS for n, m in enumerate(steps)]
    if memory.JUDGED:
        with pytest.raises(AssertionError, match="bytes a request"):
            Figures(requests, leaking).judge()
