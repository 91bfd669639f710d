"""What C puts into a scope behind the layers of an application, and which layers of a mounted
application it enters from there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import fastapi

from .answers import exception_layer
from .junctions import Junctions, junctions_of, leave_layers, own_layers_inside
from .mounts import Level
from .recognise import is_included
from .records import Place
from .route_helper import Helper
from .walk import Entry

_HANDLERS = "starlette.exception_handlers"


class _Left:
    """In the place of FastAPI's AsyncExitStackMiddleware: leaves the stack that was in the scope."""

    def __init__(self, stack: AsyncExitStack, app: Any) -> None:
        self.stack = stack
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self.stack:
            await self.app(scope, receive, send)


async def ended(
    layers: Sequence[Any], scope: Any, receive: Any, send: Any, exc: BaseException | None, started: bool,
    stack: AsyncExitStack | None,
) -> None:  # fmt: skip
    """The layers of a mounted application have returned, or raised ``exc``. Let FastAPI's and
    Starlette's ``layers`` around them, outermost first, do what they do then. ``started``: as in
    leave_layers(). ``stack`` is what stood in the scope as the exit stack."""
    around: list[Any] = []
    for layer in reversed(layers):
        if type(layer).__name__ != "AsyncExitStackMiddleware":
            around.insert(0, layer)
        elif stack is not None:
            around.insert(0, _Left(stack, None))
            stack = None
    await leave_layers(around, scope, receive, send, exc, started, {_HANDLERS: scope.get(_HANDLERS)})


class Places:
    """Those of the routes behind the layers of ``made``. ``outermost`` is the application whose
    router requests meet first."""

    def __init__(self, made: Junctions, outermost: Any) -> None:
        self.made = made
        self.outermost = outermost
        self.handlers = made.inner._exception_handlers, made.inner._status_handlers
        self.entrances: dict[tuple[int, ...], tuple[Any, Any]] = {}

    def all(self, entries: Sequence[Entry], helpers: Sequence[Helper | None]) -> tuple[Place | None, ...]:
        """By route, and the router's own."""
        found = [self._place(entry, helper) for entry, helper in zip(entries, helpers, strict=True)]
        return (*found, self._own())

    def _own(self) -> Place | None:
        """Of a request that no route takes. None: Python answers it."""
        router = self.outermost.router
        if self.made.app is not self.outermost or getattr(router, "form_limits", None):
            return None  # the limits would be in the scope, too
        return Place(self.handlers, router, asked=_includes(router), stacks=1)

    def _depth(self, levels: Sequence[Level]) -> int | None:
        """How many of these levels are around the application's router; None: it is none of
        them."""
        if self.made.app is self.outermost:
            return 0
        return max((n for n, level in enumerate(levels, 1) if level.app is self.made.app), default=None)

    def _place(self, entry: Entry, helper: Helper | None) -> Place | None:
        inside = entry.into or entry.inside
        depth = self._depth(inside.levels)
        if depth is None or entry.form_limits:
            return None
        passed = list(inside.levels[depth:])
        layered = next((n for n, level in enumerate(passed) if level.layered), None)
        entrance = None
        if layered is not None:
            del passed[layered + 1 :]
            entrance = self._entrance(passed)
        apps = [level.app for level in passed if level.app is not None]
        if any(app.middleware_stack is None for app in apps) or (layered is not None and entrance is None):
            return None  # Python makes the layers; then everything is compiled once more
        if entrance is None and entry.into is None and entry.files is None and helper is None:
            return None
        between = apps if entrance is None else apps[:-1]
        end = depth + len(passed)
        roots = ["".join(mount.path for mount in inside.mounts[:n]) for n in (depth, end)]
        fixed = _fixed(entry, inside.mounts[end - 1] if passed else None, entrance is not None)
        if fixed is None:
            return None
        noted = inside.noted(depth, end)
        place = fixed if fixed.route is not None else fixed._replace(route=noted)
        stacks = int(any(isinstance(app, fastapi.FastAPI) for app in (self.made.app, *between)))
        return place._replace(
            handlers=_handlers(between[-1]) if between else self.handlers,
            router=self.outermost.router,
            asked=_asked(entry) if entrance is None else inside.asks[end - 1],
            stacks=max(place.stacks, stacks),
            root=roots[0],
            inside=roots[1] if passed else None,
            app=apps[-1] if apps else None,
            layers=entrance,
        )

    def _entrance(self, passed: Sequence[Level]) -> tuple[Any, Any] | None:
        """The layers of the innermost of these levels, and what ends a request that they leave in
        another way than by returning. None: they are not made, or not as they should be."""
        key = tuple(id(level.app or level.router) for level in passed)
        if key not in self.entrances:
            target = junctions_of(passed[-1].app)
            if target is None:
                return None
            layers = own_layers_inside(self.made.inner, self.made.app)
            for level in passed[:-1]:
                if level.app is not None:
                    layers += own_layers_inside(level.app.middleware_stack, level.app)
            self.entrances[key] = target.first, partial(ended, [*layers, *target.outer])
        return self.entrances[key]


def _includes(router: Any) -> bool:
    return any(map(is_included, router.routes))


def _asked(entry: Entry) -> bool:
    """Is an included router asked before the entry? Where no route inside a mount takes a request,
    its router has asked all."""
    return entry.asked or (entry.into is not None and _includes(entry.into.router))


def _handlers(app: Any) -> tuple[Any, Any]:
    layer = exception_layer(app)
    return (layer._exception_handlers, layer._status_handlers) if layer else ({}, {})


def _fixed(entry: Entry, mount: Any, enters: bool) -> Place | None:
    """What does not depend on the layers around. ``mount`` is the last before the route, and ``enters``:
    the layers of what it mounts are entered. None: there is more to put into the scope."""
    if enters or entry.into is not None:
        return Place(endpoint=(mount or entry.effective).app)
    if entry.files is not None:
        return entry.mount_place()
    return entry.place()
