"""What ``fastrd routes`` and ``fastrd explain`` print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastrapi import _engine

from .application import Compiled
from .records import FLAG, MODE, NONE, OP, PLAN_FLAG, SOURCE, Plan, Route, Step
from .route_helper import RouteHelper
from .yields import YieldOpener

_SOURCES = {value: name.lower() for name, value in vars(SOURCE).items()}
_READS = {OP.PARAM: "read", OP.PARAM_MODEL: "read model", OP.PARAM_FIELD: "  field"}
_MAKES = {
    OP.REQUEST: "make the Request",
    OP.RESPONSE: "make the Response",
    OP.BACKGROUND: "make BackgroundTasks",
    OP.FRESH: "make a fresh object",
}
_ENCODES = {
    MODE.MODEL_JSON: "validate and serialise with pydantic",
    MODE.PLAIN_JSON: "encode plain JSON",
    MODE.HELPER: "let FastAPI build the response",
}


def routes_lines(compiled: Compiled) -> Iterator[str]:
    """One line a route, in matching order, then conflicts and a summary."""
    rows = []
    for entry, helper in zip(compiled.entries, compiled.helpers, strict=True):
        methods = ",".join(entry.methods) if entry.methods else "*"
        verdict = "compiled" if helper is not None else f"asgi: {entry.reason}"
        rows.append((methods, entry.path, verdict))
    rows += [
        ("WS", path, "not served: WebSocket is not available yet")
        for path in compiled.websockets
    ]
    left = max((len(row[0]) for row in rows), default=0)
    middle = max((len(row[1]) for row in rows), default=0)
    for methods, path, verdict in rows:
        yield f"{methods:<{left}}  {path:<{middle}}  {verdict}"
    for route, by, _, whole, same in _engine.route_conflicts(compiled.table):
        hidden, hiding = compiled.entries[route].path, compiled.entries[by].path
        how = "the same path again" if same else "a path that covers it"
        reach = "is never reached" if whole else "is partly unreachable"
        yield f"warning: {hidden} {reach}: {hiding} comes first, {how}"
    rest = len(compiled.entries) - compiled.n_compiled
    yield f"{compiled.n_compiled} compiled, {rest} through ASGI"


def explain_lines(compiled: Compiled, method: str, path: str) -> Iterator[str]:
    """The route a request would take and its plan, step by step."""
    found = _engine.match_table(compiled.table, method.upper(), path)
    if found is None:
        yield f"{method.upper()} {path}: no route matches; the application answers"
        return
    number, _ = found
    entry = compiled.entries[number]
    yield f"{method.upper()} {path} -> {entry.path}"
    plan = _plan_of_route(compiled.table, number)
    if plan is None:
        yield f"asgi: {entry.reason}"
        return
    yield f"compiled: runs {_where(plan.flags, compiled.middleware)}"
    helper = compiled.helpers[number]
    locations = helper.locations if isinstance(helper, RouteHelper) else {}
    for at, step in enumerate(plan.steps):
        note = "  (user code from here)" if at == plan.n_pure else ""
        text = _step_text(step, compiled.objects, locations.get(at, ()))
        yield f"{at + 1:3}. {text}{note}"
    yield f"{len(plan.steps) + 1:3}. {_ENCODES[plan.response_mode]}"


def _plan_of_route(table: bytes, number: int) -> Plan | None:
    """The plan of one route as the table has it; None: through ASGI."""
    described = _engine.describe_table(table)
    route = Route._make(described["routes"][number])
    if route.plan == NONE:
        return None
    plan = Plan._make(described["plans"][route.plan])
    return plan._replace(steps=[Step._make(step) for step in plan.steps])


def _where(flags: int, middleware: list[str]) -> str:
    """Where a plan with these flags runs."""
    if middleware:
        where = "in a task of its own, behind " + ", ".join(middleware)
    elif flags & PLAN_FLAG.THREAD:
        where = "on a pool thread"
    elif flags & PLAN_FLAG.SUSPENDS:
        where = "in a task of its own"
    else:
        where = "on the loop, it cannot suspend"
    return where + (", inside FastAPI's request_response" if flags & PLAN_FLAG.STACKS else "")


def _step_text(step: Step, objects: tuple[Any, ...], location: tuple[str, ...]) -> str:
    """``location``: where errors place a value that is validated in Python."""
    if step.op in _READS:
        need = "required" if step.flags & FLAG.REQUIRED else "optional"
        many = " list" if step.flags & FLAG.LIST else ""
        label = f" {step.name.decode('utf-8', 'replace')}" if step.name else ""
        return f"{_READS[step.op]} {_SOURCES[step.source]}{label}{many}, {need}"
    if step.op == OP.BODY_PARSE:
        return "parse the content as JSON"
    if step.op == OP.VALIDATE and step.flags & FLAG.IMPURE:
        return f"validate {'.'.join(location)} with the application's own code"
    if step.op == OP.VALIDATE:
        return "validate the content"
    if step.op == OP.BODY_FIELD:
        return f"validate {objects[step.key]} of the content"
    if step.op in (OP.CALL, OP.ENDPOINT):
        how = "in a thread" if step.flags & FLAG.SYNC else "await"
        if step.flags & FLAG.YIELD:
            how = "enter"
        what = "endpoint" if step.op == OP.ENDPOINT else "dependency"
        return f"{how} {what} {_name(objects[step.object])}"
    if step.op == OP.REREAD:
        return "read parameters again if the Request was changed"
    return _MAKES[step.op]


def _name(call: Any) -> str:
    """What the application calls a function of its own."""
    if isinstance(call, YieldOpener):
        call = call.dependant.call
    return str(getattr(call, "__qualname__", None) or type(call).__qualname__)
