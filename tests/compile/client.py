"""Applications in process: the engine's memory connection, compiled or through ASGI."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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


def without_date(data: bytes) -> bytes:
    """``data`` without the one field that differs between equal answers."""
    head, blank, body = data.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"date:")]
    return b"\r\n".join(lines) + blank + body


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``main`` on fastrapi's event loop."""
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
