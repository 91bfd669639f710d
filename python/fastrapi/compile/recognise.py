"""Are this route and this application as FastAPI itself makes them?"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Sequence
from types import FunctionType, MethodType
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
with contextlib.suppress(ImportError):
    from fastapi.telemetry._asgi import ExceptionTelemetryMiddleware

    ENTRANCES += (ExceptionTelemetryMiddleware,)
with contextlib.suppress(ImportError):
    from fastapi._body_limit import AppBodyLimitMiddleware

    ENTRANCES += (AppBodyLimitMiddleware,)


# FastAPI 0.137 and later include routers lazily. None: an older one.
IncludedRouter: Any = getattr(routing, "_IncludedRouter", None)


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


def inherits(one: Any, base: type, *names: str) -> bool:
    """Has neither the class of ``one`` nor ``one`` itself replaced these methods of ``base``?"""
    return {*names}.isdisjoint(vars(one)) and all(
        getattr(type(one), name) is getattr(base, name) for name in names
    )


def nested_code(function: Any, code: Any) -> bool:
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


def free_variables(function: Any) -> dict[str, Any]:
    names = function.__code__.co_freevars
    cells = function.__closure__ or ()
    values = {}
    for name, cell in zip(names, cells, strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # the variable was never set
            continue
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
    if code is None or not nested_code(routing.request_response, code):
        raise NotCompiled("its handler is wrapped (custom route handler or body limit)")
    wrapped = free_variables(app)
    handler = wrapped.get("f", wrapped.get("func"))
    code = getattr(handler, "__code__", None)
    if code is None or not nested_code(routing.get_request_handler, code):
        raise NotCompiled("its request handler is not FastAPI's own")
    values = free_variables(handler)
    unknown = set(code.co_freevars) - _KNOWN_VALUES
    if unknown:
        raise NotCompiled(
            f"its request handler uses {min(unknown)!r}, which this fastrapi does not know"
        )
    return handler, values


def is_included(route: Any) -> bool:
    """Is this an included router?"""
    return IncludedRouter is not None and isinstance(route, IncludedRouter)


def is_websocket(route: Any) -> bool:
    """Does ``route`` take handshakes only: a WebSocket route, or one that is made like it?"""
    bases = (starlette.routing.WebSocketRoute, routing.APIWebSocketRoute)
    if isinstance(route, bases) and any(inherits(route, base, "matches") for base in bases):
        return True
    return "websocket" in type(route).__name__.lower() and hasattr(route, "path_regex")


def is_documentation(route: Any) -> bool:
    """Is this one of the routes that FastAPI.setup() adds (openapi.json, docs)?"""
    if type(route) is not starlette.routing.Route:
        return False
    code = getattr(route.endpoint, "__code__", None)
    app_code = getattr(route.app, "__code__", None)
    return (
        code is not None
        and nested_code(fastapi.FastAPI.setup, code)
        and app_code is not None
        and nested_code(starlette.routing.request_response, app_code)
    )


def application_reason(app: Any) -> str:
    """Why an application as a whole is served through ASGI; empty: no such reason."""
    if type(app).__call__ is not fastapi.FastAPI.__call__:
        return f"class {type(app).__name__} overrides __call__()"
    if type(app.router).app is not routing.APIRouter.app:
        return f"class {type(app.router).__name__} of its router overrides app()"
    if app.root_path:
        return "root_path is set"
    # FastAPI itself takes whatever is false for none.
    if app.dependency_overrides is not None and not isinstance(app.dependency_overrides, dict):
        return f"dependency_overrides is a {type(app.dependency_overrides).__name__}"
    telemetry = getattr(app, "_native_telemetry", None)
    if telemetry is not None and telemetry.enabled():
        return "telemetry is enabled"
    if getattr(app, "max_body_size", None) is not None:
        return "max_body_size is set"
    return ""


def router_reason(router: Any) -> str:
    """Why an application's router cannot be compiled; empty: no such reason."""
    inner = router.middleware_stack
    inner = getattr(inner, "fastrapi_inner", inner)
    own = type(inner) is MethodType and inner == router.app
    return "" if own else "its router has middleware of its own"


def _is_own_layer(layer: Any) -> bool:
    """Is this a layer that FastAPI puts around every router?"""
    if type(layer).__name__ not in _OWN_LAYERS or not type(layer).__module__.startswith(
        ("starlette.", "fastapi.")
    ):
        return False
    return not isinstance(layer, (ServerErrorMiddleware, ExceptionMiddleware)) or type(
        layer
    ) in (ServerErrorMiddleware, ExceptionMiddleware)


def stack_of(app: Any) -> list[Any]:
    """The layers of the built stack that are not FastAPI's own, outermost first, as far as
    they can be seen."""
    found = []
    layer = app.middleware_stack
    for _ in range(len(_OWN_LAYERS) + len(app.user_middleware) + 1):
        if layer is app.router or layer is None:
            break
        if not _is_own_layer(layer):
            found.append(layer)
        layer = getattr(layer, "app", None)
    return found


def only_own_layers(app: Any, natives: Sequence[Any]) -> bool:
    """Does nothing but FastAPI's own middleware, and these layers, stand before the
    router?"""
    layer = app.middleware_stack
    expected = list(natives)
    if len(app.user_middleware) != len(expected) or not all(
        is_own(cls.__call__) for cls in ENTRANCES
    ):
        return False
    for _ in range(len(_OWN_LAYERS) + len(expected) + 1):
        if layer is app.router:
            return not expected
        if expected and layer is expected[0]:
            expected.pop(0)
        elif not _is_own_layer(layer):
            return False
        layer = layer.app
    return False
