"""Streaming responses of plans without the layers that FastAPI puts around them: of plans
that stand alone, or behind layers of the user's that leave ``receive`` alone.

Starlette's own ``stream_response()`` sends the pieces. In the place of the task group and
the task in which Starlette waits for ``http.disconnect`` stand a cancel scope and a future
of the engine's, with the same effect on the iterator: it is cancelled as in a task group.
When it raises, the exception goes through the application's layers, which then find that
the answer has begun.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from anyio import CancelScope
from starlette.responses import StreamingResponse

from . import dialect
from .recognise import is_own

_NAMES = ("__call__", "stream_response", "listen_for_disconnect")
_OWN = {name: StreamingResponse.__dict__.get(name) for name in _NAMES}
# What is written here stands for these; earlier versions treat exceptions otherwise.
_KNOWN = all(map(is_own, _OWN.values())) and dialect.uses(
    StreamingResponse.__call__, "create_collapsing_task_group"
)
# Without these nothing is sent at all.
_SENT_FIRST = {"status_code", "raw_headers", "background"}
# Says to the layers that the answer has begun; the server never sees it.
_BEGUN = {"type": "http.response.start", "status": 200, "headers": []}


@dataclass(frozen=True, slots=True)
class Raised:
    """An exception of a stream, to be raised again where its Response was awaited, or of its
    background tasks, which leaves the cause as it is."""

    exc: Exception
    in_background: bool

    async def surface(self, send: Any) -> None:
        """Raise it, behind the start of the answer."""
        await send(_BEGUN)
        if self.in_background:
            raise self.exc
        raise self.exc from _cause(self.exc)


def _cause(raised: Exception) -> BaseException | None:
    """As Starlette's create_collapsing_task_group() finds it."""
    context = None if raised.__suppress_context__ else raised.__context__
    return raised.__cause__ or context


def is_plain(response: Any) -> bool:
    """Is ``response`` streamed by Starlette's own methods?"""
    cls = type(response)
    return (
        _KNOWN
        and issubclass(cls, StreamingResponse)
        and all(getattr(cls, name) is own for name, own in _OWN.items())
        and _OWN.keys().isdisjoint(vars(response))
        and _SENT_FIRST <= vars(response).keys()
    )


async def run(
    send: Any,
    response: Any,
    gone: Any,
    surface: Callable[[Raised, Any], Coroutine[Any, Any, None]],
) -> None:
    """Stream ``response`` and run its background tasks; ``gone`` is done when the client is.
    What they raise goes through the application's layers, by ``surface(raised, send)``."""
    pieces = _send_pieces(response, send, gone)
    # Starlette's task group gives the iterator a task, and a context, of its own.
    if response.background is not None:
        pieces = _in_context(copy_context(), pieces)
    exc = await pieces
    raised = Raised(exc, False) if exc is not None else None
    if raised is None and response.background is not None:
        try:
            await response.background()
        except Exception as exc:
            raised = Raised(exc, True)
    if raised is None:
        return

    async def send_on(message: Any) -> None:
        if message is not _BEGUN:
            await send(message)

    await surface(raised, send_on)


async def _send_pieces(response: Any, send: Any, gone: Any) -> Any:
    """Stream ``response``; what it raises is returned."""
    try:
        with CancelScope() as cancel:
            gone.add_done_callback(lambda _: cancel.cancel())
            await response.stream_response(send)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Raised by the iterator itself: a task group ends silently.
    except Exception as exc:
        return exc
    finally:
        gone.cancel()
    return None


def behind(response: Any, send: Any, server: Any) -> Coroutine[Any, Any, None] | None:
    """Does what ``response(scope, receive, send)`` does behind a layer whose ``receive`` is
    that of ``server``. None: that must do it, because it is no plain stream."""
    gone = server.watch() if is_plain(response) else None
    return _send_behind(response, send, gone) if gone is not None else None


async def _send_behind(response: Any, send: Any, gone: Any) -> None:
    raised = await _in_context(copy_context(), _send_pieces(response, send, gone))
    if raised is not None:
        cause = _cause(raised)
        try:
            raise ExceptionGroup("unhandled errors in a TaskGroup", [raised]) from None
        except ExceptionGroup:
            raise raised from cause
    if response.background is not None:
        await response.background()


@types.coroutine
def _in_context(context: Context, coroutine: Any) -> Any:
    """The result of ``coroutine``, which runs in ``context``."""
    step, value = coroutine.send, None
    while True:
        try:
            wanted = context.run(step, value)
        except StopIteration as stop:
            return stop.value
        try:
            step, value = coroutine.send, (yield wanted)
        except BaseException as exc:
            step, value = coroutine.throw, exc
