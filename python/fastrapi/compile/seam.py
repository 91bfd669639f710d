"""Where the application's own layers and fastrapi's plans meet."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import fastapi.routing as routing
from starlette._exception_handler import wrap_app_handling_exceptions
from starlette.requests import Request
from starlette.responses import Response

from fastrapi import _engine
from fastrapi.loop import EventLoop

from .route_helper import Helper, RouteHelper

OUTCOME_KEY = "fastrapi.outcome"
REQUEST_KEY = "fastrapi.request"  # also in bindings/module_state.h
REPLAY_KEY = "fastrapi.replay"  # also in bindings/module_state.h
VALUES_KEY = "fastrapi.values"


@dataclass(frozen=True, slots=True)
class _Place:
    """A compiled route inside the application's layers: ``asgi`` runs its plan in
    FastAPI's own ``request_response``."""

    helper: RouteHelper
    asgi: Any


def _place(engine_app: Any, index: int, helper: Helper | None) -> _Place | None:
    if not isinstance(helper, RouteHelper):
        return None
    handler = helper.handler

    async def run_plan(request: Request) -> Response:
        values = request.scope.pop(VALUES_KEY)
        response: Response = await _engine.run_nested(
            engine_app, index, request, values, handler
        )
        return response

    return _Place(helper, routing.request_response(run_plan))


class Seam:
    """Stands in the application's router, inside all middleware: a request that came
    through the middleware runs its plan here, the outcome of a plan that ran without
    it surfaces here, and everything else goes on to FastAPI's own router.

    ``inner`` is what the router called before: its ``middleware_stack``. A Seam that
    is not bound hands everything on to it.
    """

    def __init__(self, inner: Any, app: Any) -> None:
        self.inner = inner
        self.app = app
        self.engine_app: Any = None
        self.places: list[_Place | None] = []

    def bind(self, engine_app: Any, helpers: Sequence[Helper | None]) -> None:
        """Run the plans that ``engine_app`` is bound to; ``helpers`` by route."""
        self.engine_app = engine_app
        self.places = [
            _place(engine_app, index, helper) for index, helper in enumerate(helpers)
        ]

    def unbind(self) -> None:
        """Forget the plans: what was compiled is about to change."""
        self.engine_app = None
        self.places = []

    def _find(self, scope: Any) -> tuple[_Place, tuple[str, ...]] | None:
        """The compiled route of a request and the texts of its path parameters."""
        if self.engine_app is None:
            return None
        found = self.engine_app.match(scope["method"], scope["path"])
        place = self.places[found[0]] if found is not None else None
        return (place, found[1]) if place is not None else None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        if OUTCOME_KEY in scope:
            await self._surface(scope, receive, send)
            return
        found = None
        if (
            not scope.pop(REPLAY_KEY, False)
            and not scope.get("root_path")
            and "fastapi.telemetry" not in scope
            # A client inside the application may run it on a loop of its own.
            and isinstance(asyncio._get_running_loop(), EventLoop)
        ):
            found = self._find(scope)
        if found is None:
            await self.inner(scope, receive, send)
            return
        place, values = found
        if "router" not in scope:
            scope["router"] = self.app.router
        place.helper.entry.enter(scope, values)
        scope[VALUES_KEY] = values
        await place.asgi(scope, receive, send)

    async def _surface(self, scope: Any, receive: Any, send: Any) -> None:
        """Let the outcome of a plan that ran without the middleware happen where the
        endpoint's would have."""
        outcome = scope.pop(OUTCOME_KEY)
        found = self._find(scope)
        reads_form = found is not None and found[0].helper.reads_form
        request = scope.pop(REQUEST_KEY, None) or Request(scope, receive, send)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if isinstance(outcome, BaseException):
                if reads_form:
                    # Exception handlers find the form read, as FastAPI leaves it.
                    await request.form()
                raise outcome
            await outcome(scope, receive, send)

        await wrap_app_handling_exceptions(app, request)(scope, receive, send)


class Resume:
    """resume(scope, receive, send, outcome): ends a request that a plan has run to its
    outcome, through the application's own middleware and handlers. The Seam takes the
    outcome out of the scope again."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(
        self, scope: Any, receive: Any, send: Any, outcome: Any
    ) -> Coroutine[Any, Any, None]:
        scope[OUTCOME_KEY] = outcome
        run: Coroutine[Any, Any, None] = self.app(scope, receive, send)
        return run
