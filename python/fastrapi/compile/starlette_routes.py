"""Starlette's own routes: a function that makes a Response of the Request."""

from __future__ import annotations

import functools
from contextlib import AsyncExitStack
from typing import Any

import starlette.routing

from . import dialect, exit_stacks
from .answers import exception_layer
from .recognise import free_variables, nested_code
from .records import FLAG, NotCompiled
from .suspend import may_suspend
from .walk import Entry


def function_flags(route: Any) -> int:
    """How Starlette's request_response calls the function of ``route``. Raises NotCompiled
    when something else does."""
    code = getattr(route.app, "__code__", None)
    known = type(route) is starlette.routing.Route and code is not None and dialect.STACKS_IN_SCOPE
    if known and nested_code(starlette.routing.request_response, code):
        function = free_variables(route.app).get("f")
        if function is route.endpoint:
            return int(FLAG.AWAIT | (FLAG.SUSPENDS if may_suspend(function) else 0))
        if (
            type(function) is functools.partial
            and function.func is vars(starlette.routing)["run_in_threadpool"]
            and function.args == (route.endpoint,)
            and not function.keywords
        ):
            return int(FLAG.SYNC)
    raise NotCompiled("plain Starlette route whose function is none, or wrapped")


class StarletteHelper:
    """The helper of such a route of ``app``; see RouteHelper. Behind middleware FastAPI's
    router serves it."""

    def __init__(self, app: Any, entry: Entry) -> None:
        self.app = app
        self.entry = entry

    @functools.cached_property
    def exception_handlers(self) -> tuple[Any, Any]:
        """See RouteHelper."""
        layer = exception_layer(self.app)
        return (layer._exception_handlers, layer._status_handlers) if layer else ({}, {})

    def fill_scope(self, scope: dict[str, Any], values: tuple[str, ...]) -> None:
        """See RouteHelper."""
        scope["app"] = self.app
        scope["starlette.exception_handlers"] = self.exception_handlers
        scope[dialect.STACKS[0]] = AsyncExitStack()
        scope["router"] = self.app.router
        self.entry.enter(scope, values)

    def stacks_used(self, scope: dict[str, Any]) -> int:
        """See RouteHelper."""
        return int(bool(scope[dialect.STACKS[0]]._exit_callbacks))

    def unwind(self, stand_ins: dict[str, Any] | None, *what: Any) -> exit_stacks.Unwinding:
        """See RouteHelper."""
        if stand_ins is not None:
            stand_ins |= {name: AsyncExitStack() for name in dialect.STACKS[1:]}
        return exit_stacks.Unwinding(stand_ins, *what)

    def encode(self, result: Any, response: Any, background: Any, method: str) -> Any:
        """Starlette awaits whatever the function returns."""
        return result
