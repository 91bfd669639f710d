"""One route's plan."""

from __future__ import annotations

from typing import Any

from .dependants import Flattener
from .recognise import check_values, is_documentation, pristine_handler, route_app
from .records import FLAG, MODE, OP, NotCompiled, Objects, Plan, Step
from .response import response_fields
from .runtime import DocumentationHelper, RouteHelper
from .walk import Entry


def _streams(dependant: Any) -> bool:
    import inspect

    call = dependant.call
    return inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call)


def _documentation(entry: Entry, objects: Objects) -> tuple[Plan, DocumentationHelper]:
    """The plan of a function of FastAPI's own that makes a Response of a Request.
    It looks at nothing in the Request but its scope."""
    helper = DocumentationHelper(entry)
    endpoint = objects.add(entry.route.endpoint)
    plan = Plan(
        steps=[
            Step(OP.REQUEST, slot=0),
            Step(OP.ENDPOINT, flags=FLAG.AWAIT, object=endpoint, args=(0,)),
        ],
        n_pure=0,
        n_slots=1,
        flags=0,
        status=0,
        response_mode=MODE.HELPER,
        helper=objects.add(helper),
    )
    return plan, helper


def compile_route(
    entry: Entry, objects: Objects
) -> tuple[Plan, RouteHelper | DocumentationHelper]:
    """The plan of a route. Raises NotCompiled with the reason."""
    if is_documentation(entry.route):
        return _documentation(entry, objects)
    handler, values = pristine_handler(route_app(entry))
    check_values(values)
    values.setdefault("response_class", entry.effective.response_class)
    dependant = values["dependant"]
    if _streams(dependant):
        raise NotCompiled("the endpoint is a generator")
    form = bool(values.get("is_body_form"))
    if form and (entry.form_limits or values.get("form_limits")):
        raise NotCompiled("form_limits is set")
    flat = Flattener(objects, entry.convertors, bool(values["embed_body_fields"]), form)
    flat.endpoint(dependant)
    steps = flat.pure + flat.calls
    helper = RouteHelper(entry, handler, values)
    helper.reads_form = form
    helper.locations = {at: step.loc for at, step in enumerate(steps) if step.loc}
    plan = Plan(
        steps=steps,
        n_pure=len(flat.pure),
        n_slots=flat.slots.count,
        flags=flat.flags,
        status=values["status_code"] or 0,
        helper=objects.add(helper),
        **response_fields(values, objects),
    )
    return plan, helper
