"""What ``fastrd routes`` and ``fastrd explain`` print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastrapi import _engine

from .application import Compiled
from .records import FLAG, OP, PLAN_FLAG, SOURCE

_SOURCES = {
    SOURCE.PATH: "path",
    SOURCE.QUERY: "query",
    SOURCE.HEADER: "header",
    SOURCE.COOKIE: "cookie",
    SOURCE.FORM: "form",
    SOURCE.BODY: "body",
}


def routes_lines(compiled: Compiled) -> Iterator[str]:
    """One line a route, in matching order, then conflicts and a summary."""
    rows = []
    for entry, helper in zip(compiled.entries, compiled.helpers, strict=True):
        methods = ",".join(entry.methods) if entry.methods else "*"
        verdict = "compiled" if helper is not None else f"asgi: {entry.reason}"
        rows.append((methods, entry.path, verdict))
    rows += [("WS", path, "not served: WebSocket is not available yet")
             for path in compiled.websockets]  # fmt: skip
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


def _name(call: Any) -> str:
    dependant = getattr(call, "dependant", None)
    if dependant is not None:
        call = dependant.call
    return str(getattr(call, "__qualname__", None) or type(call).__qualname__)


def _step_text(
    step: tuple[Any, ...], objects: tuple[Any, ...], loc: tuple[str, ...] = ()
) -> str:
    op, source, flags, slot, name, target, *_ = step
    where = _SOURCES[source]
    if op in (OP.PARAM, OP.PARAM_MODEL, OP.PARAM_FIELD):
        need = "required" if flags & FLAG.REQUIRED else "optional"
        many = " list" if flags & FLAG.LIST else ""
        label = f" {name.decode('utf-8', 'replace')}" if name else ""
        kind = {OP.PARAM: "read", OP.PARAM_MODEL: "read model", OP.PARAM_FIELD: "  field"}[op]
        return f"{kind} {where}{label}{many}, {need}"
    if op == OP.BODY_PARSE:
        return "parse the content as JSON"
    if op == OP.VALIDATE and flags & FLAG.IMPURE:
        return f"validate {'.'.join(loc)} with the application's own code"
    if op in (OP.VALIDATE, OP.BODY_FIELD):
        member = f"{objects[step[8]]} of " if op == OP.BODY_FIELD else ""
        return f"validate {member}the content"
    if op in (OP.CALL, OP.ENDPOINT):
        how = "in a thread" if flags & FLAG.SYNC else "await"
        if flags & FLAG.YIELD:
            how = "enter"
        what = "endpoint" if op == OP.ENDPOINT else "dependency"
        return f"{how} {what} {_name(objects[target])}"
    if op == OP.REREAD:
        return "read parameters again if the Request was changed"
    return {OP.REQUEST: "make the Request", OP.RESPONSE: "make the Response",
            OP.BACKGROUND: "make BackgroundTasks"}.get(op, "make a fresh object")  # fmt: skip


def explain_lines(compiled: Compiled, method: str, path: str) -> Iterator[str]:
    """The route a request would take and its plan, step by step."""
    found = _engine.match_table(compiled.table, method.upper(), path)
    if found is None:
        yield f"{method.upper()} {path}: no route matches; the application answers"
        return
    entry = compiled.entries[found[0]]
    yield f"{method.upper()} {path} -> {entry.path}"
    if compiled.helpers[found[0]] is None:
        yield f"asgi: {entry.reason}"
        return
    index = sum(helper is not None for helper in compiled.helpers[: found[0]])
    plan = _engine.describe_table(compiled.table)["plans"][index]
    steps, n_pure, flags = plan[0], plan[1], plan[3]
    if compiled.middleware:
        where = "in a task of its own, behind " + ", ".join(compiled.middleware)
    elif flags & PLAN_FLAG.THREAD:
        where = "on a pool thread"
    elif flags & PLAN_FLAG.SUSPENDS:
        where = "in a task of its own"
    else:
        where = "on the loop, it cannot suspend"
    if flags & PLAN_FLAG.STACKS:
        where += ", inside FastAPI's request_response"
    yield f"compiled: runs {where}"
    locations = getattr(compiled.helpers[found[0]], "locations", {})
    for number, step in enumerate(steps):
        note = "" if number < n_pure else "  (user code from here)" if number == n_pure else ""
        text = _step_text(step, compiled.objects, locations.get(number, ()))
        yield f"{number + 1:3}. {text}{note}"
    yield f"{len(steps) + 1:3}. {('validate and serialise with pydantic', 'encode plain JSON', 'let FastAPI build the response')[plan[5]]}"
