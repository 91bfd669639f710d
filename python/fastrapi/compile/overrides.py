"""``dependency_overrides``: a plan has the functions that stand in it when it is compiled.

The guards see every change of the dictionary, and the application is compiled again. One
that changes it for ever is left to FastAPI while anything is overridden.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import fastapi

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


def provider_of(values: dict[str, Any]) -> Any:
    """Whose dependency_overrides count for a route, by the free variables of its handler: as a
    rule the application's that it was declared on, wherever it was put later. None: nobody's."""
    return values.get("dependency_overrides_provider")


def providers(helpers: Iterable[Any]) -> list[Any]:
    """Those of the routes with these helpers, each once."""
    found = (provider_of(values) for helper in helpers if (values := getattr(helper, "values", None)))
    return list({id(one): one for one in found if one is not None}.values())


def _is_watchable(provider: Any) -> bool:
    """Will the guards see every change of its dependency_overrides?"""
    return (
        isinstance(provider, fastapi.FastAPI)
        and not hasattr(type(provider), "dependency_overrides")
        and type(vars(provider).get("dependency_overrides")) in (dict, type(None))
    )


class Overrides:
    """What overrides the dependencies of one route of ``app``, by the free variables of its
    handler; nothing, if overrides are not ``followed``."""

    def __init__(self, app: Any, values: dict[str, Any], followed: bool) -> None:
        provider = provider_of(values)
        if provider is not None and provider is not app and not _is_watchable(provider):
            raise NotCompiled("another object provides its dependency_overrides")
        self.calls = (followed and provider is not None and provider.dependency_overrides) or {}
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
