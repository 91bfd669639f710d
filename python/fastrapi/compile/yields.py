"""Dependencies with ``yield``: generator functions."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from . import dialect
from .dialect import utils
from .records import NotCompiled


def manager_factory(call: Any, plain: bool) -> Callable[..., Any]:
    """What makes the context manager of one request, as FastAPI makes it: ``call`` is a
    ``plain`` generator function, or an asynchronous one."""
    return contextmanager(call) if plain else asynccontextmanager(call)


class YieldOpener:
    """Enters one dependency on the request's exit stack, with FastAPI's own
    ``_solve_generator``: for a plan inside ``request_response``. Called with the Request and
    the dependency's arguments."""

    def __init__(self, dependant: Any) -> None:
        if dialect.EXITS_BEFORE_RESPONSE:
            raise NotCompiled("dependency with yield (needs FastAPI 0.118)")
        self.dependant = dependant
        self.solve = dialect.Lenient(
            getattr(utils, "_solve_generator", None) or getattr(utils, "solve_generator")
        )
        # Left before the answer is sent?
        self.early = getattr(dependant, "scope", None) == "function"
        self.stack = dialect.STACKS[2] if self.early else dialect.STACKS[1]

    def __call__(self, request: Any, /, **values: Any) -> Coroutine[Any, Any, Any]:
        opening: Coroutine[Any, Any, Any] = self.solve(
            dependant=self.dependant,
            call=self.dependant.call,
            stack=request.scope[self.stack],
            sub_values=values,
            request=request,
        )
        return opening
