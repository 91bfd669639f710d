"""Server-sent events in C.

FastAPI's handler defines a context manager in which one task asks the endpoint for events, and
another hands them on and puts in pings. The code of the handler runs here with ``manager()`` in
the place of ``asynccontextmanager``: it makes a context manager whose tasks are C
(``bindings/plan/events``). The group of these tasks is anyio's, so that what goes wrong ends as
in FastAPI.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from types import AsyncGeneratorType
from typing import Any

import anyio
import fastapi.routing as routing
from anyio.streams.memory import MemoryObjectReceiveStream

from fastrapi._engine import Events
from fastrapi.loop import EventLoop

from . import dialect
from .recognise import free_variables
from .sources import source_of

# The source of FastAPI's context manager in get_request_handler(), and the digest of the one
# that this module stands for.
_FIRST, _AFTER = "async def _sse_producer_cm()", "# Enter the SSE context manager"
_KNOWN = "f418edc60a6fb7d5993f8f65cc6f81604cb56d92645e7c838619ec5991f0f66e"
# The names of the tasks begin so.
_TASKS = "fastapi.routing.get_request_handler.<locals>.app.<locals>._sse_producer_cm.<locals>"


def _source() -> str:
    try:
        source = source_of(routing.get_request_handler)
    except OSError:
        return ""
    return source.partition(_FIRST)[2].partition(_AFTER)[0]


# In earlier versions of anyio closing a stream takes a turn of the loop.
_IS_KNOWN = (
    hashlib.sha256(_source().encode()).hexdigest() == _KNOWN
    and not dialect.uses(MemoryObjectReceiveStream.aclose, "checkpoint")
)


class Stream:
    """What the handler sees of the events."""

    def __init__(self, events: Events) -> None:
        self.events = events

    def __aiter__(self) -> Events:
        return self.events

    async def aclose(self) -> None:
        self.events.close()


@contextlib.asynccontextmanager
async def _manage(events: Events) -> AsyncIterator[Stream]:
    async with anyio.create_task_group() as group:
        group.start_soon(events.produce, name=f"{_TASKS}._producer")
        group.start_soon(events.insert, name=f"{_TASKS}._keepalive_inserter")
        yield Stream(events)
        group.cancel_scope.cancel()


def manager(function: Callable[[], AsyncIterator[Any]]) -> Callable[[], Any]:
    """Stands for ``asynccontextmanager`` in the handler, which calls it with one function."""
    if not _IS_KNOWN:
        return contextlib.asynccontextmanager(function)
    names: dict[str, Any] = vars(routing)
    ping, interval = names["KEEPALIVE_COMMENT"], names["_PING_INTERVAL"]
    loop = asyncio.get_running_loop()
    if (
        not isinstance(loop, EventLoop)
        or type(ping) is not bytes
        or type(interval) not in (int, float)
        or not 0 < interval < math.inf
    ):
        return contextlib.asynccontextmanager(function)
    values = free_variables(function)
    events = Events(loop, values["sse_aiter"], values["_serialize_sse_item"], ping, interval)
    return lambda: _manage(events)


async def direct(made: Coroutine[Any, Any, Any]) -> Any:
    """The response, whose pieces are the events, without the generator between them."""
    response = await made
    pieces = response.body_iterator
    if type(pieces) is AsyncGeneratorType and pieces.ag_frame is not None:
        stream = pieces.ag_frame.f_locals.get("stream")
        if type(stream) is Stream:
            response.body_iterator = stream.events
    return response
