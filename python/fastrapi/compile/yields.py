"""Generator dependencies (with ``yield``)."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from . import dialect
from .dialect import utils
from .records import NotCompiled

# The keyword under which a plan passes the Request to a YieldOpener. No parameter of
# user code can have this name.
REQUEST_KEYWORD = "\0request"


class YieldOpener:
    """Enters one generator dependency on the request's exit stack, with FastAPI's own
    ``_solve_generator``. Called with the dependency's arguments."""

    def __init__(self, dependant: Any) -> None:
        if dialect.EXITS_BEFORE_RESPONSE:
            raise NotCompiled("dependency with yield (needs FastAPI 0.118)")
        self.dependant = dependant
        self.solve = dialect.Lenient(
            getattr(utils, "_solve_generator", None) or getattr(utils, "solve_generator")
        )
        self.stack = (
            "fastapi_function_astack"
            if getattr(dependant, "scope", None) == "function"
            else "fastapi_inner_astack"
        )

    def __call__(self, /, **values: Any) -> Coroutine[Any, Any, Any]:
        request = values.pop(REQUEST_KEYWORD)
        opening: Coroutine[Any, Any, Any] = self.solve(
            dependant=self.dependant,
            call=self.dependant.call,
            stack=request.scope[self.stack],
            sub_values=values,
            request=request,
        )
        return opening
