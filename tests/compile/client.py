"""Applications in process: the engine's memory connection, compiled or through ASGI."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from wire import Request

from fastrapi.loop import EventLoop
from fastrapi.testclient import MemoryConnection


@dataclass(frozen=True)
class Answer:
    """Everything the server sent for one request, and what the application raised.
    ``compiled``: did a plan run to make it?"""

    data: bytes
    exceptions: tuple[str, ...]
    compiled: bool = field(compare=False)


@contextmanager
def forced(mode: str) -> Iterator[None]:
    """Applications first served inside are served in ``mode``: none or asgi."""
    before = os.environ.get("FASTRD_FORCE")
    os.environ["FASTRD_FORCE"] = mode
    try:
        yield
    finally:
        del os.environ["FASTRD_FORCE"]
        if before is not None:
            os.environ["FASTRD_FORCE"] = before


async def ask(app: Any, request: Request) -> Answer:
    """One request on a connection of its own, read to its end."""
    connection = MemoryConnection(app)
    head, blank, body = request.encode().partition(b"\r\n\r\n")
    connection.feed(head + b"\r\nConnection: close" + blank + body)
    data = b""
    while piece := await connection.read():
        data += piece
    exceptions = tuple(map(repr, connection.exceptions))
    return Answer(without_date(data), exceptions, connection.compiled > 0)


async def calls(app: Any, request: Request) -> tuple[Answer, list[FrameType]]:
    """The answer to the second of two requests, and the frames of the functions that ran in
    this thread for it. What the check that runs each second calls is not among them."""
    found: list[FrameType] = []

    def profile(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            found.append(frame)

    await ask(app, request)
    sys.setprofile(profile)
    try:
        answer = await ask(app, request)
    finally:
        sys.setprofile(None)
    return answer, [frame for frame in found if not _is_check(frame)]


def _is_check(frame: FrameType | None) -> bool:
    while frame is not None and not frame.f_code.co_filename.endswith("compile/guards.py"):
        frame = frame.f_back
    return frame is not None


def without_date(data: bytes) -> bytes:
    """``data`` without the one field that differs between equal answers."""
    head, blank, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")]
    return b"\r\n".join(lines) + blank + body


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main`` on fastrapi's event loop."""
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
