"""Frontends: directories that FastAPI serves where no route takes a request.

They are no entries of the table, because the router asks them last, after it has looked for a
path with a slash more or less. The room ``files`` answers in their place, as for mounts.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import fastapi.routing as routing

from . import files
from .layers import Expected, Layer
from .recognise import inherits, is_own
from .sources import fingerprint

# What the C was written after, and the digests of the known versions of it.
_CLASSES = ("_FrontendStaticFiles", "_FrontendRoute", "_FrontendRouteGroup")
_FUNCTIONS = (
    "_iter_accept_media_types",
    "_is_frontend_navigation_request",
    "_join_frontend_paths",
    "_frontend_path_specificity",
)
_ROUTER = (
    "_match_low_priority",
    "_iter_low_priority_routes",
    "_frontend_match_is_more_specific",
)
_SOURCES = tuple(
    f"fastapi.routing:{name}"
    for name in (*_CLASSES, *_FUNCTIONS, *(f"APIRouter.{name}" for name in _ROUTER))
)
_KNOWN = frozenset({"8ab0b134b495c120f437a35f4340593c536ded70b87a5ff0c585149554c2e2da"})
_PRISTINE = [
    *(Expected(routing, name, getattr(routing, name, None)) for name in (*_CLASSES, *_FUNCTIONS)),
    *(Expected(routing.APIRouter, name, vars(routing.APIRouter).get(name)) for name in _ROUTER),
    *(
        Expected(cls, name, value if is_own(inspect.unwrap(value)) else None)
        for cls in (getattr(routing, name, None) for name in _CLASSES)
        for name, value in (vars(cls).items() if cls is not None else ())
        if callable(value)
    ),
]


class Frontend(NamedTuple):
    """One of them, below ``path``. ``layer`` is for the guards; None: FastAPI serves it, for
    ``reason``."""

    path: str
    instance: Any
    layer: Layer | None
    reason: str


@cache
def _is_known() -> bool:
    return fingerprint(_SOURCES) in _KNOWN


def _is_as_known() -> bool:
    return _is_known() and all(expected.holds() for expected in _PRISTINE)


class _Group(NamedTuple):
    """Frontends of one router, where FastAPI comes to them."""

    group: Any
    prefix: str
    dependant: Any
    limited: bool


def _groups(router: Any) -> Iterator[_Group | None]:
    """In the order in which they are tried; None: something else."""
    for candidate in router._iter_low_priority_routes():
        group = getattr(candidate, "original_route", candidate)
        if type(group) is not routing._FrontendRouteGroup:
            yield None
        elif group is candidate:
            yield _Group(group, "", group.dependant, False)
        else:
            handle = getattr(candidate.app, "__func__", None)
            limited = handle is not routing._FrontendRouteGroup.handle
            yield _Group(group, candidate.frontend_prefix, candidate.dependant, limited)


def _reason(found: _Group, route: Any) -> str:
    """Why FastAPI itself must serve one, whatever its directory; empty: no such reason."""
    if found.limited:
        return "is included with a limit of the content"
    if found.dependant is None or found.dependant.dependencies:
        return "has dependencies"
    plain = type(route) is routing._FrontendRoute and not vars(route).keys() - {"path", "methods", "app"}
    if not plain or type(route.app) is not routing._FrontendStaticFiles or vars(found.group).keys() & {"handle", "matches"}:
        return "is served in a way of its own"
    return ""


def _layer(router: Any, found: _Group, route: Any) -> Layer | str:
    reason = _reason(found, route)
    if reason:
        return reason
    layer = files.layer_of_files(route.app, ("fallback",))
    if isinstance(layer, Layer):
        layer.expected += [Expected(route, name, getattr(route, name)) for name in ("path", "app")]
        layer.expected += [Expected(found.group, "dependant", found.group.dependant), *_PRISTINE]
        layer.lists += [
            (held, tuple(held)) for held in (found.group.routes, router._low_priority_routes)
        ]
    return layer


def frontends_of(app: Any, middleware: list[str]) -> list[Frontend]:
    """Those of an application, in the order in which the router asks them. One that FastAPI has to
    serve keeps the others with it: the router compares them all."""
    router = app.router
    if not hasattr(router, "_iter_low_priority_routes"):
        return []
    found = []
    for group in _groups(router):
        if group is None:
            found.append(Frontend("/", None, None, "is of an unknown class"))
            continue
        for route in group.group.routes:
            layer = _layer(router, group, route)
            path = routing._join_frontend_paths(group.prefix, route.path)
            known = (layer, "") if isinstance(layer, Layer) else (None, layer)
            found.append(Frontend(path, route.app, *known))
    if not found:
        return []  # without a look at the sources, which takes longer than the rest
    reason = next((one.reason for one in found if one.reason), "")
    if not _is_as_known() or not inherits(router, routing.APIRouter, *_ROUTER):
        reason = "is of another version of FastAPI's, or patched"
    elif middleware:
        reason = f"is behind {', '.join(middleware)}"
    if not reason:
        return found
    return [one._replace(layer=None, reason=one.reason or reason) for one in found]
