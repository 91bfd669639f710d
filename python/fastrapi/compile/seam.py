"""Where the application's own layers and fastrapi's plans meet."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import fastapi.routing as routing
from starlette._exception_handler import wrap_app_handling_exceptions
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from fastrapi import _engine
from fastrapi.loop import EventLoop

from . import dialect, uploads
from .exit_stacks import Begun, Handled, Unwinding, send_nothing, send_start
from .hosts import Hosted
from .junctions import Junctions, ReceiveAgain, build
from .records import HANDSHAKE
from .route_helper import Helper, RouteHelper
from .starlette_routes import StarletteHelper
from .websocket_routes import WebSocketHelper

OUTCOME_KEY = "fastrapi.outcome"
FORM_KEY = "fastrapi.form"  # also in bindings/module_state.h
REQUEST_KEY = "fastrapi.request"  # also in bindings/module_state.h
SESSION_KEY = "fastrapi.session"  # also in bindings/module_state.h
REPLAY_KEY = "fastrapi.replay"  # also in bindings/module_state.h
VALUES_KEY = "fastrapi.values"


@dataclass(frozen=True, slots=True)
class _Place:
    """A compiled route inside the application's layers: ``asgi`` runs its plan in
    FastAPI's own ``request_response``. None: Starlette serves its route."""

    helper: RouteHelper | StarletteHelper
    asgi: Any


def _place(engine_app: Any, index: int, helper: Helper | None) -> _Place | None:
    if isinstance(helper, StarletteHelper | WebSocketHelper):
        return _Place(helper, None)
    if not isinstance(helper, RouteHelper):
        return None
    handler = helper.handler

    async def run_plan(request: Request) -> Response:
        values = request.scope.pop(VALUES_KEY)
        form = request.scope.pop(FORM_KEY, None)
        if form is not None:
            request._form, request._stream_consumed = form, True
            return await handler(request)  # type: ignore[no-any-return]
        response: Response = await _engine.run_nested(
            engine_app, index, request, values, handler
        )
        return response

    return _Place(helper, routing.request_response(run_plan))


class FormRead:
    """The outcome of a plan whose form was read while it arrived, when FastAPI has to end the
    request: ``content`` is the form, or the exception that reading it raised."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def enter(self, scope: Any, receive: Any) -> Any:
        """Put it into the scope; returns the ``receive`` that FastAPI gets."""
        scope.pop(REQUEST_KEY, None)
        if isinstance(self.content, BaseException):
            scope[REPLAY_KEY] = True
            return ReceiveAgain(self.content, receive)
        scope[FORM_KEY] = self.content
        return receive


class Seam:
    """Stands in ``router``, the application's or a mounted one, inside all middleware: a request that came
    through the middleware runs its plan here, the outcome of a plan that ran without
    it surfaces here, and everything else goes on to FastAPI's own router.

    ``inner`` is what the router called before: its ``middleware_stack``. A Seam that
    is not bound hands everything on to it.
    """

    def __init__(self, inner: Any, router: Any) -> None:
        self.inner = inner
        self.router = router
        self.engine_app: Any = None
        self.places: list[_Place | None] = []
        self.bound = 0  # how often it was
        self.deeper: frozenset[int] = frozenset()
        self.unbuilt: Mapping[int, Sequence[Any]] = {}
        self.hosts: Sequence[Hosted] = ()
        self.mounted: list[Seam] = []  # of what the application mounts
        self.junctions: list[Junctions] = []  # of mounted applications

    @property
    def fastrapi_inner(self) -> Any:
        """What the router called before."""
        return self.inner

    def bind(
        self, engine_app: Any, helpers: Sequence[Helper | None], deeper: frozenset[int],
        unbuilt: Mapping[int, Sequence[Any]], hosts: Sequence[Hosted],
    ) -> None:
        """Run the plans that ``engine_app`` is bound to; ``helpers`` by route. What
        happened in routes with the numbers ``deeper`` surfaces in a mounted application.
        ``unbuilt`` has by route the mounted applications that make their layers on the way; ``hosts``
        are the Host routes."""
        self.deeper = deeper
        self.unbuilt = unbuilt
        self.hosts = hosts
        self.engine_app = engine_app
        self.bound += 1
        self.places = [
            _place(engine_app, index, helper) for index, helper in enumerate(helpers)
        ]

    def unbind(self) -> None:
        """Forget the plans: what was compiled is about to change."""
        self.engine_app = None
        self.places = []
        self.unbuilt = {}
        for inner in self.mounted:
            inner.unbind()
        for layers in self.junctions:
            layers.unbind()

    def _match(self, scope: Any) -> tuple[int, tuple[str, ...]] | None:
        """The number of the route that takes a request, and the texts of its path parameters."""
        if self.engine_app is None:
            return None
        method = HANDSHAKE if scope["type"] == "websocket" else scope["method"]
        found: tuple[int, tuple[str, ...]] | None = self.engine_app.match(method, scope["path"])
        return found

    def _build(self, scope: Any) -> None:
        """The request goes to mounted applications, which make their layers before the first:
        let them have junctions among them."""
        found = self._match(scope)
        with contextlib.suppress(Exception):  # it is raised again, in its place
            for app in self.unbuilt.get(found[0], ()) if found is not None else ():
                build(app, mounted=True)

    def _find(self, scope: Any) -> tuple[_Place, tuple[str, ...]] | None:
        """The compiled route of a request and the texts of its path parameters."""
        found = self._match(scope)
        place = self.places[found[0]] if found is not None else None
        if found is None or place is None or scope.get("root_path", "") != place.helper.entry.inside.prefix:
            return None
        if any(host.claims(found[0], scope) for host in self.hosts):
            return None
        return place, found[1]

    def _is_deeper(self, scope: Any) -> bool:
        """Is the request one to a mounted application's plan?"""
        if not self.deeper:
            return False
        found = self._match(scope)
        return found is not None and found[0] in self.deeper

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.inner(scope, receive, send)
            return
        if self.unbuilt:
            self._build(scope)
        if OUTCOME_KEY in scope and not self._is_deeper(scope):
            await self._surface(scope, receive, send)
            return
        if scope["type"] == "websocket":
            if not self._is_deeper(scope):
                scope.pop(REPLAY_KEY, None)
            await self.inner(scope, receive, send)
            return
        found = None
        if (
            not scope.pop(REPLAY_KEY, False)
            and OUTCOME_KEY not in scope
            and type(scope) is dict
            and "fastapi.telemetry" not in scope
            # A client inside the application may run it on a loop of its own.
            and isinstance(asyncio._get_running_loop(), EventLoop)
        ):
            found = self._find(scope)
        if found is None or found[0].asgi is None:
            if FORM_KEY in scope and not self._is_deeper(scope):
                del scope[FORM_KEY]
                changed = RuntimeError("the application has changed while it read the form")
                receive = ReceiveAgain(changed, receive)
            await self.inner(scope, receive, send)
            return
        place, values = found
        if "router" not in scope:
            scope["router"] = self.router
        place.helper.entry.enter(scope, values)
        # As FastAPI, which looks at the fields in a list of its own.
        scope["headers"] = list(scope["headers"])
        scope[VALUES_KEY] = values
        await place.asgi(scope, receive, send)

    async def _surface(self, scope: Any, receive: Any, send: Any) -> None:
        """Let the outcome of a plan that ran without the middleware happen where the
        endpoint's would have."""
        outcome = scope.pop(OUTCOME_KEY)
        try:
            await self._happen(outcome, scope, receive, send)
        finally:
            if isinstance(outcome, Unwinding):
                outcome.drop()

    async def _happen(self, outcome: Any, scope: Any, receive: Any, send: Any) -> None:
        found = self._find(scope)
        helper = found[0].helper if found is not None else None
        reader = helper if isinstance(helper, RouteHelper) and helper.reads_form else None
        if found is not None and isinstance(helper, RouteHelper) and dialect.STACKS[1] not in scope:
            # The plan had no use for a Request; exception handlers get one.
            helper.fill_route(scope, found[1])
        elif found is not None and helper is not None and (helper.entry.inside.levels or "endpoint" not in scope):
            helper.entry.enter(scope, found[1])  # the mounts have overwritten it, or nobody has
        connection: Any = WebSocket if scope["type"] == "websocket" else Request
        request = scope.pop(REQUEST_KEY, None) or connection(scope, receive, send)
        session = scope.pop(SESSION_KEY, None)
        if session is not None:
            # Starlette's class has read the cookie again; user code has changed this one.
            scope.pop("session", None)
            scope.update(zip(("session",), session, strict=False))
        items = scope.pop(FORM_KEY, None)
        if items is not None:
            if request._form is None:
                request._form = FormData(items)
            uploads.keep(scope, request._form)
        failed = isinstance(outcome, BaseException) or (
            isinstance(outcome, Unwinding) and outcome.failure is not None and not outcome.answered
        )

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if failed and reader is not None:
                # Exception handlers find the form read, as FastAPI leaves it.
                await reader.read_form(request)
            if isinstance(outcome, Begun):
                await send_start(send)
                raise outcome.failure
            if isinstance(outcome, BaseException):
                raise outcome
            await outcome(scope, receive, send)

        if isinstance(outcome, Handled):
            await outcome(scope, receive, send)
        elif isinstance(helper, StarletteHelper) and not helper.wrapped:
            await app(scope, receive, send)
        else:
            await wrap_app_handling_exceptions(app, request)(scope, receive, send)


class Resume:
    """resume(scope, receive, send, outcome): ends a request that a plan has run to its
    outcome, through the application's own middleware and handlers. The Seam takes the
    outcome out of the scope again. ``mounted``: the numbers of the routes of mounted
    applications."""

    def __init__(self, app: Any, engine_app: Any, mounted: frozenset[int]) -> None:
        self.app = app
        self.engine_app = engine_app
        self.mounted = mounted

    def __call__(
        self, scope: Any, receive: Any, send: Any, outcome: Any
    ) -> Coroutine[Any, Any, None]:
        """Let ``outcome`` surface inside the application's layers."""
        if isinstance(outcome, FormRead):
            receive = outcome.enter(scope, receive)
        else:
            scope[OUTCOME_KEY] = outcome  # first: what ends the request looks for it there
        if isinstance(outcome, Unwinding):
            send = outcome.sender(send)
        elif isinstance(outcome, Begun):
            send = send_nothing
        if self.mounted:
            self._leave_mounts(scope)
        run: Coroutine[Any, Any, None] = self.app(scope, receive, send)
        return run

    def _leave_mounts(self, scope: Any) -> None:
        """The request goes through the mounts once more."""
        found = self.engine_app.match(scope["method"], scope["path"])
        if found is not None and found[0] in self.mounted and "app_root_path" in scope:
            scope["root_path"] = scope.pop("app_root_path")
