"""WebSocket is not served yet: which handshakes are refused for it."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger("fastrapi.error")


def is_websocket(route: Any) -> bool:
    """Is ``route`` a WebSocket route, Starlette's or one that is made like it?"""
    return "websocket" in type(route).__name__.lower() and hasattr(route, "path_regex")


def _inside(route: Any) -> Any:
    """The routes inside a mount, a host or an included router."""
    candidates = getattr(route, "effective_candidates", None)
    return candidates() if candidates is not None else getattr(route, "routes", None) or ()


def _declared(routes: Any, scope: dict[str, Any]) -> bool:
    for route in routes:
        match, child = route.matches(scope)
        if match.name != "FULL":
            continue
        if is_websocket(getattr(route, "original_route", None) or route):
            return True
        if _declared(_inside(route), {**scope, **child}):
            return True
    return False


class Websockets:
    """Is the request of a scope, a WebSocket handshake, for a WebSocket route that the
    application declares? The first one is logged. Applications that are not Starlette's
    declare no routes; they answer handshakes themselves, as plain requests."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._told = False

    def __call__(self, scope: dict[str, Any]) -> bool:
        app = self._app
        while not hasattr(app, "router") and hasattr(app, "app"):
            app = app.app  # middleware around it
        routes = getattr(getattr(app, "router", None), "routes", ())
        if not _declared(routes, {**scope, "type": "websocket", "app": app}):
            return False
        if not self._told:
            self._told = True
            logger.warning(
                "WebSocket is not served yet: a handshake for %s was answered with 501, and so "
                "are those that follow",
                scope["path"],
            )
        return True
