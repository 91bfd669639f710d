"""Under which conditions a compiled application stays true.

The engine watches the dictionaries, lists and counts named here; when one of
them changed it asks ``check`` whether the change matters.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

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
# Members of these classes, where a class defines them itself.
_CLASS_NAMES = ("__init__", "__call__", "body", "json", "form", "render", "init_headers",
                "app", "matches", "handle")  # fmt: skip


class _Expected(NamedTuple):
    """``owner``'s attribute ``name`` must be ``value`` itself."""

    owner: Any
    name: str
    value: Any

    def holds(self) -> bool:
        if isinstance(self.owner, type):
            return self.owner.__dict__.get(self.name) is self.value
        return getattr(self.owner, self.name, None) is self.value


# No attribute is this object: an expectation of it never holds.
_FOREIGN = object()


def _own(found: Any) -> Any:
    """``found``; _FOREIGN when it was patched before fastrapi looked."""
    function = found.fget if type(found) is property else found
    return found if function is None or is_own(function) else _FOREIGN


def _snapshot() -> list[_Expected]:
    found: list[_Expected] = []
    for module, names in _NAMES.items():
        found += [_Expected(module, name, _own(getattr(module, name, None))) for name in names]
    for cls in _CLASSES:
        found += [
            _Expected(cls, name, _own(cls.__dict__[name]))
            for name in _CLASS_NAMES
            if name in cls.__dict__
        ]
    return found


# What the interpreter had when fastrapi was imported.
_pristine = _snapshot()


def _hold(expectations: list[_Expected]) -> bool:
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
        self.expected = [_Expected(app.router, "middleware_stack", seam)]
        self.expected += [
            _Expected(app, name, getattr(app, name))
            for name in ("dependency_overrides", "middleware_stack", "router", "root_path", "debug")
        ]
        self.expected += [
            _Expected(cls, "__call__", cls.__dict__.get("__call__")) for cls in ENTRANCES
        ]
        for router in routers:
            self.expected += [
                _Expected(router, name, getattr(router, name, None))
                for name in ("routes", "_routes_version", "default", "redirect_slashes")
            ]

    def check(self) -> str | None:
        """None while everything holds, else what changed."""
        if not _hold(self.expected):
            return "the application changed"
        if not pristine():
            return "FastAPI or json was patched"
        telemetry = getattr(self.app, "_native_telemetry", None)
        if telemetry is not None and telemetry.enabled():
            return "telemetry was enabled"
        return None
