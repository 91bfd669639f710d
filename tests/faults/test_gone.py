"""The client leaves, in either way, in each phase of each kind of request behind each stack of
layers: the same user code runs, sees the same, and what was entered is left once, as when
FastAPI's own layers and Starlette's own tasks do it all."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from awaiting import STACKS
from client import forced, run
from gone import KINDS, Place, build, content
from test_cancelled import by_actor, left_once

from fastrapi.hooks import RequestTask
from fastrapi.testclient import MemoryConnection

PATIENCE_S = 20.0
STREAMS = ("stream", "plain stream", "events", "file")
# `unread`: all was sent, and nothing read. Those without a word here name where user code waits.
PHASES = ("half head", "half content", "endpoint", "iterator", "full", "task 0", "unread")
WAYS = ("fin", "rst")


# Starlette asks for a file and reads it on threads. What layers still send of it to a client that
# has left is a race.
RACED = "file"
ACTORS = ("late", "early", "endpoint", "plain")


def happens(kind: str, phase: str) -> bool:
    if phase == "full":
        return kind in STREAMS
    if phase == "iterator":
        return kind in ("stream", "events")
    if phase == "task 0":
        return kind in ("background", "stream", "events")
    return phase != "endpoint" or kind != "events"


@cache
def application(stack: str, mode: str, file: Path) -> tuple[Place, Any]:
    place = Place()
    return place, build(place, stack, file)


async def still(place: Place) -> None:
    """Wait until nothing happens any more."""
    seen = -1
    while seen != len(place.log):
        seen = len(place.log)
        for _ in range(10):
            await asyncio.sleep(0.004)


def target(kind: str, phase: str) -> str:
    return f"/{kind.replace(' ', '%20')}{'?endless=1' if phase == 'full' else ''}"


async def one(mode: str, kind: str, stack: str, phase: str, way: str, file: Path) -> Any:
    """What the user code did, and what was raised to the server."""
    place, app = application(stack, mode, file)
    before = asyncio.all_tasks()
    media, data = content(kind)
    head = f"POST {target(kind, phase)} HTTP/1.1\r\nHost: t\r\nContent-Type: {media}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    sent = {"half head": head[:-20], "half content": head + data[: len(data) // 2]}.get(phase, head + data)
    with forced(mode):
        connection = MemoryConnection(app)
        leave: Callable[[], None] = connection.eof if way == "fin" else connection._conn.close
        place.begin(phase, leave)
        connection.feed(sent)
        if phase in ("half head", "half content", "full", "unread"):
            await still(place)
            leave()
        async with asyncio.timeout(PATIENCE_S):
            while await connection.read():
                pass
            while any(not isinstance(t, RequestTask) for t in asyncio.all_tasks() - before):
                await asyncio.sleep(0.001)
    raised = [type(exc).__name__ for exc in connection.exceptions]
    del connection
    for _ in range(3):  # a generator that was dropped is closed by a task
        gc.collect()
        await asyncio.sleep(0.001)
    return place.log, raised


def seen(log: list[str]) -> list[str]:
    """By code that no race reaches."""
    return [line for line in log if line.startswith(ACTORS)]


def descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            continue
    return {name for name in found if name.startswith("/")}


# These also without --every.
FEW = {("yields", "dispatch"), ("stream", ""), ("stream", "dispatch asgi"), ("events", "asgi"), ("upload", ""),
       ("pieces", "dispatch"), ("file", "")}  # fmt: skip
CASES = [
    pytest.param(kind, stack, id=f"{kind}, {stack}", marks=[pytest.mark.few] if (kind, stack) in FEW else [])
    for kind, stack in product(KINDS, STACKS)
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gone") / "file"
    path.write_bytes(b"y" * 1_000_000)
    return path


@pytest.mark.parametrize(("kind", "stack"), CASES)
def test_every_phase(kind: str, stack: str, file: Path) -> None:
    async def main() -> None:
        for mode in ("asgi", "none"):
            await one(mode, "plain", stack, "unread", "fin", file)  # what a loop has once
        gc.freeze()
        opened = descriptors()
        for phase, way in product(PHASES, WAYS):
            if not happens(kind, phase):
                continue
            theirs = await one("asgi", kind, stack, phase, way, file)
            ours = await one("none", kind, stack, phase, way, file)
            where = f"{phase}, {way}\n{theirs}\n{ours}"
            assert left_once(ours[0]), where
            if kind == RACED:
                assert seen(ours[0]) == seen(theirs[0]), where
                continue
            assert by_actor(ours[0]) == by_actor(theirs[0]), where
            assert ours[1] == theirs[1], where
        assert descriptors() == opened

    run(main)
