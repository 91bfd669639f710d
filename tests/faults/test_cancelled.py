"""User code is cancelled at each of its awaits, in each way that there is: the same runs, and
sees the same, as when FastAPI's own layers call it."""

from __future__ import annotations

import asyncio
import gc
from collections import defaultdict
from itertools import product
from typing import Any

import anyio
import pytest
from awaiting import KINDS, STACKS, Points, make
from client import forced, run, without_date

from fastrapi.hooks import RequestTask
from fastrapi.testclient import MemoryConnection

PATIENCE_S = 20.0
MOST = 60


class Ends:
    """What ends a request. ``arm`` is what its connection and outermost layer need."""

    def __init__(self, cause: str) -> None:
        self.cause = cause
        self.connection: MemoryConnection | None = None
        self.before = asyncio.all_tasks()
        self.limit: Any = None
        self.scope: Any = None

    def layer(self) -> Any:
        """The class of the outermost layer, or None."""
        ends = self

        class Bound:
            def __init__(self, app: Any) -> None:
                self.app = app

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                async with asyncio.timeout(None) as ends.limit:
                    await self.app(scope, receive, send)

        class Scope(Bound):
            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                with anyio.CancelScope() as ends.scope:
                    await self.app(scope, receive, send)

        return {"timeout": Bound, "scope": Scope}.get(self.cause)

    def __call__(self) -> None:
        if self.cause == "client":
            assert self.connection is not None
            self.connection.eof()
        elif self.cause == "timeout":
            self.limit.reschedule(0)
        elif self.cause == "scope":
            self.scope.cancel()
        else:
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_soon(task.cancel)


async def one(mode: str, kind: str, stack: str, cause: str, at: int) -> tuple[Points, bytes, Any]:
    """What the user code did, the answer, and what was raised to the server."""
    ends = Ends(cause)
    points = Points(at, ends)
    app = make(points, stack, ends.layer())
    with forced(mode):
        ends.connection = MemoryConnection(app)
        ends.connection.feed(f"GET /{kind} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
        data = b""
        async with asyncio.timeout(PATIENCE_S):
            while piece := await ends.connection.read():
                data += piece
    raised = [type(exc).__name__ for exc in ends.connection.exceptions]
    if mode == "none" and not points.reached:
        assert ends.connection.compiled
    async with asyncio.timeout(PATIENCE_S):  # a generator that was dropped is closed by a task
        while any(not isinstance(t, RequestTask) for t in asyncio.all_tasks() - ends.before):
            await asyncio.sleep(0.001)
    return points, without_date(data), raised


def by_actor(log: list[str]) -> dict[str, list[str]]:
    """Who waits for nobody else in a dispatch layer may run before or after another."""
    found = defaultdict(list)
    for line in log:
        found[line.split(" ")[0]].append(line)
    return dict(found)


def left_once(log: list[str]) -> bool:
    """Every dependency that was entered."""
    names = ("late", "early")
    return all(log.count(f"{n} enters: done") == log.count(f"{n} leaves") for n in names)


CAUSES = ("client", "timeout", "scope", "own")
# These also without --every.
FEW = {("plain", "", "timeout"), ("plain", "dispatch asgi", "scope"), ("raises", "asgi", "client"),
       ("background", "dispatch", "own"), ("background", "native dispatch", "timeout")}  # fmt: skip
CASES = [
    pytest.param(
        *case,
        id=", ".join(case),
        marks=[pytest.mark.few] if case in FEW else [],
    )
    for case in product(KINDS, STACKS, CAUSES)
]


@pytest.mark.parametrize(("kind", "stack", "cause"), CASES)
def test_every_await(kind: str, stack: str, cause: str) -> None:
    async def main() -> None:
        await one("none", "nothing", "", cause, MOST)  # what a loop has once
        gc.freeze()
        for at in range(MOST):
            theirs, answer, raised = await one("asgi", kind, stack, cause, at)
            ours, our_answer, our_raised = await one("none", kind, stack, cause, at)
            where = f"await {at}\n{theirs.log}\n{ours.log}"
            assert left_once(ours.log), where
            assert by_actor(ours.log) == by_actor(theirs.log), where
            assert (our_answer, our_raised) == (answer, raised), where
            if not theirs.reached and not ours.reached:
                break
        else:
            raise AssertionError("more awaits than expected")

    run(main)
