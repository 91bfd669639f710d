"""One route's plan."""

from __future__ import annotations

from typing import Any

from fastapi.routing import APIRoute, APIWebSocketRoute

from . import dialect, websocket_routes
from .content import Content, Form, Json
from .dependants import Flattener, Stream, kind_of, placement
from .draft import Draft
from .generators import Streaming
from .mounts import answers_itself
from .objects import Objects
from .overrides import Overrides
from .recognise import is_documentation, pristine_handler, route_app
from .records import FLAG, MODE, OP, PLAN_FLAG, Encoding, NotCompiled, Plan, Step
from .response import response_encoding
from .route_helper import LIMITS, Helper, RouteHelper
from .starlette_routes import StarletteHelper, function_of
from .walk import Entry
from .websocket_routes import NoContent, WebSocketHelper, pristine_endpoint


def compile_route(
    app: Any, entry: Entry, objects: Objects, followed: bool
) -> tuple[Plan, Helper]:
    """The plan of a route of ``app``, or of what it mounts, and its helper; the objects that
    the plan names are added to ``objects``. ``followed``: dependency_overrides are.
    Raises NotCompiled with the reason."""
    if isinstance(entry.route, APIWebSocketRoute):
        return _of_websocket(app, entry, objects, followed)
    if not isinstance(entry.route, APIRoute):
        return _of_starlette(app, entry, objects)
    handler, values = pristine_handler(route_app(entry))
    streaming = _streaming(handler, values, objects)
    values.setdefault("response_class", entry.effective.response_class)
    draft = Draft(objects)
    content = _content(entry, values)
    own = (app, *entry.inside.apps)[-1]
    flattener = Flattener(draft, content, entry.convertors, Overrides(own, values, followed))
    flattener.endpoint(values["dependant"], streaming)
    draft.flags |= _of_mounted(entry)
    helper = RouteHelper(
        own,
        app.router,
        entry,
        handler,
        values,
        reads_form=isinstance(content, Form),
        limits=content.limits if isinstance(content, Form) else {},
        locations=draft.step_locations(),
    )
    encoding = response_encoding(values, objects) if streaming is None else Encoding(MODE.HELPER)
    return draft.plan(values["status_code"] or 0, encoding, objects.add(helper)), helper


def _of_websocket(app: Any, entry: Entry, objects: Objects, followed: bool) -> tuple[Plan, Helper]:
    """The plan of a WebSocket route. What is wrong before user code has run is FastAPI's to tell, and
    so are exceptions."""
    endpoint, values = pristine_endpoint(entry, objects)
    draft = Draft(objects)
    own = (app, *entry.inside.apps)[-1]
    flattener = Flattener(
        draft, NoContent(), entry.convertors, Overrides(own, values, followed), "websocket_param_name"
    )
    flattener.endpoint(values["dependant"], None)
    draft.flags &= ~PLAN_FLAG.ERRORS
    draft.flags |= _of_mounted(entry) | PLAN_FLAG.WEBSOCKET | PLAN_FLAG.FOREIGN
    helper = WebSocketHelper(
        own, app.router, entry, endpoint, values,
        reads_form=False, limits={}, locations=draft.step_locations(),
    )  # fmt: skip
    return draft.plan(0, Encoding(MODE.HELPER), objects.add(helper)), helper


def _of_starlette(app: Any, entry: Entry, objects: Objects) -> tuple[Plan, Helper]:
    """The plan of a route of Starlette's own."""
    function = websocket_routes.function_of(entry) if entry.websocket else function_of(entry)
    own = (app, *entry.inside.apps)[-1]
    helper = StarletteHelper(own, app.router, entry, function.wrapped)
    draft = Draft(objects)
    request = draft.new_slot()
    # FastAPI's documentation looks at nothing but the root_path, which the server gives.
    if entry.inside.levels or not is_documentation(entry.route):
        draft.flags |= PLAN_FLAG.SCOPE
    draft.flags |= _of_mounted(entry)
    if entry.websocket:
        draft.flags |= PLAN_FLAG.WEBSOCKET
    if entry.websocket or not function.wrapped:
        draft.flags |= PLAN_FLAG.FOREIGN
    draft.calls = [
        Step(OP.REQUEST, slot=request),
        Step(OP.ENDPOINT, flags=function.flags, object=objects.add(function.call), args=(request,)),
    ]
    draft.flags |= placement(draft)
    return draft.plan(0, Encoding(MODE.HELPER), objects.add(helper)), helper


def _of_mounted(entry: Entry) -> int:
    """What a plan of a mounted application has other than the outermost's."""
    apps = entry.inside.apps
    flags = PLAN_FLAG.FOREIGN if apps and answers_itself(apps[-1]) else 0
    return int(flags | (PLAN_FLAG.LAYERED if entry.inside.layered else 0))


def _streaming(handler: Any, values: dict[str, Any], objects: Objects) -> Stream | None:
    """What is called in the place of an endpoint that makes its answer piece by piece; None:
    it does not. ``values`` are the free variables of the route's handler."""
    dependant = values["dependant"]
    events = bool(values.get("is_sse_stream"))
    if not (
        events
        or values.get("is_json_stream")
        or kind_of(dependant, objects) in ("async_gen_callable", "gen_callable")
    ):
        return None
    if "is_json_stream" not in values or not dialect.STACKS_IN_SCOPE:
        raise NotCompiled("the endpoint is a generator function")
    # The sender of events is entered on the request's exit stack.
    return Stream(Streaming(handler, dependant.call, events), suspends=events)


def _content(entry: Entry, values: dict[str, Any]) -> Content:
    """What a route's content is read as."""
    if not values.get("is_body_form"):
        lax = values.get("actual_strict_content_type") is False
        return Json(bool(values["embed_body_fields"]), lax)
    return Form(_limits(entry, values))


def _limits(entry: Entry, values: dict[str, Any]) -> dict[str, int]:
    """The limits of a route's forms, where they are not Starlette's own."""
    limits = entry.form_limits | (values.get("form_limits") or {})
    unknown = limits.keys() - LIMITS
    if unknown:
        raise NotCompiled(f"form_limits has {min(unknown)!r}, which this fastrapi does not know")
    return limits
