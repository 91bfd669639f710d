"""How FastAPI's ``request_response`` ends a request that a plan has begun.

Two things make a plan that stands alone end there. An exception, or an answer that must
be awaited, finds dependencies with ``yield`` entered: they are left by FastAPI's exit
stacks. And user code that got the Request may have put something on the stand-ins for
these stacks that it found in the scope.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import anyio.to_thread
import fastapi
import fastapi.concurrency
import fastapi.routing as routing
from anyio import CancelScope
from anyio._backends import _asyncio
from anyio.lowlevel import checkpoint_if_cancelled
from starlette.background import BackgroundTask, BackgroundTasks

from . import dialect
from .recognise import is_own
from .scopes import scope_of

# FastAPI's own way around the context manager of an asynchronous generator, if it has one.
_shielded = getattr(fastapi.concurrency, "_asynccontextmanager_with_shielded_exit", None)

# Where FastAPI keeps the cancel scope around the asynchronous dependencies of a request.
CLEANUP_SCOPES = dialect.CLEANUP_SCOPES
# The name in a scope of the stack of what is left after the answer.
LATE_STACK = dialect.STACKS[1]

# Not empty: some task has entered a cancel scope of anyio's.
CANCEL_SCOPES: dict[Any, Any] = vars(_asyncio._task_states)["data"]


# The classes of background tasks whose __call__ is Starlette's own.
BACKGROUND_CALLS: dict[type, Any] = {
    kind: kind.__call__
    for kind in (BackgroundTask, BackgroundTasks, fastapi.BackgroundTasks)
    if is_own(kind.__call__) and is_own(BackgroundTask.__call__)
}


async def _nothing() -> None:
    """Waits for nothing."""


# What FastAPI awaits after it has left an asynchronous generator.
checkpoint = checkpoint_if_cancelled if _shielded is not None else _nothing


def _stacks(scope: MutableMapping[str, Any]) -> list[Any]:
    return [scope[name] for name in dialect.STACKS]


def used(scope: dict[str, Any]) -> int:
    """On which of the stand-ins in ``scope`` has user code put anything? A bit for each."""
    return sum(bool(stack._exit_callbacks) << n for n, stack in enumerate(_stacks(scope)))


def adopt(scope: dict[str, Any], manager: Any, early: bool) -> None:
    """Let the stand-in leave ``manager``, which is entered, because user code has put
    something on it that must be left afterwards."""
    scope[dialect.STACKS[2 if early else 1]].push_async_exit(_Managed(manager))


class _Managed:
    """A context manager that the plan has entered, as FastAPI leaves it."""

    def __init__(self, manager: Any) -> None:
        self.manager = manager
        self.plain = not hasattr(manager, "__aexit__")

    async def __aenter__(self) -> None:
        """It is entered."""

    async def __aexit__(self, *raised: Any) -> Any:
        if not self.plain:
            return await self.manager.__aexit__(*raised)
        try:
            with anyio.CancelScope(shield=True):
                return await anyio.to_thread.run_sync(
                    self.manager.__exit__, *raised, limiter=anyio.CapacityLimiter(1)
                )
        except StopAsyncIteration as exc:  # FastAPI leaves it in an asynchronous generator.
            raise RuntimeError("async generator raised StopAsyncIteration") from exc


class Cleanup:
    """FastAPI's cancel scope around the asynchronous dependencies of a request whose plan
    runs behind layers, entered. ``shield``: their exits run."""

    def __init__(self, scope: dict[str, Any]) -> None:
        assert CLEANUP_SCOPES is not None
        self.scopes = scope.setdefault(CLEANUP_SCOPES, {})
        self.stack = scope[dialect.STACKS[1]]
        self.cancel = CancelScope()
        self.scopes[self.stack] = self.cancel
        self.cancel.__enter__()  # the last: nobody leaves what was not made

    @property
    def shield(self) -> bool:
        return self.cancel.shield

    @shield.setter
    def shield(self, on: bool) -> None:
        self.cancel.shield = on

    def __exit__(self, *raised: Any) -> Any:
        self.scopes.pop(self.stack, None)
        return self.cancel.__exit__(*raised)


def enter_cleanup(scope: dict[str, Any], scoped: bool) -> Cleanup | None:
    """None: no cancel scope reaches the current task, and none will if not ``scoped``."""
    if not scoped and scope_of(asyncio.current_task()) is None:
        return None
    return Cleanup(scope)


async def _push(stack: AsyncExitStack, manager: Any, cleanup: Any) -> None:
    if manager is cleanup:
        stack.push(manager)
        return
    managed: Any = _Managed(manager)
    if _shielded is not None and not managed.plain:
        # Where no cancel scope reaches the plan's task there is nothing to shield.
        managed = _shielded(managed, cleanup or SimpleNamespace(shield=False))
    await stack.enter_async_context(managed)


class _Failed:
    """An exit that raised."""

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure

    async def __aexit__(self, *_: Any) -> None:
        raise self.failure


async def send_start(send: Any) -> None:
    """Let FastAPI's layers learn that there is an answer. The client has it already."""
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def send_nothing(message: Any) -> None:
    """The ``send`` of layers that are left after the answer has begun: they send nothing
    more."""


async def _sent(scope: Any, receive: Any, send: Any) -> None:
    """Stands for the Response when the client has the answer."""
    await send_start(send)
    await send({"type": "http.response.body", "body": b""})


class Begun(Exception):
    """An endpoint has sent the start of an answer by itself, and then raised ``failure``:
    FastAPI's layers have to know of that start."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self.failure = failure


class Unwinding:
    """An ASGI application that ends the request of a plan inside FastAPI's own
    ``request_response``, or ``websocket_session``, whose exit stacks leave what is entered.

    ``stand_ins``: the scope with stacks that user code may have used, or None. ``late`` and
    ``early``: the context managers that are still entered, in that order. ``response``:
    what the endpoint has returned; None if ``failure`` happened before that. ``answered``:
    the answer has been sent, or has begun to be. ``failure`` happened afterwards, and
    ``in_response`` while the Response was awaited. A native layer may have held all that
    this had sent: then it is not ``answered``.
    """

    def __init__(
        self,
        stand_ins: dict[str, Any] | None,
        late: list[Any] | None,
        early: list[Any] | None,
        response: Any,
        failure: BaseException | None,
        answered: bool,
        in_response: bool,
    ) -> None:
        left = 2 if answered else 3  # the early one is left before the answer
        self.stand_ins = _stacks(stand_ins)[:left] if stand_ins is not None else []
        self.late = late or []
        self.early = early or []
        self.response = response
        self.failure = failure.failure if isinstance(failure, Begun) else failure
        self.answered = answered
        self.in_response = in_response
        self.held: Any = None

    def drop(self) -> None:
        """The request has not come as far as here: what is entered ends with its manager."""
        self.late, self.early, self.stand_ins = [], [], []

    def sender(self, send: Any) -> Any:
        """The ``send`` of the layers around this, in the place of the server's."""
        if self.answered:
            return send_nothing
        if not self.in_response:
            return send
        response = self.response
        status, fields = response.status_code, response.raw_headers
        self.held = held = {"type": "http.response.start", "status": status, "headers": fields}

        async def send_others(message: Any) -> None:
            if message is not held:
                await send(message)

        return send_others

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # The Seam around this handles exceptions, with the Request that user code has seen.
        inside = {**scope, "starlette.exception_handlers": ({}, {})}
        http = scope["type"] == "http"
        around = routing.request_response if http else routing.websocket_session
        await around(self._endpoint)(inside, receive, send)

    async def _endpoint(self, request: Any) -> Any:
        # Older versions, whose stacks have other names, get here for a background task only.
        if not self.in_response or self.late or self.stand_ins:
            await self._enter(*_stacks(request.scope))
        if self.answered:
            return self._sent_and_failed if self.in_response else _sent
        if self.held is not None:
            return self._held_and_failed
        if self.failure is not None and self.response is None:
            raise self.failure
        return self.response

    async def _enter(
        self, outermost: AsyncExitStack, late: AsyncExitStack, early: AsyncExitStack
    ) -> None:
        cleanup: Any = next((one for one in self.late if isinstance(one, Cleanup)), None)
        for manager in self.late:
            await _push(late, manager, cleanup)
        for manager in self.early:
            await _push(early, manager, cleanup)
        for stack, stand_in in zip((outermost, late, early), self.stand_ins):
            stack.push_async_exit(stand_in)
        if self.failure is None or self.in_response:
            return
        failed: Any = _Failed(self.failure)
        if self.answered:
            late.push_async_exit(failed)
        elif self.response is not None:
            early.push_async_exit(failed)

    async def _sent_and_failed(self, scope: Any, receive: Any, send: Any) -> None:
        """The Response that has raised: a layer's ``send``, or a background task."""
        await _sent(scope, receive, send)
        assert self.failure is not None
        raise self.failure

    async def _held_and_failed(self, scope: Any, receive: Any, send: Any) -> None:
        """The Response that has raised behind its start, which no client has."""
        await send(self.held)
        assert self.failure is not None
        raise self.failure


class Handled:
    """An ASGI application that ends the request of a plan behind layers whose exception
    FastAPI's handler has answered: ``request_response`` is left, and only the outermost
    stack is not. ``failure``: what a layer's ``send`` has raised, or None."""

    def __init__(self, scope: dict[str, Any], failure: BaseException | None) -> None:
        self.outermost = scope[dialect.STACKS[0]]
        self.failure = failure

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope[dialect.STACKS[0]].push_async_exit(self.outermost)
        await send_start(send)
        if self.failure is not None:
            raise self.failure
