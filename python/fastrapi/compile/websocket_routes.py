"""Routes of WebSockets, FastAPI's and Starlette's: what they run before the first message, and the
endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import fastapi.routing as routing
import starlette.routing
from fastapi.exceptions import WebSocketRequestValidationError

from . import dialect
from .dependants import kind_of
from .objects import Objects
from .recognise import free_variables, inherits, nested_code
from .records import FLAG, NotCompiled
from .route_helper import RouteHelper
from .suspend import may_suspend
from .starlette_routes import Function
from .walk import Entry

_validation_error = dialect.Lenient(WebSocketRequestValidationError)
# What the endpoints of FastAPI 0.118 to 0.165 close over.
_LIMITED = "a WebSocket included with a limit of the content"
_KNOWN_VALUES = frozenset(("dependant", "dependency_overrides_provider", "embed_body_fields"))


class WebSocketHelper(RouteHelper):
    """See RouteHelper."""

    def raise_request_errors(
        self, failed: list[tuple[int | None, Any]], content: Any, method: str
    ) -> NoReturn:
        """Raise the WebSocketRequestValidationError for what request_errors() is given."""
        raise _validation_error(self.request_errors(failed), endpoint_ctx=self._endpoint_context(method))


class NoContent:
    """In the place of Content: a handshake has none."""

    def read(self, *_: Any) -> None:
        """FastAPI would find it missing."""
        raise NotCompiled("a WebSocket has no content to read")


def pristine_endpoint(entry: Entry, objects: Objects) -> tuple[Any, dict[str, Any]]:
    """What FastAPI awaits with the WebSocket of a route, and its free variables. Raises NotCompiled
    when anything stands between, or when it cannot be awaited."""
    if not dialect.STACKS_IN_SCOPE:
        raise NotCompiled("a WebSocket, in this version of FastAPI")
    if entry.is_limited:
        raise NotCompiled(_LIMITED)
    session = entry.effective.app
    code = getattr(session, "__code__", None)
    if code is None or not nested_code(routing.websocket_session, code):
        raise NotCompiled("its endpoint is wrapped")
    endpoint = free_variables(session).get("func")
    code = getattr(endpoint, "__code__", None)
    if code is None or not nested_code(routing.get_websocket_app, code):
        raise NotCompiled("its endpoint is not called by FastAPI's own function")
    unknown = set(code.co_freevars) - _KNOWN_VALUES
    if unknown:
        raise NotCompiled(f"its endpoint is called with {min(unknown)!r}, which this fastrapi does not know")
    values = free_variables(endpoint)
    if kind_of(values["dependant"], objects) != "coroutine_callable":
        raise NotCompiled("its endpoint is no coroutine function")
    return endpoint, values


def function_of(entry: Entry) -> Function:
    """What a route of Starlette's own calls with the WebSocket. Raises NotCompiled when something
    else stands between."""
    route = entry.effective
    known = type(route) is starlette.routing.WebSocketRoute and inherits(route, type(route), "handle")
    if not known or not dialect.STACKS_IN_SCOPE:
        raise NotCompiled("plain Starlette route of a class of its own")
    if entry.is_limited:
        raise NotCompiled(_LIMITED)
    if route.app is route.endpoint:
        return Function(application_function(route.endpoint), FLAG.AWAIT | FLAG.SUSPENDS, False)
    code = getattr(route.app, "__code__", None)
    if code is None or not nested_code(starlette.routing.websocket_session, code):
        raise NotCompiled("plain Starlette route whose function is wrapped")
    function = free_variables(route.app).get("func")
    suspends = FLAG.SUSPENDS if may_suspend(function) else 0
    return Function(function, FLAG.AWAIT | suspends, True)


def application_function(application: Any) -> Callable[[Any], Any]:
    """``application`` is a class, or another ASGI application: it makes a WebSocket of its own."""

    def call(websocket: Any) -> Any:
        return application(websocket.scope, websocket._receive, websocket._send)

    call.__wrapped__ = application  # type: ignore[attr-defined]
    return call
