"""``dependency_overrides``: a plan has the functions that stand in it when it is compiled.

The guards see every change of the dictionary, and the application is compiled again. One
that changes it for ever is left to FastAPI while anything is overridden.
"""

from __future__ import annotations

from typing import Any

from . import dialect
from .dialect import utils
from .records import NotCompiled

# So many compilations of one application follow its overrides.
MOST_COMPILED = 1000


def followed(overrides: Any, compiled: int) -> bool:
    """Are plans compiled with what ``overrides`` has? ``compiled``: how often the application
    has been."""
    return (
        dialect.OVERRIDES_ARE_KNOWN and type(overrides) is dict and compiled < MOST_COMPILED
    )


def same(now: dict[Any, Any], then: dict[Any, Any]) -> bool:
    """Have both the same objects in the same order?"""
    return len(now) == len(then) and all(
        a is c and b is d
        for (a, b), (c, d) in zip(now.items(), then.items(), strict=True)
    )


class Overrides:
    """What overrides the dependencies of one route of ``app``, by the free variables of its
    handler; nothing, if overrides are not ``followed``."""

    def __init__(self, app: Any, values: dict[str, Any], followed: bool) -> None:
        provider = values.get("dependency_overrides_provider")
        if provider is not None and provider is not app:
            raise NotCompiled("another object provides its dependency_overrides")
        self.calls = (followed and app.dependency_overrides) or {}
        self.body = values.get("body_field") is not None

    def dependant(self, sub: Any) -> Any:
        """What is solved in the place of ``sub``, as ``solve_dependencies`` makes it."""
        if not self.calls:
            return sub
        return utils.get_dependant(
            path=sub.path,
            call=self.calls.get(sub.call, sub.call),
            name=sub.name,
            parent_oauth_scopes=utils._get_oauth_scopes(dependant=sub),
            scope=sub.scope,
            concurrency=sub.concurrency,
        )

    def check(self, reads_body: bool) -> None:
        """Raise NotCompiled when the overriding functions take the content, and the
        overridden did not, or the other way round: FastAPI reads it for the latter."""
        if self.calls and reads_body != self.body:
            raise NotCompiled("an overridden dependency changes whether the content is read")
