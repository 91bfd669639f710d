"""Endpoints whose answers FastAPI makes piece by piece: generator functions, of JSON lines,
of server-sent events, or of the pieces of a Response class.

A route's handler reads the content, solves the dependencies, and then makes a Response of
what the endpoint yields. The first two a plan does; for the last it calls the very code of
the handler, which finds no content to read and the dependencies solved.
"""

from __future__ import annotations

from collections.abc import Coroutine
from types import CellType, FunctionType, SimpleNamespace
from typing import Any

import fastapi.routing as routing

from . import events

SOLVED_KEY = "fastrapi.solved"
# Arguments of Streaming beside the endpoint's own, whose names are identifiers.
REQUEST, RESPONSE, BACKGROUND = "the request", "the response", "the background tasks"


async def _solved(*, request: Any, **_: Any) -> Any:
    """Stands for FastAPI's ``solve_dependencies``."""
    return request.scope.pop(SOLVED_KEY)


class _Names(dict[str, Any]):
    """What a function of ``fastapi.routing`` finds under a name: what that module has now."""

    def __missing__(self, name: str) -> Any:
        return vars(routing)[name]


_names = _Names(
    __name__=routing.__name__,
    __builtins__=vars(routing)["__builtins__"],
    solve_dependencies=_solved,
    asynccontextmanager=events.manager,
)


def _without_content(handler: Any) -> Any:
    """The code of ``handler``, called for a request without content that is solved."""
    code = handler.__code__
    closure = tuple(
        CellType(None) if name == "body_field" else cell
        for name, cell in zip(code.co_freevars, handler.__closure__, strict=True)
    )
    return FunctionType(code, _names, handler.__name__, handler.__defaults__, closure)


class Streaming:
    """Called in the place of an endpoint: makes FastAPI's Response of what it yields."""

    def __init__(self, handler: Any, endpoint: Any, events: bool) -> None:
        self.endpoint = endpoint
        self.events = events
        self.respond = _without_content(handler)

    def __call__(self, **values: Any) -> Coroutine[Any, Any, Any]:
        request = values.pop(REQUEST)
        request.scope[SOLVED_KEY] = SimpleNamespace(
            response=values.pop(RESPONSE),
            background_tasks=values.pop(BACKGROUND, None),
            errors=[],
            values=values,
        )
        made: Coroutine[Any, Any, Any] = self.respond(request)
        return events.direct(made) if self.events else made
