"""The application's routes in the order in which Starlette tries them."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import fastapi.routing as routing
from starlette.convertors import PathConvertor, StringConvertor
from starlette.routing import PARAM_REGEX, BaseRoute, Host, Mount, Route, WebSocketRoute, compile_path

from .hosts import is_host
from .mounts import Inside
from .recognise import IncludedRouter, inherits, is_included, is_websocket, pristine_handler
from .records import HANDSHAKE, PART, NotCompiled, Place

_KINDS = {
    "StringConvertor": PART.STR,
    "IntegerConvertor": PART.INT,
    "FloatConvertor": PART.FLOAT,
    "UUIDConvertor": PART.UUID,
    "PathConvertor": PART.PATH,
}


@dataclass(slots=True)
class Entry:
    """One place of the routing table.

    ``route`` is what the application declared. ``effective`` has the values that count:
    those of FastAPI's ``context`` of a route of an included router, else the route itself.
    ``included`` is that router. ``asked``: the application's router asks an included router
    before it, or in its place. A ``barrier`` may match any path. ``reason`` says why
    requests go through ASGI; empty: compile it. ``files``, a mount of files that C may serve,
    is for ``files``. A Host route has its ``host`` and is for ``hosts``: the table knows no
    hosts.
    """

    path: str
    parts: tuple[tuple[int, str], ...]
    methods: tuple[str, ...] | None
    name: str
    route: Any
    effective: Any
    convertors: dict[str, Any] = field(default_factory=dict)
    included: Any = None
    context: Any = None
    asked: bool = False
    form_limits: dict[str, int] = field(default_factory=dict)  # of its routers
    inside: Inside = Inside()  # a mounted application
    barrier: bool = False
    reason: str = ""
    files: Any = None
    host: str = ""
    into: Inside | None = None  # a mount: where its routes stand
    leads: Inside | None = None  # the same, if all of them are entries

    @property
    def is_limited(self) -> bool:
        """Does the router that includes it limit the content? FastAPI then measures what comes, of any route."""
        context = getattr(self.included, "include_context", None)
        return getattr(context, "max_body_size", None) is not None

    def enter(self, scope: dict[str, Any], values: tuple[str, ...]) -> None:
        """Put into ``scope`` what FastAPI's router would have put there."""
        params = dict(scope.get("path_params", {}))
        for (name, convertor), value in zip(self.convertors.items(), values, strict=True):
            params[name] = convertor.convert(value)
        fastapi_scope = scope.setdefault("fastapi", {}) if self.asked else {}
        if self.included is not None:
            fastapi_scope["included_router"] = self.included
            fastapi_scope["effective_route_context"] = self.context
        scope["endpoint"] = self.noted.endpoint
        scope["path_params"] = params
        noted = self.noted if self.notes_route else self.inside.noted()
        if noted is not None:
            scope["route"] = noted

    @property
    def websocket(self) -> bool:
        """Does it take handshakes of WebSockets, and nothing else?"""
        return self.methods == (HANDSHAKE,)

    @property
    def notes_route(self) -> bool:
        """Does a router put the route itself into the scope?"""
        notes = (routing.APIRoute, routing.APIWebSocketRoute)
        return isinstance(self.route, notes) or self.inside.notes_route

    @property
    def noted(self) -> Any:
        """What it is that a router puts there, and whose endpoint. FastAPI makes the WebSocket routes of an
        included router anew."""
        return self.effective if self.websocket else self.route

    def place(self) -> Place:
        """What C puts into a scope in the place of enter(). ``Places`` adds what the layers inside
        the user's put there."""
        convertors = tuple(
            (name, None if _is_text(convertor) else convertor.convert)
            for name, convertor in self.convertors.items()
        )
        fastapis = isinstance(self.route, routing.APIRoute | routing.APIWebSocketRoute)
        return Place(
            endpoint=self.noted.endpoint, route=self.noted if self.notes_route else None, included=self.included,
            effective=self.context, convertors=convertors, asked=self.asked, stacks=3 if fastapis else 0,
        )  # fmt: skip

    def mount_place(self) -> Place | None:
        """The same for a mount. None: there is more to put into the scope."""
        if len(self.effective.param_convertors) > 1:
            return None
        return Place(
            endpoint=self.effective.app, route=self.route if self.inside.notes_route else None,
            included=self.included, effective=self.context, asked=self.asked,
        )  # fmt: skip


def _is_text(convertor: Any) -> bool:
    """Does it give the text as it is?"""
    return type(convertor) in (StringConvertor, PathConvertor)


def template_parts(path: str, convertors: dict[str, Any]) -> tuple[tuple[int, str], ...] | None:
    """``path`` cut into literals and parameters; None when a convertor is not one
    of Starlette's own."""
    parts: list[tuple[int, str]] = []
    at = 0
    for match in PARAM_REGEX.finditer(path):
        name = match.group(1)
        kind = _KINDS.get(type(convertors[name]).__name__)
        if kind is None or type(convertors[name]).__module__ != "starlette.convertors":
            return None
        if match.start() > at:
            parts.append((PART.LITERAL, path[at : match.start()]))
        parts.append((kind, name))
        at = match.end()
    if at < len(path):
        parts.append((PART.LITERAL, path[at:]))
    return tuple(parts)


def _barrier(route: Any, reason: str) -> Entry:
    path = getattr(route, "path", "") or "/"
    return Entry(
        str(path), (), None, str(getattr(route, "name", "") or ""), route, route,
        barrier=True, reason=reason,
    )  # fmt: skip


def _expression(parts: tuple[tuple[int, str], ...], convertors: dict[str, Any]) -> str:
    """What Starlette's compile_path() makes of a path with these parts, without compiling it: of
    thousands of routes that takes longer than all else in this file."""
    texts = [
        re.escape(text) if kind == PART.LITERAL else f"(?P<{text}>{convertors[text].regex})"
        for kind, text in parts
    ]
    return f"^{''.join(texts)}$"


def _plain_parts(path: str, effective: Any) -> tuple[tuple[int, str], ...] | None:
    """``path`` of a route in parts; None when the route matches it in a way of its own."""
    parts = template_parts(path, effective.param_convertors)
    pattern = getattr(effective.path_regex, "pattern", None)
    if parts is None or pattern != _expression(parts, effective.param_convertors):
        return None
    return parts


def _host_is_plain(host: str, regex: Any) -> bool:
    try:
        return bool(compile_path(host)[0].pattern == regex.pattern)
    except Exception:
        return False


def _entry(declared: _Declared, methods: Any) -> Entry:
    route, effective, included, context, *_ = declared
    path = effective.path
    parts = _plain_parts(path, effective)
    if parts is None:
        return _barrier(route, f"path {path!r} uses a custom convertor")
    return Entry(
        path,
        parts,
        tuple(sorted(methods)) if methods else None,
        str(getattr(effective, "name", None) or ""),
        route,
        effective,
        effective.param_convertors,
        included,
        context,
    )


def _mount(declared: _Declared) -> Entry:
    route, effective = declared.route, declared.effective
    path = effective.path + "/{path:path}"
    parts = _plain_parts(path, effective)
    if parts is None:
        return _barrier(route, "mount with a custom convertor in its path")
    return Entry(
        path, parts, None, str(route.name or ""), route, effective,
        included=declared.included, context=declared.context, reason="mounted application",
    )  # fmt: skip


def _handles_as_fastapi(route: Any, included: Any) -> bool:
    """Has the class of ``route`` left its handler alone? One that has made it itself, and of
    FastAPI's own, has; that of an included route is made later."""
    if not inherits(route, routing.APIRoute, "handle"):
        return False
    if inherits(route, routing.APIRoute, "get_route_handler"):
        return True
    try:
        pristine_handler(route.app)
    except NotCompiled:
        return False
    return included is None


def _websocket(declared: _Declared) -> Entry:
    """The entry of a route that takes handshakes of WebSockets only."""
    route, effective = declared.route, declared.effective
    base = routing.APIWebSocketRoute if isinstance(route, routing.APIWebSocketRoute) else WebSocketRoute
    if not isinstance(route, WebSocketRoute) or not inherits(route, base, "matches"):
        entry = _barrier(route, f"custom route class {type(route).__name__}")
    else:
        entry = _entry(declared, (HANDSHAKE,))
        if not entry.barrier and not inherits(effective, WebSocketRoute, "handle"):
            entry.reason = f"custom route class {type(route).__name__}"
    entry.methods = (HANDSHAKE,)
    return entry


def _one(declared: _Declared) -> Entry:
    """The entry of a declared route."""
    route, effective, included, *_ = declared
    if isinstance(route, routing.APIRoute):
        if not inherits(route, routing.APIRoute, "matches"):
            return _barrier(route, f"custom route class {type(route).__name__}")
        entry = _entry(declared, effective.methods)
        if not entry.barrier and not _handles_as_fastapi(route, included):
            entry.reason = f"custom route class {type(route).__name__}"
        return entry
    if type(route) is Mount and inherits(route, Mount, "matches"):
        return _mount(declared)
    if isinstance(route, Route) and inherits(route, Route, "matches"):
        entry = _entry(declared, effective.methods)
        if not entry.barrier and not inherits(route, Route, "handle"):
            entry.reason = f"custom route class {type(route).__name__}"
        return entry
    if is_websocket(route):
        return _websocket(declared)
    if is_host(effective) and _host_is_plain(effective.host, effective.host_regex):
        return Entry("", (), (), "", route, effective, host=effective.host)
    if isinstance(route, Host):
        return _barrier(route, "Host route that matches in a way of its own")
    return _barrier(route, f"unknown route class {type(route).__name__}")


class _Declared(NamedTuple):
    """A route where Starlette comes to it; see Entry."""

    route: Any
    effective: Any
    included: Any
    context: Any
    form_limits: dict[str, int]
    asked: bool = True


def _included(included: Any, outer_limits: dict[str, int]) -> Iterator[_Declared]:
    limits = outer_limits | (getattr(included.include_context, "form_limits", None) or {})
    for candidate in included.effective_candidates():
        if is_included(candidate):
            yield from _included(candidate, limits)
            continue
        effective = candidate.starlette_route or candidate
        yield _Declared(candidate.original_route, effective, included, candidate, limits)


def _declared(router: Any, inside: Inside) -> Iterator[_Declared]:
    """Routes in order, those of included routers in their place. An included router
    whose class overrides how it matches counts as one route."""
    limits = {**inside.form_limits, **(getattr(router, "form_limits", None) or {})}
    asked = inside.asked
    for route in router.routes:
        asked = asked or is_included(route)
        if _is_transparent(route):
            yield from _included(route, limits)
        else:
            yield _Declared(route, route, None, None, limits, asked)


def _is_transparent(route: Any) -> bool:
    """Is this an included router that matches as FastAPI's own does?"""
    return (
        is_included(route)
        and type(route) is IncludedRouter
        and inherits(route.original_router, routing.APIRouter, "matches", "handle", "app")
    )


def walk(router: Any, inside: Inside = Inside()) -> Iterator[Entry]:
    """Every entry of an application's router, in the order in which they are tried. Those of a mounted application stand before its mount,
    which has what they do not match."""
    for declared in _declared(router, inside):
        deeper = inside.enter(declared.route, declared.form_limits, declared.asked) if declared.included is None else None
        whole = False
        if deeper is not None:
            whole = yield from _mounted(deeper)
        if is_included(declared.route):
            yield _barrier(declared.route, "included router of a custom class")
            continue
        entry = _one(declared)
        if inside.notes_route and isinstance(declared.route, routing.APIRoute | routing.APIWebSocketRoute):
            entry.reason = entry.reason or "FastAPI route in a router of Starlette's"
        entry.form_limits = declared.form_limits
        entry.asked = declared.asked
        entry.into = deeper
        entry.leads = deeper if whole else None
        yield entry


def _mounted(inside: Inside) -> Generator[Entry, None, bool]:
    """The entries of what is mounted, up to one that may match any path. Returns whether they are
    all."""
    for entry in walk(inside.router, inside):
        if entry.barrier and not entry.websocket:
            return False
        if entry.host:
            yield entry
            continue
        if not entry.inside.levels:
            entry.inside = inside
        if not entry.path:
            continue  # the mount does not match without a slash
        if entry.barrier:
            yield entry
            continue
        prefix = inside.mounts[-1].path
        entry.path = prefix + entry.path
        entry.parts = _prefixed(prefix, entry.parts)
        yield entry
    return True


def _prefixed(prefix: str, parts: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
    """A template behind a text."""
    if not prefix:
        return parts
    if parts and parts[0][0] == PART.LITERAL:
        return ((PART.LITERAL, prefix + parts[0][1]), *parts[1:])
    return ((PART.LITERAL, prefix), *parts)

