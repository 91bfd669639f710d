"""Under which conditions a compiled application stays true.

The engine watches the dictionaries, lists and counts named here; when one of
them changed it asks ``check`` whether the change matters.
"""

from __future__ import annotations

import json
from typing import Any

import fastapi.dependencies.utils
import fastapi.encoders
import fastapi.routing
import starlette.requests
import starlette.responses
import starlette.routing

from .recognise import ENTRANCES, is_own

_MODULES = (json, fastapi.routing, fastapi.dependencies.utils, fastapi.encoders)
_CLASSES = (
    starlette.requests.Request,
    starlette.requests.HTTPConnection,
    starlette.responses.Response,
    starlette.responses.JSONResponse,
    fastapi.routing.APIRoute,
    fastapi.routing.APIRouter,
    starlette.routing.Router,
)
# Module names that plans stand for.
_NAMES = {
    json: ("loads", "dumps"),
    fastapi.routing: (
        "request_response",
        "get_request_handler",
        "solve_dependencies",
        "run_endpoint_function",
        "serialize_response",
        "run_in_threadpool",
        "jsonable_encoder",
    ),
    fastapi.dependencies.utils: (
        "solve_dependencies",
        "request_params_to_args",
        "request_body_to_args",
        "run_in_threadpool",
    ),
    fastapi.encoders: ("jsonable_encoder",),
}
_CLASS_NAMES = ("__init__", "__call__", "body", "json", "form", "render", "init_headers",
                "app", "matches", "handle")  # fmt: skip


_FOREIGN = object()


def _own(found: Any) -> Any:
    """``found``, or what nothing is identical with when it was patched already."""
    function = found.fget if type(found) is property else found
    return found if function is None or is_own(function) else _FOREIGN


def _snapshot() -> list[tuple[Any, str, Any]]:
    found: list[tuple[Any, str, Any]] = []
    for module, names in _NAMES.items():
        found += [(module, name, _own(getattr(module, name, None))) for name in names]
    for cls in _CLASSES:
        found += [
            (cls, name, _own(cls.__dict__[name]))
            for name in _CLASS_NAMES
            if name in cls.__dict__
        ]
    return found


# What the interpreter had when fastrapi was imported.
_pristine = _snapshot()


def _holds(triples: list[tuple[Any, str, Any]]) -> bool:
    for owner, name, expected in triples:
        now = owner.__dict__.get(name) if isinstance(owner, type) else getattr(owner, name, None)
        if now is not expected:
            return False
    return True


def pristine() -> bool:
    """Are the functions that plans stand for still FastAPI's own?"""
    return _holds(_pristine)


def _routers(router: Any, seen: set[int]) -> list[Any]:
    if id(router) in seen:
        return []
    seen.add(id(router))
    found = [router]
    for route in router.routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            found += _routers(inner, seen)
    return found


class Guards:
    """What ``_engine.Binding`` watches for one application."""

    def __init__(self, app: Any, seam: Any) -> None:
        routers = _routers(app.router, set())
        self.app = app
        self.dicts: list[Any] = [module.__dict__ for module in _MODULES]
        self.dicts += [*_CLASSES, *ENTRANCES, type(app), app.__dict__]
        self.dicts += [router.__dict__ for router in routers]
        self.lists = [router.routes for router in routers]
        self.empties = [app.dependency_overrides]
        self.expected: list[tuple[Any, str, Any]] = [
            (app, "dependency_overrides", app.dependency_overrides),
            (app, "middleware_stack", app.middleware_stack),
            (app, "router", app.router),
            (app, "root_path", app.root_path),
            (app, "debug", app.debug),
            (app.router, "middleware_stack", seam),
        ]
        self.expected += [
            (cls, "__call__", cls.__dict__.get("__call__")) for cls in ENTRANCES
        ]
        for router in routers:
            self.expected += [
                (router, name, getattr(router, name, None))
                for name in ("routes", "_routes_version", "default", "redirect_slashes")
            ]

    def check(self) -> str | None:
        """None while everything holds, else what changed."""
        if not _holds(self.expected):
            return "the application changed"
        if not pristine():
            return "FastAPI or json was patched"
        telemetry = getattr(self.app, "_native_telemetry", None)
        if telemetry is not None and telemetry.enabled():
            return "telemetry was enabled"
        return None
