"""One route's plan."""

from __future__ import annotations

import inspect
from typing import Any

from .content import Content, Form, Json
from .dependants import Flattener
from .draft import Draft
from .objects import Objects
from .recognise import is_documentation, pristine_handler, route_app
from .records import FLAG, MODE, OP, Encoding, NotCompiled, Plan, Step
from .response import response_encoding
from .route_helper import DocumentationHelper, Helper, RouteHelper
from .walk import Entry


def compile_route(app: Any, entry: Entry, objects: Objects) -> tuple[Plan, Helper]:
    """The plan of a route of ``app`` and its helper; the objects that the plan names
    are added to ``objects``. Raises NotCompiled with the reason."""
    if is_documentation(entry.route):
        return _documentation(entry, objects)
    handler, values = pristine_handler(route_app(entry))
    _refuse_streams(values)
    values.setdefault("response_class", entry.effective.response_class)
    draft = Draft(objects)
    content = _content(entry, values)
    Flattener(draft, content, entry.convertors).endpoint(values["dependant"])
    helper = RouteHelper(
        app,
        entry,
        handler,
        values,
        reads_form=isinstance(content, Form),
        locations=draft.step_locations(),
    )
    encoding = response_encoding(values, objects)
    return draft.plan(values["status_code"] or 0, encoding, objects.add(helper)), helper


def _documentation(entry: Entry, objects: Objects) -> tuple[Plan, Helper]:
    """The plan of a function of FastAPI's own that makes a Response of a Request.
    It looks at nothing in the Request but its scope."""
    helper = DocumentationHelper()
    draft = Draft(objects)
    request = draft.new_slot()
    endpoint = objects.add(entry.route.endpoint)
    draft.calls = [
        Step(OP.REQUEST, slot=request),
        Step(OP.ENDPOINT, flags=FLAG.AWAIT, object=endpoint, args=(request,)),
    ]
    return draft.plan(0, Encoding(MODE.HELPER), objects.add(helper)), helper


def _refuse_streams(values: dict[str, Any]) -> None:
    """Raise NotCompiled when the endpoint makes its answer piece by piece. ``values``
    are the free variables of the route's handler."""
    if values.get("is_sse_stream"):
        raise NotCompiled("streams server-sent events")
    if values.get("is_json_stream"):
        raise NotCompiled("streams JSON lines")
    endpoint = values["dependant"].call
    if inspect.isgeneratorfunction(endpoint) or inspect.isasyncgenfunction(endpoint):
        raise NotCompiled("the endpoint is a generator function")


def _content(entry: Entry, values: dict[str, Any]) -> Content:
    """What a route's content is read as."""
    if not values.get("is_body_form"):
        return Json(bool(values["embed_body_fields"]))
    if entry.form_limits or values.get("form_limits"):
        raise NotCompiled("form_limits is set")
    return Form()
