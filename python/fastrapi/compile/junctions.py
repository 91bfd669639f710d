"""Between the application's own layers: where C takes requests over from Python.

The layers are made as the application itself makes them, but inside the user's innermost
stands an ``_engine.Within``. That layer then calls the Within as its inner application.
Requests enter the user's outermost layer by an ``_engine.Outer``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Mount, Router

import fastapi
from fastrapi import _engine

from . import dialect
from .dispatch import application_of, is_dispatch
from .exit_stacks import send_start
from .recognise import ENTRANCES, is_own, is_websocket

if TYPE_CHECKING:
    from .records import Place

# How many mounts in each other are looked into.
MOST_DEEP = 8
# An application's attribute: its Junctions.
_KEPT_AS = "_fastrapi_junctions"
_OWN_LAYERS = tuple(cls for cls in ENTRANCES if not issubclass(cls, (Starlette, Router)))


class Junctions:
    """What was put between the layers of ``app``.

    ``stack`` is what its ``build_middleware_stack()`` returned. ``first`` is the user's
    outermost layer. ``within`` stands inside the user's innermost, in the place of
    ``inner``. ``places`` are dispatch layers and Starlette's own, each with the Within in
    its place. ``layers`` are all of the user's, outermost first.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.stack: Any = None
        self.first: Any = None
        self.inner: Any = None
        self.within: Any = None
        self.places: list[tuple[Any, Any]] = []
        self.layers: list[Any] = []

    def __reduce__(self) -> tuple[Any, ...]:
        """A copied or pickled application begins without them."""
        return type(None), ()

    def mark_first(self, app: Any) -> Any:
        """In the place of a class of middleware: the layer inside is the first."""
        self.first = app
        return app

    def mark_layer(self, app: Any) -> Any:
        """In the place of a class of middleware: a layer of the user's was made."""
        self.layers.insert(0, app)
        if not (is_dispatch(type(app)) or _is_of_starlette(app)):
            return app
        within = _engine.Within(app)
        self.places.append((within, app))
        return within

    def mark_within(self, app: Any) -> Any:
        """In the place of a class of middleware: C takes over here."""
        self.inner = app
        self.within = _engine.Within(app)
        return self.within

    @property
    def outer(self) -> list[Any]:
        """FastAPI's and Starlette's layers around the user's, outermost first."""
        return list(_own_layers(self.stack, self.first))

    def intact(self) -> bool:
        """Is around and inside the user's layers what FastAPI itself puts there, and
        nothing else?"""
        around, inside = self.outer, list(_own_layers(self.inner, self.app.router))
        return (
            bool(around and inside)
            and around[-1].app is self.first
            and type(inside[0]) is ExceptionMiddleware
            and inside[-1].app is self.app.router
        )

    def entrance(self) -> Any:
        """What requests enter the user's layers by."""
        return _engine.Outer(self.app, self.first, self.failed)

    def bind(self, engine_app: Any, places: Sequence[Place | None], scoped: bool) -> None:
        """Run the plans that ``engine_app`` is bound to, and serve its files. ``places`` and
        ``scoped``: see ``bind_within()``."""
        _engine.bind_within(self.within, engine_app, tuple(places), scoped)
        for within, layer in self.places:
            if is_dispatch(type(layer)):
                _engine.bind_layer(within, application_of(layer))

    @property
    def has_dispatch(self) -> bool:
        return any(is_dispatch(type(layer)) for _, layer in self.places)

    def bind_layer(self, layer: Any, function: Any) -> None:
        """Call ``function`` in the place of a layer, until unbind()."""
        for within, placed in self.places:
            if placed is layer:
                _engine.bind_layer(within, function)

    def layer_at(self, app: Any) -> Any:
        """The layer that stands at this Within, or else ``app`` itself."""
        return next((layer for within, layer in self.places if within is app), app)

    def unbind(self) -> None:
        """Forget the plans: what was compiled is about to change."""
        _engine.bind_within(self.within, None, None, False)
        for within, _ in self.places:
            _engine.bind_layer(within, None)

    async def failed(
        self, scope: Any, receive: Any, send: Any, exc: Exception, started: bool
    ) -> None:
        """``exc`` has left the user's layers: let FastAPI's and Starlette's do what they
        do then. ``started``: http.response.start was sent."""
        await leave_layers(self.outer, scope, receive, send, exc, started, {})


async def leave_layers(
    layers: Sequence[Any], scope: Any, receive: Any, send: Any, exc: BaseException | None, started: bool,
    entries: dict[str, Any],
) -> None:  # fmt: skip
    """Let ``layers``, outermost first, do what they do when ``exc`` is raised inside them; None:
    nothing is. ``started``: http.response.start was sent. ``entries`` of the scope are as they
    were."""
    begun = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal begun
        scope.update(entries)
        if started:
            await send_start(send)
        begun = True
        if exc is not None:
            raise exc

    async def send_later(message: Any) -> None:
        if begun:
            await send(message)

    inner: Any = app
    for layer in reversed(layers):
        outer = copy.copy(layer)
        outer.app = inner
        inner = outer
    await inner(scope, receive, send_later)


def _own_layers(layer: Any, end: Any) -> Iterator[Any]:
    """``layer`` and those inside it, as long as they are FastAPI's or Starlette's, before
    ``end``."""
    while layer is not end and type(layer) in _OWN_LAYERS:
        yield layer
        layer = layer.app


def _is_of_starlette(layer: Any) -> bool:
    """Is it of a class of Starlette's, of which some have native twins?"""
    return str(type(layer).__module__).startswith("starlette.middleware.")


class _Marked:
    """An application with other middleware, for its ``build_middleware_stack()``."""

    def __init__(self, app: Any, middleware: list[Any]) -> None:
        self._app = app
        self.user_middleware = middleware

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)


def _base(app: Any) -> Any:
    return fastapi.FastAPI if isinstance(app, fastapi.FastAPI) else Starlette


def builds_as_its_class(app: Any) -> bool:
    """Does ``app`` make its layers with FastAPI's or Starlette's own function?"""
    base = _base(app)
    return (
        type(app).build_middleware_stack is base.build_middleware_stack
        and "build_middleware_stack" not in app.__dict__
        and type(app).__call__ is base.__call__
        and is_own(base.build_middleware_stack)
    )


def has_junctions(app: Any, mounted: bool = False) -> bool:
    """Can C take requests over between the layers of ``app``? Those that are not ``mounted`` have the plans
    of WebSockets there, too."""
    if app.middleware_stack is not None:
        return junctions_of(app) is not None
    between = app.user_middleware or _mounts_layers(app.routes) or (not mounted and _has_websocket(app.routes))
    return bool(dialect.STACKS_IN_SCOPE and between and builds_as_its_class(app))


def _mounts_layers(routes: Any, deep: int = 0) -> bool:
    """Is an application with middleware mounted at one of these routes, or below one?"""
    mounted = [route.app for route in routes if type(route) is Mount] if deep < MOST_DEEP else []
    return any(
        bool(getattr(app, "user_middleware", None)) or _mounts_layers(app.routes, deep + 1)
        for app in mounted
        if isinstance(app, Starlette | Router)
    )


def _has_websocket(routes: Any, deep: int = 0) -> bool:
    """Is one of these routes, or one of what they include or mount, for WebSockets?"""
    for route in routes if deep < MOST_DEEP else ():
        inner = getattr(route, "original_router", None) or getattr(route, "app", None)
        inside = inner.routes if isinstance(inner, Starlette | Router) else ()
        if is_websocket(route) or _has_websocket(inside, deep + 1):
            return True
    return False


def build(app: Any, mounted: bool = False) -> None:
    """Make the layers of ``app``, if that was not done, as it does itself before its
    first request or its lifespan. ``mounted``: see has_junctions()."""
    if app.middleware_stack is not None:
        return
    if not has_junctions(app, mounted):
        app.middleware_stack = app.build_middleware_stack()
        return
    made = Junctions(app)
    middleware = [Middleware(made.mark_first)]
    for entry in app.user_middleware:
        middleware += [Middleware(made.mark_layer), entry]
    middleware.append(Middleware(made.mark_within))
    app.middleware_stack = _base(app).build_middleware_stack(_Marked(app, middleware))
    made.stack = app.middleware_stack
    app.__dict__[_KEPT_AS] = made


def junctions_of(app: Any) -> Junctions | None:
    """What build() has put between the layers that ``app`` has now, if nothing else came
    between them."""
    found: Junctions | None = app.__dict__.get(_KEPT_AS)
    if found is None or found.app is not app or found.stack is not app.middleware_stack:
        return None
    return found if found.intact() else None


def own_layers_inside(layer: Any, app: Any) -> list[Any]:
    """``layer`` and those inside it, all of FastAPI's and Starlette's, before the router of ``app``."""
    return list(_own_layers(layer, app.router))


def own_layers(app: Any) -> list[Any]:
    """The layers that C passes by on success. Each hands on to its ``app``."""
    layers = junctions_of(app)
    if layers is None:
        return own_layers_inside(app.middleware_stack, app)
    return [*layers.outer, *own_layers_inside(layers.inner, app)]


class ReceiveAgain:
    """An ASGI ``receive`` that first gives ``content``, which was read before: the whole
    content of the request, or the exception that reading it raised."""

    def __init__(self, content: Any, receive: Any) -> None:
        self.content = content
        self.receive = receive

    async def __call__(self) -> Any:
        content, self.content = self.content, None
        if content is None:
            return await self.receive()
        if isinstance(content, BaseException):
            raise content
        return {"type": "http.request", "body": content, "more_body": False}
