"""What is mounted: applications of FastAPI's and Starlette's, and Starlette's Routers. Their
routes are compiled as the application's own.

What a plan of theirs answers itself needs nothing of them. Everything else takes the way that
the request would have taken: through the application's layers and router into the mounted
one's, where a Seam of its own stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import fastapi
import fastapi.routing
import starlette.routing
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
    websocket_request_validation_exception_handler,
)
from starlette.applications import Starlette
from starlette.routing import Mount, Router

from . import dialect
from .junctions import MOST_DEEP, builds_as_its_class, has_junctions, junctions_of
from .recognise import application_reason, inherits, is_own, only_own_layers, router_reason

_OWN = (
    *(getattr(Mount, name) for name in ("matches", "handle")),
    *(getattr(Router, name) for name in ("__call__", "app")),
    *(getattr(Starlette, name) for name in ("__call__", "build_middleware_stack")),
    fastapi.FastAPI.build_middleware_stack,
)
_HANDLERS = (
    http_exception_handler,
    request_validation_exception_handler,
    websocket_request_validation_exception_handler,
)


class Level(NamedTuple):
    """What a mount leads to: ``app`` with its ``router``. None: a Router alone, whose requests
    stay with the application around it. ``layered``: the application has middleware."""

    app: Any
    router: Any
    layered: bool = False


@dataclass(frozen=True, slots=True)
class Inside:
    """Where routes stand: in the ``levels`` of these ``mounts``, outermost first. Their paths
    begin with ``prefix``. ``form_limits`` are those of the routers around them, ``asks`` has for
    each mount what Entry has as ``asked``."""

    levels: tuple[Level, ...] = ()
    mounts: tuple[Mount, ...] = ()
    prefix: str = ""
    form_limits: Mapping[str, int] = field(default_factory=dict)
    asks: tuple[bool, ...] = ()

    @property
    def apps(self) -> tuple[Any, ...]:
        """The mounted applications, outermost first."""
        return tuple(level.app for level in self.levels if level.app is not None)

    @property
    def layered(self) -> list[Any]:
        """Those that have middleware."""
        return [level.app for level in self.levels if level.layered]

    @property
    def router(self) -> Any:
        """The innermost router; None: the application's own."""
        return self.levels[-1].router if self.levels else None

    @property
    def notes_route(self) -> bool:
        """Does the innermost router put every route that it finds into the scope?"""
        return _notes_route(self.router)

    @property
    def asked(self) -> bool:
        """As in Entry, of the innermost mount."""
        return bool(self.asks and self.asks[-1])

    def noted(self, first: int = 0, end: int | None = None) -> Any:
        """What the mounts with these numbers leave in the scope as its route; None: nothing."""
        last = len(self.mounts) if end is None else end
        noted = [n for n in range(max(first, 1), last) if _notes_route(self.levels[n - 1].router)]
        return self.mounts[noted[-1]] if noted else None

    def enter(
        self, route: Any, form_limits: Mapping[str, int], asked: bool
    ) -> Inside | None:
        """Inside what ``route`` mounts; None: its routes are not compiled."""
        level = _level(route) if len(self.levels) < MOST_DEEP else None
        if level is None:
            return None
        return Inside(
            (*self.levels, level),
            (*self.mounts, route),
            self.prefix + route.path,
            form_limits,
            (*self.asks, asked),
        )

    def fill(self, scope: dict[str, Any]) -> None:
        """Put into ``scope`` what the mounts put there."""
        if self.mounts:
            root = scope.get("root_path", "")
            scope["app_root_path"] = scope.get("app_root_path", root)
            scope["root_path"] = root + self.prefix


def _level(route: Any) -> Level | None:
    """What ``route`` mounts, if it is an application or a Router, and all of it as FastAPI and
    Starlette have it."""
    if type(route) is not Mount or route.app is not route._base_app or "{" in route.path:
        return None
    if not inherits(route, Mount, "matches", "handle"):
        return None
    app = route.app
    if not dialect.STACKS_IN_SCOPE or not all(map(is_own, _OWN)):
        return None
    if isinstance(app, Router):
        return Level(None, app) if _is_plain_router(app) else None
    if not isinstance(app, Starlette) or not _is_built_as_known(app):
        return None
    plain = _is_plain_fastapi(app) if isinstance(app, fastapi.FastAPI) else _is_plain_starlette(app)
    return Level(app, app.router, bool(app.user_middleware)) if plain else None


def _is_built_as_known(app: Any) -> bool:
    """Are the layers of ``app`` FastAPI's or Starlette's own around its router, with junctions
    where it has middleware? Or will they be?"""
    if app.user_middleware:
        return has_junctions(app)
    if app.middleware_stack is None:
        return builds_as_its_class(app)
    return junctions_of(app) is not None or only_own_layers(app, ())


def _is_plain_fastapi(app: Any) -> bool:
    return (
        type(app.dependency_overrides) in (dict, type(None))
        and not application_reason(app)
        and not router_reason(app.router)
    )


def _is_plain_starlette(app: Any) -> bool:
    return (
        type(app).__call__ is Starlette.__call__
        and getattr(app, "max_body_size", None) is None
        and _is_plain_router(app.router)
    )


def _notes_route(router: Any) -> bool:
    return dialect.ROUTE_IN_SCOPE and isinstance(router, Router) and not _is_fastapis(router)


def _is_fastapis(router: Any) -> bool:
    return isinstance(router, fastapi.routing.APIRouter)


def _is_plain_router(router: Any) -> bool:
    """Is this a Router of Starlette's that finds its routes as its class does?"""
    return (
        isinstance(router, Router)
        and type(router).__call__ is Router.__call__
        and type(router).app is Router.app
        and not router_reason(router)
    )


def answers_itself(app: Any) -> bool:
    """Has ``app``, which is mounted, other answers to exceptions than FastAPI's own?"""
    if not isinstance(app, fastapi.FastAPI):
        return True
    return any(handler not in _HANDLERS for handler in app.exception_handlers.values())
