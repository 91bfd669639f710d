"""Stand-ins for the exit stacks that FastAPI's layers keep in a request's scope.

A plan that hands its Request to user code runs without these layers. User code may
put something on the stacks that it finds; then the request ends inside FastAPI's own
``request_response``, whose stacks leave the stand-ins.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import fastapi.routing as routing
from starlette.requests import Request

from . import dialect


def _stacks(scope: dict[str, Any]) -> list[Any]:
    return [scope[name] for name in dialect.STACKS]


def used(scope: dict[str, Any]) -> bool:
    """Has user code put anything on the stand-ins in ``scope``?"""
    return any(stack._exit_callbacks for stack in _stacks(scope))


class Unwinding:
    """An ASGI application that ends a request with the outcome of its plan, returned or
    raised, and leaves the stand-ins in ``scope`` as FastAPI leaves its own stacks."""

    def __init__(self, scope: dict[str, Any], outcome: Any) -> None:
        self.stacks: list[AsyncExitStack] = _stacks(scope)
        self.outcome = outcome

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def endpoint(request: Request) -> Any:
            for name, stack in zip(dialect.STACKS, self.stacks, strict=True):
                request.scope[name].push_async_exit(stack)
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            return self.outcome

        await routing.request_response(endpoint)(scope, receive, send)
