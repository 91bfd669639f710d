"""Are this route and this application as FastAPI itself makes them?"""

from __future__ import annotations

import contextlib
import json
import os
from types import FunctionType
from typing import TYPE_CHECKING, Any

import fastapi
import fastapi.routing as routing
import starlette.routing
from starlette.applications import Starlette
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware

from .records import NotCompiled

if TYPE_CHECKING:
    from .walk import Entry

# Layers that FastAPI puts around every application's router.
_OWN_LAYERS = frozenset(
    {
        "ServerErrorMiddleware",
        "ExceptionTelemetryMiddleware",
        "AppBodyLimitMiddleware",
        "ExceptionMiddleware",
        "AsyncExitStackMiddleware",
    }
)


# Whose __call__ a request passes on its way to a route.
ENTRANCES: tuple[type, ...] = (
    fastapi.FastAPI,
    Starlette,
    ServerErrorMiddleware,
    ExceptionMiddleware,
    routing.APIRouter,
    starlette.routing.Router,
)
with contextlib.suppress(ImportError):  # before FastAPI 0.118
    from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware

    ENTRANCES += (AsyncExitStackMiddleware,)


# What the request handlers of FastAPI 0.115 to 0.165 close over.
_KNOWN_VALUES = frozenset(
    """
    actual_response_class actual_strict_content_type body_field dependant
    dependency_overrides_provider embed_body_fields form_limits is_body_form
    is_coroutine is_json_stream is_sse_stream response_class response_field
    response_model_by_alias response_model_exclude response_model_exclude_defaults
    response_model_exclude_none response_model_exclude_unset response_model_include
    status_code stream_item_field
    """.split()
)


_OWN_DIRECTORIES = tuple(
    os.path.join(os.path.dirname(str(package.__file__)), "")
    for package in (fastapi, starlette, json)
)


def is_own(function: Any) -> bool:
    """Is this a plain function that FastAPI, Starlette or json defines itself?

    Only its code tells: an instrumentation's wrapper carries the names of the function
    that it wraps.
    """
    # Not isinstance(): a proxy claims the class of the object that it wraps.
    return type(function) is FunctionType and function.__code__.co_filename.startswith(
        _OWN_DIRECTORIES
    )


def _nested_code(function: Any, code: Any) -> bool:
    """Is ``code`` the code of a function defined inside ``function``?"""
    pending = [function.__code__]
    while pending:
        outer = pending.pop()
        for const in outer.co_consts:
            if const is code:
                return True
            if hasattr(const, "co_consts"):
                pending.append(const)
    return False


def _free_variables(function: Any) -> dict[str, Any]:
    names = function.__code__.co_freevars
    cells = function.__closure__ or ()
    values = {}
    for name, cell in zip(names, cells, strict=True):
        with contextlib.suppress(ValueError):  # the variable was never set
            values[name] = cell.cell_contents
    return values


def route_app(entry: Entry) -> Any:
    """The ASGI app that serves ``entry``'s route once it has matched."""
    app = getattr(entry.effective, "app", None)
    if app is not None or entry.included is None:
        return app
    # FastAPI 0.137 to 0.141 make the handler of an included route per request.
    token = routing._effective_route_context_var.set(entry.effective)
    try:
        return routing.request_response(entry.route.get_route_handler())
    finally:
        routing._effective_route_context_var.reset(token)


def pristine_handler(app: Any) -> tuple[Any, dict[str, Any]]:
    """The request handler inside a route's ASGI app, and its free variables.

    Raises NotCompiled when anything stands between: a custom get_route_handler,
    an instrumentation's wrapper, a body limit.
    """
    code = getattr(app, "__code__", None)
    if code is None or not _nested_code(routing.request_response, code):
        raise NotCompiled("its handler is wrapped (custom route handler or body limit)")
    wrapped = _free_variables(app)
    handler = wrapped.get("f", wrapped.get("func"))
    code = getattr(handler, "__code__", None)
    if code is None or not _nested_code(routing.get_request_handler, code):
        raise NotCompiled("its request handler is not FastAPI's own")
    values = _free_variables(handler)
    unknown = set(code.co_freevars) - _KNOWN_VALUES
    if unknown:
        raise NotCompiled(
            f"its request handler uses {min(unknown)!r}, which this fastrapi does not know"
        )
    return handler, values


def is_documentation(route: Any) -> bool:
    """Is this one of the routes that FastAPI.setup() adds (openapi.json, docs)?"""
    code = getattr(route.endpoint, "__code__", None)
    app_code = getattr(route.app, "__code__", None)
    return (
        type(route) is starlette.routing.Route
        and code is not None
        and _nested_code(fastapi.FastAPI.setup, code)
        and app_code is not None
        and _nested_code(starlette.routing.request_response, app_code)
    )


def application_reason(app: Any) -> str:
    """Why an application as a whole is served through ASGI; empty: no such reason."""
    if type(app).__call__ is not fastapi.FastAPI.__call__:
        return f"class {type(app).__name__} overrides __call__()"
    if type(app.router).app is not routing.APIRouter.app:
        return f"class {type(app.router).__name__} of its router overrides app()"
    if app.root_path:
        return "root_path is set"
    telemetry = getattr(app, "_native_telemetry", None)
    if telemetry is not None and telemetry.enabled():
        return "telemetry is enabled"
    if getattr(app, "max_body_size", None) is not None:
        return "max_body_size is set"
    return ""


def only_own_layers(app: Any) -> bool:
    """Does nothing but FastAPI's own middleware stand before the router?"""
    layer = app.middleware_stack
    if app.user_middleware or not all(is_own(cls.__call__) for cls in ENTRANCES):
        return False
    for _ in range(len(_OWN_LAYERS) + 1):
        if layer is app.router:
            return True
        if type(layer).__name__ not in _OWN_LAYERS or not type(layer).__module__.startswith(
            ("starlette.", "fastapi.")
        ):
            return False
        if isinstance(layer, (ServerErrorMiddleware, ExceptionMiddleware)) and type(
            layer
        ) not in (ServerErrorMiddleware, ExceptionMiddleware):
            return False
        layer = layer.app
    return False
