"""The Python side of a dispatch layer, for ``bindings/stack``.

The content of a response, because user code may look at an asynchronous generator. And
what is left of the task group of Starlette's BaseHTTPMiddleware when a request does not
go well: cancellation by a cancel scope of anyio's, and the exception that comes out.
"""

from __future__ import annotations

from asyncio import CancelledError, current_task, sleep
from collections.abc import AsyncGenerator
from typing import Any, NoReturn

import starlette.middleware.base as base
from anyio import ClosedResourceError, EndOfStream
from anyio._backends._asyncio import (
    CancelScope,
    TaskState,
    _task_states,
    is_anyio_cancellation,
)
from fastrapi._engine import FileContent, Passage

from .groups import GROUP, cancel, raise_collapsed
from .scopes import is_cancelled_in, scope_of

ORIGINAL = base.BaseHTTPMiddleware.__call__
REQUEST = base._CachedRequest
WRAPPED_RECEIVE, STREAM = REQUEST.wrapped_receive, REQUEST.stream
RESPONSE = base._StreamingResponse
_BODY, _PATHSEND = "http.response.body", "http.response.pathsend"


async def call_next(request: Any) -> Any:
    """What inspect finds where user code looks at its ``call_next``."""


call_next.__qualname__ = "BaseHTTPMiddleware.__call__.<locals>.call_next"


async def _pieces(file: FileContent) -> AsyncGenerator[bytes, None]:
    """Those that FileResponse would have sent."""
    while True:
        await sleep(0)  # a thread reads Starlette's
        piece = file.read()
        if piece is None:
            return
        if piece:
            yield piece


async def body(passage: Passage) -> AsyncGenerator[Any, None]:
    """``body_iterator`` of the response that call_next() returns."""
    passage.begun, more, answer = True, True, passage.answer
    if answer is not None:
        await sleep(0)
        if passage.sent:
            raise ClosedResourceError
        if answer.body["body"]:
            yield answer.body["body"]
        return
    while more:
        try:
            message = await passage.take()
        except EndOfStream:
            return
        if type(message) is FileContent:
            async for piece in _pieces(message):
                yield piece
            more = message.more_body
            continue
        if message["type"] == _PATHSEND:
            yield message
            return
        assert message["type"] == _BODY, f"Unexpected message: {message}"
        if piece := message.get("body", b""):
            yield piece
        more = message.get("more_body", False)


def surface(exc: BaseException | None, end: BaseException) -> NoReturn:
    """Raise what call_next() raises when the application has ended without an answer."""
    try:
        raise end
    except EndOfStream:
        if exc is None:
            raise RuntimeError("No response returned.")
        raise exc from exc.__cause__ or exc.__context__


def is_cancelled(task: Any) -> bool:
    """Would a checkpoint of ``task`` raise?"""
    if task._must_cancel:
        return True
    return is_cancelled_in(scope_of(task))


def enter_scope() -> Any:
    """The cancel scope of a group, entered by the host of a layer."""
    return CancelScope().__enter__()


def leave_scope(passage: Passage) -> None:
    """The layer is through, and nothing was raised in its group."""
    scope, passage.cancel_scope = passage.cancel_scope, None
    scope.__exit__(None, None, None)


def begin_task(passage: Passage) -> None:
    """The current task is an application, in the group's scope."""
    task: Any = current_task()
    _task_states[task] = TaskState(id(passage.host), passage.cancel_scope)
    passage.cancel_scope._tasks.add(task)


def end_task(passage: Passage) -> None:
    """It has come to its end."""
    task: Any = current_task()
    _task_states.pop(task, None)
    passage.cancel_scope._tasks.discard(task)


def revoke(passage: Passage) -> None:
    """The application was cancelled, not by the layer: a group cancels its host, too."""
    scope = passage.cancel_scope
    if scope is not None:
        if not scope._effectively_cancelled:
            scope.cancel()
        return
    if passage.ended or passage.aborting or passage.joiner is not None or passage.host.done():
        return
    passage.revoked = bool(passage.host.cancel())


async def be_cancelled(passage: Passage, ready: bool) -> None:
    """The host was cancelled while it sent the last message. What call_next() has run is
    then cancelled in its last send(), if dispatch had not looked into its answer."""
    try:
        await sleep(0)
        ready = False
    finally:
        if not ready:
            passage.resume()


async def leave(passage: Passage) -> None:
    """User code has put something on the exit stacks of a plan after its end."""
    from .dialect import STACKS
    from .exit_stacks import Handled, Unwinding, send_nothing
    from .seam import OUTCOME_KEY

    scope, answer = passage.scope, passage.answer
    # A route of Starlette's own has the outermost stack alone.
    if (answer is not None and answer.handled) or STACKS[1] not in scope:
        scope[OUTCOME_KEY] = Handled(scope, None)
    else:
        scope[OUTCOME_KEY] = Unwinding(scope, None, None, None, None, True, False)
    await passage.app(passage.scope, passage.receive, send_nothing)


def _cancel(passage: Passage) -> None:
    """Cancel the applications."""
    if passage.aborting:
        return
    passage.aborting = True
    if passage.cancel_scope is not None:
        passage.cancel_scope.cancel()
    else:
        cancel(filter(None, list(passage.tasks or ())), passage.host)


async def fail(passage: Passage, exc: BaseException) -> None:
    """``exc`` leaves the layer."""
    try:
        raise exc
    except BaseException as raised:
        await join(passage, raised)


async def join(passage: Passage, exc: BaseException | None) -> None:
    """What leaving the task group does: wait for the applications, and raise. With
    ``exc``, which leaves the layer, they are cancelled."""
    try:
        await _wait(passage, exc)
    except BaseException as raised:
        scope, passage.cancel_scope = passage.cancel_scope, None
        if scope is None or not scope.__exit__(type(raised), raised, raised.__traceback__):
            raise


async def _wait(passage: Passage, exc: BaseException | None) -> None:
    if exc is not None:
        _cancel(passage)
    with CancelScope() as shield:
        while passage.live:
            passage.joiner = passage.loop.create_future()
            try:
                await passage.joiner
            except CancelledError as cancelled:
                shield.shield = True
                _cancel(passage)
                if exc is None or (
                    isinstance(exc, CancelledError) and not is_anyio_cancellation(cancelled)
                ):
                    exc = cancelled
    passage.ended = passage.sent = True
    if passage.revoked and isinstance(exc, CancelledError) and not passage.host.uncancel():
        exc = None
    errors = list(passage.fatal or ())
    if exc is not None and not isinstance(exc, CancelledError):
        errors.insert(0, exc)
    if errors:
        raise_collapsed(errors)
    if exc is not None:
        raise exc


def grouped(exc: BaseException) -> NoReturn:
    """Raise ``exc`` as a group of tasks raises what one of them has raised."""
    try:
        raise exc
    except BaseException as error:
        raise BaseExceptionGroup(GROUP, [error]) from None
