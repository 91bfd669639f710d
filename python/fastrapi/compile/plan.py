"""One route's plan."""

from __future__ import annotations

from typing import Any

from .dependants import Flattener
from .records import FLAG, Objects, Plan
from .recognise import check_values, pristine_handler
from .response import response_fields
from .runtime import RouteHelper
from .walk import Entry


def _streams(dependant: Any) -> bool:
    import inspect

    call = dependant.call
    return inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call)


def compile_route(entry: Entry, objects: Objects) -> tuple[Plan, RouteHelper]:
    """The plan of an APIRoute. Raises NotCompiled with the reason."""
    from .records import NotCompiled

    handler, values = pristine_handler(entry.effective.app)
    check_values(values)
    dependant = values["dependant"]
    if _streams(dependant):
        raise NotCompiled("the endpoint is a generator")
    flat = Flattener(objects, entry.convertors, bool(values["embed_body_fields"]))
    flat.endpoint(dependant)
    if any(step.flags & FLAG.IMPURE for step in flat.pure):
        raise NotCompiled("a validator is written in Python")
    helper = RouteHelper(entry, handler, values)
    plan = Plan(
        steps=flat.pure + flat.calls,
        n_pure=len(flat.pure),
        n_slots=flat.slots.count,
        flags=flat.flags,
        status=values["status_code"] or 0,
        helper=objects.add(helper),
        **response_fields(values, objects),
    )
    return plan, helper
