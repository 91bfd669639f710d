"""Dependencies with ``yield``: every event in its order, as under uvicorn.

What is entered and left when, in which context, what each exception becomes, when the
client has its answer, and what the server reports.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

import exits_grid as grid
import pytest
from client import forced, run, without_date
from declared import FASTAPI
from exits_grid import LOG, Case
from fastapi import FastAPI
from reference import PATIENCE_S, Uvicorn, chain, is_complete

from fastrapi.testclient import MemoryConnection

SCOPES = FASTAPI >= (0, 121)
PAIRS = 300
STEP = int(os.environ.get("FASTRD_GRID_STEP", "5"))
SHOWN = 5

if FASTAPI < (0, 118):
    pytest.skip("dependencies are left before the answer", allow_module_level=True)


def answered() -> None:
    LOG.append("answered")


def comparable(data: bytes) -> tuple[list[bytes], bytes]:
    head, _, body = without_date(data).partition(b"\r\n\r\n")
    lines = [line.lower() for line in head.split(b"\r\n")]
    return [line for line in lines if not line.startswith(b"server:")], body


def encoded(case: Case) -> bytes:
    return f"GET {case.target()} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode()


def under_uvicorn(server: Uvicorn, case: Case) -> Any:
    grid.begin(case)
    data = server.ask(encoded(case), answered)
    return comparable(data), list(LOG), chain(server.raised)


async def compiled(app: FastAPI, case: Case) -> Any:
    grid.begin(case)
    connection = MemoryConnection(app)
    connection.feed(encoded(case))
    data, told = b"", False
    while piece := await asyncio.wait_for(connection.read(), PATIENCE_S):
        data += piece
        if not told and is_complete(data):
            told = True
            answered()
    assert connection.compiled == (0 if case.end == "query" and connection.replayed else 1)
    assert len(connection.exceptions) <= 1
    raised = connection.exceptions[0] if connection.exceptions else None
    return comparable(data), list(LOG), chain(raised)


def settled(found: Any, layers: tuple[Any, ...]) -> Any:
    """``found`` without what is a race between the client and a layer: which of them is first
    to know that the answer is complete. The exits wait for the client."""
    data, log, raised = found
    # What a group of tasks was doing when one of them raised.
    cancelled = r"""\("CancelledError\('Cancelled via cancel scope \w+'\)", None, None, False\)"""
    raised = re.sub(cancelled, "None", repr(raised))
    quiet = [line for line in log if line != "answered"]
    if grid.Fails in layers:
        return data, quiet, raised
    return data, quiet, [line.split(" [")[0] for line in log if not line.startswith("layer")], raised


def differences(layers: tuple[Any, ...], cases: list[Case]) -> list[str]:
    """The cases that end otherwise than under uvicorn."""
    server = Uvicorn(grid.make(SCOPES, layers))
    found = []

    async def main() -> None:
        app = grid.make(SCOPES, layers)
        for case in cases:
            theirs = await asyncio.to_thread(under_uvicorn, server, case)
            with forced("none"):
                ours = await compiled(app, case)
            if settled(theirs, layers) != settled(ours, layers):
                found.append(f"{case}\n  uvicorn: {theirs}\n  fastrd:  {ours}")

    try:
        run(main)
    finally:
        server.stop()
    return found


def check(layers: tuple[Any, ...], cases: list[Case]) -> None:
    found = differences(layers, cases)
    assert not found, f"{len(found)} of {len(cases)} differ:\n" + "\n".join(found[:SHOWN])


def test_every_event_is_as_under_uvicorn() -> None:
    check((), grid.cases(SCOPES, PAIRS, seed=1)[::STEP])


@pytest.mark.parametrize("layers", grid.LAYERS)
def test_every_event_is_as_under_uvicorn_behind_layers(layers: str) -> None:
    """Each set-up of layers meets other cases."""
    first = list(grid.LAYERS).index(layers)
    cases = grid.cases(SCOPES, PAIRS, seed=2 + first)
    check(grid.LAYERS[layers], cases[first :: 3 * STEP])
