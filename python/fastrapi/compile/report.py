"""What ``fastrd routes`` and ``fastrd explain`` print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastrapi import _engine

from .application import Compiled
from .draft import Location
from .frontends import Frontend
from .generators import Streaming
from .layers import Layer, layers_of
from .recognise import is_documentation
from .records import FLAG, HANDSHAKE, METHODS, MODE, NONE, OP, PLAN_FLAG, SOURCE, Plan, Route, Step
from .route_helper import RouteHelper
from .walk import Entry

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


def _encodes(plan: Plan) -> str:
    """What becomes of the endpoint's result."""
    if plan.response_shape != NONE:
        return "encode plain JSON of the declared type; any other result with pydantic"
    return _ENCODES[plan.response_mode]


_HOST = "asgi: Host route"
_FILES = "a file of a mounted directory"
IN_PART = (
    "compiled in part: parameters, validation and the answer are C's; what is named runs in Python "
    "around them"
)


@dataclass(slots=True)
class Verdict:
    """How the requests of one route run."""

    compiled: bool
    around: list[str]  # what Python runs around the plan: it is compiled in part
    reason: str  # why it is not compiled

    def __str__(self) -> str:
        if not self.compiled:
            return f"asgi: {self.reason}"
        return f"compiled in part: {'; '.join(self.around)}" if self.around else "compiled"


def _verdicts(compiled: Compiled) -> Iterator[Verdict]:
    """Of each entry in turn."""
    described = _engine.describe_table(compiled.table)
    plans = [Plan._make(plan) for plan in described["plans"]]
    for entry, row in zip(compiled.entries, described["routes"], strict=True):
        number = Route._make(row).plan
        if entry.files is not None:
            yield Verdict(True, _around_files(compiled, entry), "")
        elif number == NONE:
            yield Verdict(False, [], entry.reason)
        else:
            yield Verdict(True, _around(compiled, entry, plans[number]), "")


def _around_files(compiled: Compiled, entry: Entry) -> list[str]:
    """The middleware that Python runs around a mount of files."""
    behind = _behind(compiled, entry, PLAN_FLAG.LAYERED if entry.inside.layered else 0)
    return [f"behind {', '.join(behind)}"] if behind else []


def _around(compiled: Compiled, entry: Entry, plan: Plan) -> list[str]:
    """What Python runs around the plan of an entry: the application's middleware, that of
    mounted ones, and FastAPI's request_response for the reason that is named."""
    behind = _behind(compiled, entry, plan.flags)
    found = [f"behind {', '.join(behind)}"] if behind else []
    if not plan.flags & PLAN_FLAG.STACKS:
        return found
    what = "dependencies with yield" if plan.flags & PLAN_FLAG.EXITS else "a Request"
    return [*found, f"{what}, in this version of FastAPI"]


def _behind(compiled: Compiled, entry: Entry, flags: int) -> list[str]:
    """The middleware that Python runs around a plan of an entry with these flags. Inside
    request_response, and in a mounted application that has middleware, a plan has all of the
    application's stack around it."""
    python = flags & (PLAN_FLAG.STACKS | PLAN_FLAG.LAYERED)
    inner = [layer.name for app in entry.inside.layered for layer in layers_of(app)]
    return [*(compiled.middleware or (compiled.native if python else [])), *inner]


def summary(compiled: Compiled) -> str:
    """How many of the application's routes run how, in one line; FastAPI's own routes for
    its documentation do not count."""
    return _summary(compiled, _verdicts(compiled))


def _summary(compiled: Compiled, verdicts: Iterable[Verdict]) -> str:
    counted = [
        verdict
        for entry, verdict in zip(compiled.entries, verdicts, strict=True)
        if not is_documentation(entry.route)
    ]
    partly = [verdict for verdict in counted if verdict.around]
    n_compiled = sum(verdict.compiled for verdict in counted)
    native = f"native {', '.join(compiled.native)}" if compiled.native else ""
    direct = f" (behind {native})" if native and not compiled.middleware else ""
    parts = [f"{n_compiled - len(partly)} compiled{direct}"]
    if partly:
        why = list(dict.fromkeys(text for verdict in partly for text in verdict.around))
        if native and compiled.middleware:
            why.append(native)
        parts.append(f"{len(partly)} in part ({'; '.join(why)})")
    parts.append(f"{len(counted) - n_compiled} through ASGI")
    websockets = sum(entry.websocket for entry in compiled.entries)
    if websockets:
        parts.append(f"{websockets} of them WebSocket")
    own = len(compiled.entries) - len(counted)
    return ", ".join(parts) + (f"; {own} of FastAPI's documentation not counted" if own else "")


def routes_lines(compiled: Compiled) -> Iterator[str]:
    """One line a route, in matching order, then conflicts, the application's middleware
    where not all of it is native, a word explained where it stands, and a summary."""
    verdicts = list(_verdicts(compiled))
    rows = [
        (_methods(entry), entry.path, str(verdict))
        for entry, verdict in zip(compiled.entries, verdicts, strict=True)
    ]
    rows += [("*", f"//{host.host}", _HOST) for host in compiled.hosts]
    rows += [
        ("GET,HEAD", _below(frontend), "compiled" if frontend.layer else f"asgi: frontend {frontend.reason}")
        for frontend in compiled.frontends
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
    if compiled.middleware:
        yield from map(_layer_line, compiled.layers)
        yield from (f"middleware of {what} runs in Python" for what in compiled.unknown)
    if any(verdict.around for verdict in verdicts):
        yield IN_PART
    yield _summary(compiled, verdicts)


def _methods(entry: Entry) -> str:
    return "WS" if entry.websocket else ",".join(entry.methods) if entry.methods else "*"


def _layer_line(layer: Layer) -> str:
    """How one of the application's middleware runs, where not all of them are native."""
    if layer.dispatch:
        return f"middleware {layer.name}: its dispatch() runs in Python, without Starlette's task group"
    how = "runs natively" if layer.native else f"runs in Python: {layer.reason}"
    return f"middleware {layer.name} {how}"


def explain_lines(compiled: Compiled, method: str, path: str) -> Iterator[str]:
    """The route a request would take and its plan, step by step."""
    method = method.upper()
    if method in ("WS", "WEBSOCKET"):
        method = "WS"
    elif method not in METHODS:
        yield f"{method} {path}: not a method that is compiled; the application answers"
        return
    found = _engine.match_table(compiled.table, HANDSHAKE if method == "WS" else method, path)
    if found is None:
        answer = "the application closes it" if method == "WS" else _no_route(compiled)
        yield f"{method} {path}: no route matches; {answer}"
        if method == "GET" and _engine.match_table(compiled.table, HANDSHAKE, path):
            yield f"for a WebSocket there is one: explain WS {path}"
        return
    number, _ = found
    entry = compiled.entries[number]
    yield f"{method} {path} -> {entry.path}"
    for host in compiled.hosts:
        if number >= host.first:
            yield f"unless its host may be {host.host}: {_HOST}"
    if entry.files is not None:
        around = _around_files(compiled, entry)
        partly, how = (" in part", around[0]) if around else ("", "without Python")
        yield f"compiled{partly}: {_FILES}, {how}"
        return
    plan = _plan_of_route(compiled.table, number)
    if plan is None:
        yield f"asgi: {entry.reason}"
        if entry.leads is not None and not entry.leads.layered and not compiled.middleware:
            yield "no route of it takes the request: the table has its 404, 405 or redirect, unless it handles them itself"
        return
    partly = " in part" if _around(compiled, entry, plan) else ""
    yield f"compiled{partly}: runs {_where(plan.flags, compiled, entry)}"
    helper = compiled.helpers[number]
    locations = helper.locations if isinstance(helper, RouteHelper) else {}
    for at, step in enumerate(plan.steps):
        note = "  (user code from here)" if at == plan.n_pure else ""
        place = locations.get(at, Location((), {})).path
        text = _step_text(step, compiled.objects, place, entry.websocket)
        yield f"{at + 1:3}. {text}{note}"
    last = "end the connection, unless it was closed" if entry.websocket else _encodes(plan)
    yield f"{len(plan.steps) + 1:3}. {last}"


def _below(frontend: Frontend) -> str:
    """The paths of a frontend, as FastAPI writes them."""
    return frontend.path.rstrip("/") + "/{path}"


def _no_route(compiled: Compiled) -> str:
    """Who answers a request that no route takes."""
    if compiled.frontends:
        names = ", ".join(map(_below, compiled.frontends))
        how = "the application" if compiled.frontends[0].reason else "files of a directory, without Python"
        return f"frontend {names}: {how}"
    if compiled.middleware:
        return "the application answers"
    return "the table has FastAPI's own answer, unless the application handles it itself"


def _plan_of_route(table: bytes, number: int) -> Plan | None:
    """The plan of one route as the table has it; None: through ASGI."""
    described = _engine.describe_table(table)
    route = Route._make(described["routes"][number])
    if route.plan == NONE:
        return None
    plan = Plan._make(described["plans"][route.plan])
    return plan._replace(steps=[Step._make(step) for step in plan.steps])


def _where(flags: int, compiled: Compiled, entry: Entry) -> str:
    """Where a plan of an entry with these flags runs."""
    if behind := _behind(compiled, entry, flags):
        where = "in a task of its own, behind " + ", ".join(behind)
    elif flags & PLAN_FLAG.THREAD:
        where = "on a pool thread"
    elif flags & PLAN_FLAG.SUSPENDS:
        where = "in a task of its own"
    else:
        where = "on the loop, it cannot suspend"
    if compiled.native and (compiled.middleware or not behind):
        where += f", {'and' if behind else 'behind'} native " + ", ".join(compiled.native)
    inside = flags & PLAN_FLAG.STACKS
    return where + (", inside FastAPI's request_response" if inside else "")


def _step_text(step: Step, objects: tuple[Any, ...], location: tuple[str, ...], websocket: bool) -> str:
    """``location``: where errors place a value that is validated in Python. ``websocket``: of a plan for one."""
    if step.op in _READS:
        need = "required" if step.flags & FLAG.REQUIRED else "optional"
        many = " list" if step.flags & FLAG.LIST else ""
        label = f" {step.name.decode('utf-8', 'replace')}" if step.name else ""
        return f"{_READS[step.op]} {_SOURCES[step.source]}{label}{many}, {need}"
    if step.op == OP.ALIAS:
        name = objects[step.key] if step.source == SOURCE.BODY else step.name.decode("utf-8", "replace")
        return f"  or {_SOURCES[step.source]} {name}"
    if step.op == OP.BODY_PARSE:
        return "parse the content as JSON"
    if step.op == OP.VALIDATE and step.flags & FLAG.IMPURE:
        return f"validate {'.'.join(location)} with the application's own code"
    if step.op == OP.VALIDATE:
        return "validate the content"
    if step.op == OP.BODY_FIELD:
        return f"validate {objects[step.key]} of the content"
    if step.op == OP.ENTER:
        how = "enter in a thread" if step.flags & FLAG.SYNC else "enter"
        early = "early" if websocket else "before the answer is sent"
        late = "late" if websocket else "after the answer is sent"
        return f"{how} dependency {_name(objects[step.object])}, left {early if step.flags & FLAG.EARLY else late}"
    if step.op in (OP.CALL, OP.ENDPOINT):
        how = "in a thread" if step.flags & FLAG.SYNC else "await"
        what = "endpoint" if step.op == OP.ENDPOINT else "dependency"
        return f"{how} {what} {_name(objects[step.object])}"
    if step.op == OP.REREAD:
        return "read parameters again if the Request was changed"
    return "make the WebSocket" if websocket and step.op == OP.REQUEST else _MAKES[step.op]


def _name(call: Any) -> str:
    """What the application calls a function of its own."""
    call = getattr(call, "__wrapped__", call)
    if isinstance(call, Streaming):
        call = call.endpoint
    return str(getattr(call, "__qualname__", None) or type(call).__qualname__)
