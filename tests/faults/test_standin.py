"""User code keeps its current task, a stand-in, while each allocation fails in turn: the request
ends, what it has entered is left, and the task that was kept ends with it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from allocations import failing
from counted import LAYERS, Ledger, request
from fastapi import Depends, FastAPI
from judged import fault_of_answer, loses
from served import Server, ask, until

# Of allocations. Each fails on a route of its own: the requests that follow on a route get their
# task at once.
MOST = 400
SETTLES_S = 3.0


@pytest.fixture
def server() -> Iterator[Server]:
    gc.disable()
    server = Server()
    yield server
    server.close()
    gc.enable()


def make(ledger: Ledger, kept: dict[str, Any], suspends: bool, layer: str) -> FastAPI:
    """What is entered does not suspend the request before its endpoint runs."""

    async def opened() -> AsyncIterator[None]:
        ledger.entered["late"] += 1
        try:
            yield
        finally:
            ledger.left["late"] += 1

    async def endpoint() -> str:
        kept["task"] = asyncio.current_task()
        if suspends:
            await asyncio.sleep(0)
        return "kept"

    app = FastAPI()
    if layer:
        app.add_middleware(LAYERS[layer], ledger=ledger, name="layer 0")
    for n in range(MOST + 1):
        app.add_api_route(f"/{n}", endpoint, dependencies=[Depends(opened)])
    return app


@pytest.mark.few
@pytest.mark.parametrize("layer", ["", "asgi"])
@pytest.mark.parametrize("suspends", [False, True], ids=["ends", "is suspended"])
def test_the_task_that_was_kept_ends(server: Server, suspends: bool, layer: str) -> None:
    ledger = Ledger()
    kept: dict[str, Any] = {"task": None}
    app = make(ledger, kept, suspends, layer)
    port = server.port(app)
    healthy = ask(port, request("GET", "/0"))
    assert healthy

    def is_over() -> bool:
        task: Any = kept["task"]
        return not server.tasks() and ledger.balanced and (task is None or asyncio.Task.done(task))

    faults = []
    for n in range(MOST):
        ledger.clear()
        kept["task"] = None
        failing.fail("python", n)
        got = ask(port, request("GET", f"/{n + 1}"))
        until(is_over, 0.1)
        place = failing.stop()
        if place is None:
            break
        server.call(gc.collect)  # what is in a cycle
        over = until(lambda: is_over() and server.in_hand(app) == "", SETTLES_S)
        found = fault_of_answer(got, healthy)
        if found or ((not over or ledger.faults()) and not loses(place)):
            faults.append((n, found, kept["task"], server.in_hand(app), ledger.faults(), place))
    assert not faults, "\n".join(map(str, faults))
