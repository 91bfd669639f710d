"""What FastAPI itself answers in the place of an endpoint.

Every answer here is made by functions of the installed FastAPI and Starlette. Those that
depend on no request are made once, when the application is bound.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any

import starlette.middleware.exceptions
import starlette.routing
from starlette.datastructures import URL
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response

import fastapi.exception_handlers
import fastapi.routing as routing
from fastapi.exception_handlers import (
    http_exception_handler,
    request_validation_exception_handler,
)
from fastapi.exceptions import RequestValidationError

from . import dialect
from .recognise import is_own
from .walk import Entry


def step_through(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a FastAPI function waits where it never did before")


def exception_layer(app: Any) -> ExceptionMiddleware | None:
    """The layer of ``app`` that knows its exception handlers, once its layers are made."""
    layer = app.middleware_stack
    while layer is not None and not isinstance(layer, ExceptionMiddleware):
        layer = getattr(layer, "app", None)
    return layer


def handlers_of(app: Any, mounted: bool) -> tuple[Any, Any]:
    """What Starlette's ExceptionMiddleware of ``app`` puts into the scope. Nobody may have
    asked a ``mounted`` application before."""
    if mounted and app.middleware_stack is None:
        app.middleware_stack = app.build_middleware_stack()
    layer = exception_layer(app)
    return (layer._exception_handlers, layer._status_handlers) if layer else ({}, {})


class Answers:
    """The attributes that ``_engine.Binding`` takes; see bindings/answers.h."""

    http_exception = HTTPException
    http_handler = staticmethod(http_exception_handler)
    validation_error = RequestValidationError
    validation_handler = staticmethod(request_validation_exception_handler)
    forgets_traceback = dialect.FORGETS_TRACEBACK

    def __init__(
        self, app: Any, layer: ExceptionMiddleware, entries: Iterable[Entry], frontends: bool
    ) -> None:
        self.exception_handlers = layer._exception_handlers
        self.status_handlers = layer._status_handlers
        made: dict[str, Response] = {}
        self.not_allowed = tuple(_not_allowed(entry, made) for entry in entries)
        self.made: dict[tuple[Any, int, str], Response] = {}
        ends = _ends_as_starlettes(app.router, frontends)
        self.not_found = handled(HTTPException(status_code=404)) if ends else None
        self.redirect = _redirect if app.router.redirect_slashes else None
        self.handled = _handled
        self.entries = list(entries)
        self.inside = tuple(
            _inside(self.entries, number, app.router) for number in range(len(self.entries))
        )
        names = vars(fastapi.exception_handlers)
        self.json_text = names["JSONResponse"] is JSONResponse and is_own(
            names["jsonable_encoder"]
        )

    def within(self, mount: int, route: int | None) -> Response | None:
        """What an application that is mounted by the entry ``mount`` answers: a 405 for the entry
        ``route``, else its 404. None: it does so in a way of its own."""
        leads = self.entries[mount].leads
        assert leads is not None
        allow = ", ".join(self.entries[route].effective.methods) if route is not None else ""
        exc = HTTPException(405, headers={"Allow": allow}) if route is not None else HTTPException(404)
        layer: Any = None
        for app in leads.apps:
            handlers_of(app, True)
            layer = exception_layer(app)
        handlers = (layer._exception_handlers, layer._status_handlers) if layer else \
            (self.exception_handlers, self.status_handlers)
        handler: Any = handlers[1].get(exc.status_code, handlers[0].get(HTTPException))
        own = getattr(handler, "__func__", handler)
        if own not in (http_exception_handler, ExceptionMiddleware.http_exception) or not is_own(own):
            return None
        key = (own, exc.status_code, allow)
        if key not in self.made:
            self.made[key] = step_through(handler(None, exc))
        return self.made[key]


def _inside(entries: list[Entry], number: int, router: Any) -> tuple[int, bool, bool] | None:
    """Of a mount whose routes are all entries: the first of them, whether its router looks for
    a path with a slash more or less, and whether layers of the user's stand before it. None: what it
    mounts has other answers of its own."""
    mount = entries[number]
    leads = mount.leads
    if leads is None or not _ends_as_starlettes(leads.router, False):
        return None
    redirects = bool(leads.router.redirect_slashes)
    first = number
    while first > 0 and leads.mounts[-1] in entries[first - 1].inside.mounts:
        first -= 1
    mounts = starlette.routing.Mount
    inside = [one for one in entries[first:number] if not one.websocket]
    known = all(isinstance(one.effective, mounts) or _refuses_as_known(one) for one in inside)
    # Redirects are those of the application's own router.
    known = known and (router.redirect_slashes or not redirects)
    return (first, redirects, bool(leads.layered)) if known else None


def answers_of(
    app: Any, layer: Any, entries: Iterable[Entry], frontends: bool
) -> Answers | None:
    """The answers of an application whose layers are made, with ``layer`` inside the
    user's; None: none of them is FastAPI's own for certain. ``frontends``: those that it has
    are served by C."""
    functions = (
        http_exception_handler,
        request_validation_exception_handler,
        vars(starlette.middleware.exceptions)["wrap_app_handling_exceptions"],
        starlette.routing.Router.not_found,
    )
    if type(layer) is not ExceptionMiddleware or not all(map(is_own, functions)):
        return None
    try:
        return Answers(app, layer, entries, frontends)
    except Exception:  # FastAPI's functions are not as they were: they answer themselves
        return None


def _handled(handler: Any, exc: Exception) -> Response:
    """The Response that one of FastAPI's two handlers makes. They do not look at the
    Request."""
    response: Response = step_through(handler(None, exc))
    return response


def handled(exc: HTTPException) -> Response:
    """What FastAPI's own handler makes of an exception of Starlette's."""
    return _handled(http_exception_handler, exc)


def answer_of(app: Any, status: int, headers: dict[str, str] | None = None) -> Response | None:
    """What ``app``, which is mounted and watched by the guards, makes of an HTTPException of
    Starlette's; None: a handler of its own does. Its class has none for a status."""
    exc = HTTPException(status_code=status, headers=headers)
    if status in app.exception_handlers or not is_own(ExceptionMiddleware.http_exception):
        return None
    handler = app.exception_handlers.get(HTTPException)
    if handler is http_exception_handler:
        return handled(exc)
    if handler is not None:
        return None
    response: Response = step_through(ExceptionMiddleware(None).http_exception(None, exc))  # type: ignore[arg-type]
    return response


def _refuses_as_known(entry: Entry) -> bool:
    """Does FastAPI's or Starlette's own function refuse a method that the route does not take, and
    nothing before it?"""
    handle = type(entry.route).handle
    own = (routing.APIRoute.handle, starlette.routing.Route.handle)
    limited = handle is own[1] and entry.is_limited
    return handle in own and all(map(is_own, own)) and not limited


def _not_allowed(entry: Entry, made: dict[str, Response]) -> Response | None:
    """The answer to a method that a route does not take; None: its own class makes it, or
    a limit of the content comes before it. ``made`` has those made before, by what they
    allow."""
    if entry.barrier or not entry.methods or not _refuses_as_known(entry):
        return None
    # In the order of the very set that Starlette joins.
    allow = ", ".join(entry.effective.methods)
    if allow not in made:
        exc = HTTPException(status_code=405, headers={"Allow": allow})
        made[allow] = handled(exc)
    return made[allow]


def _ends_as_starlettes(router: Any, frontends: bool) -> bool:
    """Does ``router`` raise Starlette's 404 for a path of no route, and of no frontend that C
    serves?"""
    default = router.default
    if getattr(default, "__func__", None) is not starlette.routing.Router.not_found:
        return False
    low = getattr(router, "_iter_low_priority_routes", None)
    return frontends or low is None or next(iter(low()), None) is None


def _redirect(scope: dict[str, Any]) -> Response:
    """The answer to the path of ``scope``, which a route has with a slash more or less."""
    path: str = scope["path"]
    scope["path"] = path.rstrip("/") if path.endswith("/") else path + "/"
    return RedirectResponse(url=str(URL(scope=scope)))
