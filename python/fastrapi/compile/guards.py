"""Under which conditions a compiled application stays true.

The engine watches the dictionaries, lists and counts named here; when one of
them changed it asks ``check`` whether the change matters.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import is_
from typing import Any

import fastapi.dependencies.utils
import fastapi.encoders
import fastapi.exception_handlers
import fastapi.routing
import starlette.endpoints
import starlette.middleware.base
import starlette.requests
import starlette.responses
import starlette.routing
import starlette.websockets
from starlette.routing import Host, Mount

from .layers import Expected, Layer
from .mounts import Level
from .overrides import same
from .recognise import ENTRANCES, is_own, only_own_layers

_MODULES = (
    json,
    fastapi.routing,
    fastapi.dependencies.utils,
    fastapi.encoders,
    starlette.routing,
    starlette.endpoints,
)
_CLASSES = (
    starlette.requests.Request,
    starlette.requests.HTTPConnection,
    starlette.websockets.WebSocket,
    starlette.responses.Response,
    starlette.responses.JSONResponse,
    starlette.middleware.base._StreamingResponse,
    fastapi.routing.APIRoute,
    fastapi.routing.APIWebSocketRoute,
    fastapi.routing.APIRouter,
    starlette.routing.Router,
)
# Module names that plans stand for.
_NAMES = {
    json: ("loads", "dumps"),
    fastapi.routing: (
        "request_response",
        "websocket_session",
        "get_websocket_app",
        "get_request_handler",
        "solve_dependencies",
        "run_endpoint_function",
        "serialize_response",
        "run_in_threadpool",
        "jsonable_encoder",
        "Request",
        "WebSocket",
    ),
    starlette.routing: ("request_response", "websocket_session", "run_in_threadpool", "Request", "WebSocket"),
    starlette.endpoints: ("run_in_threadpool", "is_async_callable", "Request"),
    fastapi.dependencies.utils: (
        "solve_dependencies",
        "request_params_to_args",
        "request_body_to_args",
        "run_in_threadpool",
    ),
    fastapi.encoders: ("jsonable_encoder",),
}
# What the answers of ``answers`` are made by.
_OF_ANSWERS: dict[Any, tuple[str, ...]] = {
    fastapi.exception_handlers: (
        "JSONResponse",
        "Response",
        "is_body_allowed_for_status_code",
        "jsonable_encoder",
    ),
}
# How routes are found.
_ROUTES = (
    starlette.routing.Route,
    starlette.routing.WebSocketRoute,
    starlette.routing.Mount,
    starlette.routing.Host,
)
# Members of these classes, where a class defines them itself.
_CLASS_NAMES = ("__init__", "__call__", "body", "json", "form", "render", "init_headers",
                "app", "matches", "handle")  # fmt: skip


# No attribute is this object: an expectation of it never holds.
_FOREIGN = object()


def _own(found: Any) -> Any:
    """``found``; _FOREIGN when it was patched before fastrapi looked."""
    function = found.fget if type(found) is property else found
    own = function in (None, starlette.requests.Request, starlette.websockets.WebSocket) or is_own(function)
    return found if own else _FOREIGN


def _snapshot() -> list[Expected]:
    found: list[Expected] = []
    for module, names in _NAMES.items():
        found += [Expected(module, name, _own(getattr(module, name, None))) for name in names]
    for cls in _CLASSES:
        found += [
            Expected(cls, name, _own(cls.__dict__[name]))
            for name in _CLASS_NAMES
            if name in cls.__dict__
        ]
    found += [
        Expected(cls, name, _own(cls.__dict__[name])) for cls in _ROUTES for name in ("matches", "handle")
    ]
    return found


# What the interpreter had when fastrapi was imported.
_pristine = _snapshot()


def _hold(expectations: list[Expected]) -> bool:
    return all(expected.holds() for expected in expectations)


def pristine() -> bool:
    """Are the functions that plans stand for still FastAPI's own?"""
    return _hold(_pristine)


def _routers(router: Any, seen: set[int]) -> list[Any]:
    """``router`` and those that it includes, each once."""
    if id(router) in seen:
        return []
    seen.add(id(router))
    found = [router]
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            found += _routers(inner, seen)
    return found


# Attributes of a route; the last two are methods of its class, unless somebody has replaced them.
_OF_ROUTES = ("app", "endpoint", "methods", "path_regex", "matches", "handle")


def _parts(route: Any) -> tuple[Any, ...]:
    """What a route hands its requests to, and which."""
    held = getattr(route, "__dict__", {})
    return tuple(held.get(name) for name in _OF_ROUTES)


# Attributes of a mounted application.
_OF_MOUNTED = (
    "dependency_overrides",
    "router",
    "root_path",
    "debug",
    "exception_handlers",
    "user_middleware",
)


class Guards:
    """What ``_engine.Binding`` watches for one application."""

    def __init__(
        self,
        app: Any,
        mounted: Sequence[Level],
        own_layers: Sequence[Any],
        natives: Sequence[Layer],
        follows: bool,
        behind: bool,
        providers: Sequence[Any] = (),
    ) -> None:
        """``mounted``: with routes among those compiled. ``providers``: whose dependency_overrides
        plans have, besides these. ``own_layers``: FastAPI's and Starlette's, which C passes by. ``natives``: those
        whose twins run. ``follows``: plans were compiled with the dependency_overrides. ``behind``: what is
        mounted may run behind layers, once its own are made."""
        self.app = app
        self.mounted: list[Any] = [level.app for level in mounted if level.app is not None]
        self.layered = [level.app for level in mounted if level.layered]
        self.own_routers = [app.router, *(level.router for level in mounted)]
        self.dicts: list[Any] = [module.__dict__ for module in _MODULES]
        self.dicts += [*_CLASSES, *_ROUTES, *ENTRANCES, type(app), app.__dict__]
        self.dicts += [layer.__dict__ for layer in own_layers]
        self.dicts += [
            owner if isinstance(owner, type) else vars(owner) for owner in _OF_ANSWERS
        ]
        self.lists: list[Any] = []
        self.expected = [
            Expected(router, "middleware_stack", router.middleware_stack)
            for router in self.own_routers
        ]
        self.expected += [
            Expected(app, name, getattr(app, name))
            for name in ("dependency_overrides", "middleware_stack", "router", "root_path", "debug")
        ]
        self.expected += [
            Expected(cls, "__call__", cls.__dict__.get("__call__")) for cls in ENTRANCES
        ]
        self.expected += [
            Expected(layer, name, vars(layer)[name])
            for layer in own_layers
            for name in ("app", "_exception_handlers", "_status_handlers")
            if name in vars(layer)
        ]
        # What was asked for the application's own answers, when it was bound.
        self.expected += [
            Expected(owner, name, vars(owner)[name])
            for owner, names in _OF_ANSWERS.items()
            for name in names
            if name in vars(owner)
        ]
        self._watch_natives(natives)
        self._watch_mounted(behind)
        self._watch_routers()
        self._watch_overrides(follows, providers)

    def _watch_natives(self, natives: Sequence[Layer]) -> None:
        self.dicts += [watched for layer in natives for watched in layer.dicts]
        self.contents = [content for layer in natives for content in layer.lists]
        self.names = [named for layer in natives for named in layer.names]
        self.copies = [
            (watched, dict(watched))
            for layer in natives
            for watched in vars(layer.instance).values()
            if isinstance(watched, dict)
        ]
        self.expected += [expected for layer in natives for expected in layer.expected]

    def _watch_mounted(self, behind: bool) -> None:
        for app in self.mounted:
            self.dicts += [vars(app), app.exception_handlers]
            self.lists.append(app.user_middleware)
            self.copies.append((app.exception_handlers, dict(app.exception_handlers)))
            self.expected += [
                Expected(app, name, getattr(app, name)) for name in _OF_MOUNTED if hasattr(app, name)
            ]
        self.expected += [
            Expected(app, "middleware_stack", app.middleware_stack) for app in (self.mounted if behind else self.layered)
        ]

    def _watch_routers(self) -> None:
        seen: set[int] = set()
        routers = [found for router in self.own_routers for found in _routers(router, seen)]
        mounts = [
            route for router in routers for route in router.routes if type(route) in (Mount, Host)
        ]
        self.dicts += [vars(watched) for watched in (*routers, *mounts)]
        self.lists += [router.routes for router in routers]
        # Routes that changed places, and those whose parts were exchanged, are seen by the full
        # check only: comparing thousands would cost more than a request.
        self.routes = [(router.routes, tuple(router.routes)) for router in routers]
        self.parts = [(route, _parts(route)) for router in routers for route in router.routes]
        self.expected += [
            Expected(mount, name, getattr(mount, name, None))
            for mount in mounts
            for name in ("app", "path_regex", "host_regex")
        ]
        self.expected += [
            Expected(router, name, getattr(router, name, None))
            for router in routers
            for name in ("routes", "_routes_version", "default", "redirect_slashes")
        ]

    def _watch_overrides(self, follows: bool, providers: Sequence[Any]) -> None:
        seen = [self.app, *self.mounted]
        others = [one for one in providers if not any(one is app for app in seen)]
        self.dicts += map(vars, others)
        self.expected += [Expected(one, "dependency_overrides", one.dependency_overrides) for one in others]
        found = [getattr(app, "dependency_overrides", None) for app in (*seen, *others)]
        overrides = [one for one in found if one is not None]
        self.overrides = [(one, dict(one)) for one in overrides if follows]
        self.dicts += [one for one, _ in self.overrides]
        self.empties = [] if follows else overrides

    def check(self) -> str | None:
        """None while everything holds, else what changed."""
        if (
            not _hold(self.expected)
            or not all(same(now, then) for now, then in self.overrides)
            or not all(_mounted_holds(app) for app in self.mounted if app not in self.layered)
            or any(now != then for now, then in self.copies)
            or any(now.keys() != then for now, then in self.names)
            or any(tuple(now) != then for now, then in self.routes)
            or not all(all(map(is_, _parts(route), then)) for route, then in self.parts)
        ):
            return "the application changed"
        if not pristine():
            return "FastAPI or json was patched"
        for app in (self.app, *self.mounted):
            telemetry = getattr(app, "_native_telemetry", None)
            if telemetry is not None and telemetry.enabled():
                return "telemetry was enabled"
        return None


def _mounted_holds(app: Any) -> bool:
    """Has a mounted application without middleware its own layers only, or none yet?"""
    return app.middleware_stack is None or only_own_layers(app, ())
