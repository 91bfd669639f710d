"""Starlette's own layers for one answer, fed message by message.

A native layer between others edits the messages that pass (``bindings/stack/edit``).
What it leaves to Starlette's class goes through a ``Relay``: that class runs around an
application which sends what it is given.
"""

from __future__ import annotations

import copy
from collections.abc import Generator, Sequence
from types import coroutine
from typing import Any

# What the application inside asks the Relay for.
_NEXT = object()


@coroutine
def _next_message() -> Generator[Any, Any, Any]:
    message = yield _NEXT
    return message


@coroutine
def _run(run: Any, value: Any) -> Generator[Any, Any, None]:
    """Go on with ``run``, which was waiting for a message, until it waits for another."""
    wanted = run.send(value)
    while wanted is not _NEXT:
        try:
            value = yield wanted
        except BaseException as exc:
            wanted = run.throw(exc)
        else:
            wanted = run.send(value)


def _entered(layer: Any, app: Any, fields: Any) -> Any:
    """The layer around ``app``, as the request with these fields has entered it: one that
    it lets pass."""
    layer = copy.copy(layer)
    layer.app = app

    async def enter(scope: Any, receive: Any, send: Any) -> None:
        await layer({"type": "http", "method": "GET", "headers": fields}, receive, send)

    return enter


def _share_session(scope: Any, own: Any) -> None:
    """Let a layer find the session that user code has."""
    own.pop("session", None)
    if "session" in scope:
        own["session"] = scope["session"]


class Relay:
    """relay(*messages) awaits what ``layers``, outermost first, make of them, and sends it
    to ``send``. ``then`` are the request's fields as they were when it came, ``now`` and
    ``scope`` are as user code has left them."""

    def __init__(
        self, layers: Sequence[tuple[Any, bool]], scope: Any, now: Any, then: Any, send: Any
    ) -> None:
        """A layer that looks ``late`` reads the fields when the answer comes."""
        self.scope = scope
        self.error: BaseException | None = None
        app: Any = self._application
        for layer, late in reversed(layers):
            app = _entered(layer, app, now if late else then)
        self.run = app(None, None, send)
        self.run.send(None)

    async def __call__(self, *messages: Any) -> None:
        for message in messages:
            await _run(self.run, message)
            error, self.error = self.error, None
            if error is not None:
                raise error

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await _next_message()
            _share_session(self.scope, scope)
            try:
                await send(message)
            except GeneratorExit:
                raise
            except BaseException as exc:
                self.error = exc
