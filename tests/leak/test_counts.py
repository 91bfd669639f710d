"""Nothing is left of a request in this process: exact counts, per way to run."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import re
from collections.abc import Iterator
from typing import Any

import apps
import pytest
from counts import Watch
from fastapi import FastAPI
from fastrapi import EventLoop
from fastrapi.serving import serving_of
from fastrapi.testclient import MemoryConnection
from memory import JUDGED
from ways import BOTH, DROPPED, REFUSED, Way, get

WARM_UP, REQUESTS, WINDOWS = 10, 30, 10
# The test client lets longer heads through than a server: run, but not refused.
ROOMY = {"long target": 404, "long head": 200}
# As the CORSMiddleware of the others answers it.
PREFLIGHT = {"options": 200}
WAYS = [
    pytest.param(app, way, id=f"{name}: {way.name}")
    for name, app in apps.EVERY.items()
    for way in [*BOTH, *REFUSED, *DROPPED]
]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all, with its threads."""
    logging.disable(logging.CRITICAL)
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        yield runner
    logging.disable(logging.NOTSET)


@pytest.fixture(scope="module")
def watch(runner: asyncio.Runner) -> Iterator[Watch]:
    """Everything compiled, bound and used, then counted."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in apps.EDGE.items():
            patch.setenv(name, value)
        serving_of(apps.edged)
    for app in apps.EVERY.values():
        for way in [*BOTH, *REFUSED, *DROPPED]:
            runner.run(ask(app, way))
    roots = [(app, serving_of(app), serving_of(app).engine) for app in apps.EVERY.values()]
    yield Watch(*[root for of_app in roots for root in of_app])
    gc.unfreeze()


async def ask(app: FastAPI, way: Way) -> tuple[list[int], MemoryConnection]:
    """One connection that goes the way once: (statuses, the connection)."""
    connection = MemoryConnection(app)
    data = bytearray()
    if way.status:
        connection.feed(way.data * (way.together - 1) + way.last())
    else:
        connection.feed(way.data * way.together)
        while len(data) < way.leave_after:
            data += await connection.read()
        connection.eof()
        data.clear()
    while piece := await connection.read():
        data += piece
    return [int(n) for n in re.findall(rb"HTTP/1\.1 (\d{3}) ", data)], connection


def expected(app: FastAPI, way: Way) -> int:
    other = ROOMY | PREFLIGHT if app in (apps.native, apps.layered, apps.edged) else ROOMY
    return other.get(way.name, way.status)


async def grow(app: FastAPI, way: Way, watch: Watch) -> dict[str, list[int]]:
    """What grew in every window: name -> by how much in each."""
    for _ in range(WARM_UP):
        await ask(app, way)
    grown: dict[str, list[int]] = {}
    before = watch.take()
    for window in range(WINDOWS):
        for _ in range(REQUESTS):
            await ask(app, way)
        await asyncio.sleep(0.02 * window)  # what is freed a moment later
        after = watch.take()
        leaked = leaks(watch.growth(before, after))
        before = after
        grown = {k: [*grown.get(k, []), n] for k, n in leaked.items() if k in grown or not window}
        if not grown:
            break
    return grown


def leaks(growth: dict[str, int]) -> dict[str, int]:
    """Less than one in two requests, or than malloc's smallest piece in each, is not
    the requests' doing."""
    return {k: n for k, n in growth.items() if n >= (24 * REQUESTS if "bytes" in k else REQUESTS // 2)}


@pytest.mark.parametrize(("app", "way"), WAYS)
def test_nothing_is_left_of_a_request(
    app: FastAPI, way: Way, watch: Watch, runner: asyncio.Runner
) -> None:
    async def main() -> None:
        descriptors = os.listdir("/proc/self/fd")
        statuses, connection = await asyncio.wait_for(ask(app, way), 10)
        assert statuses == ([expected(app, way)] * way.together if way.status else [])
        preflight = app in (apps.native, apps.edged) and way.name in PREFLIGHT
        alone = app in (apps.direct, apps.native, apps.edged)  # others answer some ways in other ways
        if alone and way.how and way.name not in ROOMY and not preflight:
            ran = {how: getattr(connection, how) for how in ("compiled", "replayed", "asgi")}
            if way.how == "inside":  # counted or not
                way_ran = {"compiled": ran["compiled"]}
            else:
                way_ran = {way.how: way.together}
            assert ran == {how: way_ran.get(how, 0) for how in ran}
        del connection
        assert await grow(app, way, watch) == {}
        assert len(os.listdir("/proc/self/fd")) == len(descriptors)

    runner.run(main())


@pytest.mark.skipif(not JUDGED, reason="a sanitizer has its own malloc")
def test_the_counts_see_a_leak(watch: Watch) -> None:
    """Of each kind: a reference, an object, memory of C. More than what happens to be
    freed meanwhile."""
    import ctypes

    kept: list[Any] = []
    before = watch.take()
    libc = ctypes.CDLL(None)
    for _ in range(20 * REQUESTS):
        kept.append((apps.hello, []))
        libc.strdup(b"x" * 20)
    found = leaks(watch.growth(before, watch.take()))
    assert found["references to function hello"] >= REQUESTS
    assert found["objects of builtins.list"] >= REQUESTS
    assert found["memory blocks of Python"] >= REQUESTS
    assert found["bytes of malloc"] >= 20 * REQUESTS
