"""Mounted applications of FastAPI's: their routes are compiled as the application's own.

What a plan of theirs answers itself needs nothing of them. Everything else takes the way that
the request would have taken: through the application's layers and router into the mounted
one's, where a Seam of its own stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import fastapi
import starlette.routing
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
    websocket_request_validation_exception_handler,
)
from starlette.routing import Mount

from . import dialect
from .recognise import application_reason, is_own, router_reason

_OWN = tuple(getattr(starlette.routing.Mount, name) for name in ("matches", "handle"))
_HANDLERS = (
    http_exception_handler,
    request_validation_exception_handler,
    websocket_request_validation_exception_handler,
)
_MOST_DEEP = 8


@dataclass(frozen=True, slots=True)
class Inside:
    """Where routes stand: in the ``apps`` of these ``mounts``, outermost first. Their paths
    begin with ``prefix``. ``form_limits`` are those of the routers around them, ``asked``: as
    in Entry."""

    apps: tuple[Any, ...] = ()
    mounts: tuple[Mount, ...] = ()
    prefix: str = ""
    form_limits: Mapping[str, int] = field(default_factory=dict)
    asked: bool = False

    def enter(
        self, route: Any, form_limits: Mapping[str, int], asked: bool
    ) -> Inside | None:
        """Inside the application that ``route`` mounts; None: its routes are not compiled."""
        if len(self.apps) == _MOST_DEEP or not _is_plain(route):
            return None
        prefix = self.prefix + route.path
        return Inside((*self.apps, route.app), (*self.mounts, route), prefix, form_limits, asked)

    def fill(self, scope: dict[str, Any]) -> None:
        """Put into ``scope`` what the mounts put there."""
        if self.mounts:
            root = scope.get("root_path", "")
            scope["app_root_path"] = scope.get("app_root_path", root)
            scope["root_path"] = root + self.prefix


def _is_plain(route: Any) -> bool:
    """Does ``route`` mount an application of FastAPI's that has no middleware, and all of it
    as FastAPI and Starlette have it?"""
    if type(route) is not Mount or route.app is not route._base_app or "{" in route.path:
        return False
    app = route.app
    return (
        dialect.STACKS_IN_SCOPE
        and all(map(is_own, _OWN))
        and isinstance(app, fastapi.FastAPI)
        and not app.user_middleware
        and type(app.dependency_overrides) in (dict, type(None))
        and not application_reason(app)
        and not router_reason(app.router)
    )


def answers_itself(app: Any) -> bool:
    """Has ``app`` exception handlers of its own?"""
    return any(handler not in _HANDLERS for handler in app.exception_handlers.values())
