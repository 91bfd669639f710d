"""The methods of Starlette's WebSocket are C's, and nobody sees it: whatever user code does with them, it and
the client see what they see under uvicorn. Each deviation from the usual case leads to Starlette's own code."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import servers
import websockets
from pair import HERE, ask, both, observe
from websockets.asyncio.client import connect

CLOSE = ("close", 4321, "bye")
PAUSE = ("pause", 0.4)
# Of each path: what the client does, and how many calls C has done and how many it has left to Starlette.
CASES: dict[str, tuple[list[Any], tuple[int, int] | None]] = {
    "texts": (["a", "ü" * 300, ["b", "c"]], (6, 0)),
    "binaries": ([b"a", b"", [b"b", b"c"]], (6, 0)),
    "jsons": (['{"a": [1, null]}', '"ü"', "3.5"], (6, 0)),
    "json-modes": (['{"a": 1}', b'{"b": 2}'], (4, 4)),
    "messages": (["a", b"b", PAUSE, CLOSE], (7, 1)),
    "wrong-kinds": ([b"a", "b", b"{}", "{", "c"], (6, 0)),
    "what-cannot-be-sent": ([], (1, 2)),
    "odd-data": ([], (2, 4)),
    "left": ([PAUSE, CLOSE], (1, 7)),
    "left-before": ([b"x", CLOSE], (2, 0)),
    "left-twice": ([PAUSE, CLOSE], (2, 0)),
    "two-wait": ([PAUSE, "a", "b"], (2, 0)),
    "cancelled": ([("wait",), "a"], (5, 0)),
    "many-at-once": (["x"], (8, 0)),
    "never-awaited": ([], (0, 0)),
    "coroutines": ([], (2, 0)),
    "an-attribute-of-the-socket": (["a"], (1, 10)),
    "between-call-and-await": ([], (1, 9)),
    "a-class-patched": (["a", "b", "c"], (6, 4)),
    "a-class-of-its-own": (["a", "b", "c"], (5, 6)),
    "something-else": ([], (0, 2)),
    "another-json": (["[1]"], (2, 0)),
    "iterations": (["a", "b", b"c", "[1]", '"d"', PAUSE, CLOSE], (6, 0)),
    "a-slow-reader": ([PAUSE], (61, 0)),
    "left-while-sending": ([PAUSE, ("abort",)], None),
    "cancelled-while-sending": ([PAUSE, PAUSE, ("last",)], None),
    "closed-here": ([], (0, 6)),
    "a-debug-loop": (["a"], (0, 4)),
    "layered/texts": (["a", "b", "c"], (0, 12)),
    "layered/left": ([PAUSE, CLOSE], (0, 9)),
    "unaccepted/too-early": (["a"], (2, 9)),
}  # fmt: skip


async def talk(port: int, case: str) -> list[Any]:
    """What the client sees, in its order."""
    log: list[Any] = []
    plain: dict[str, Any] = {"compression": None, "max_size": None, "open_timeout": 30}
    async with connect(f"ws://127.0.0.1:{port}/{case}", **plain) as client:
        for step in CASES[case][0]:
            if not isinstance(step, tuple):
                await client.send(step)
            elif step[0] == "close":
                await client.close(*step[1:])
            elif step[0] == "wait":
                log.append(await asyncio.wait_for(client.recv(), 20))
            elif step[0] == "abort":
                client.transport.abort()
                return log
            elif step[0] == "last":
                while await asyncio.wait_for(client.recv(), 20) != "end":
                    pass
                return log
            else:
                await asyncio.sleep(step[1])
        try:
            while True:
                log.append(await asyncio.wait_for(client.recv(), 20))
        except websockets.ConnectionClosed:
            log.append(["closed", client.close_code, client.close_reason])
    return log


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    with both("methods_app:app", tmp_path_factory.mktemp("methods")) as ports:
        yield ports


@pytest.mark.parametrize("case", CASES)
def test_as_under_uvicorn(ports, case):
    expected, got = (observe(port, talk(port, case)) for port in ports)
    assert got[1] == expected[1]
    assert got[0] == expected[0]
    assert CASES[case][1] in (None, tuple(ask(ports[1], "counted")))


@pytest.mark.parametrize("setting", ["INSTRUMENTED", "FASTRD_FORCE"])
def test_left_alone(tmp_path, setting):
    """Where an application has replaced a method before it is served, and where all is to be Starlette's."""
    port = servers.free_port()
    command = servers.fastrd("methods_app:app", HERE, port)
    with servers.serving(command, port, tmp_path / "log", {setting: "asgi"}):
        client, seen = observe(port, talk(port, "texts"))
        assert client[:3] == ["a", "ü" * 300, "bc"]
        assert (seen[0] == "'sends' | 'a'") == (setting == "INSTRUMENTED")
        assert ask(port, "counted") == [0, 0]
