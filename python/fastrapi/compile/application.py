"""The compiler proper: one application's routes, plans and objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fastapi
import starlette

from fastrapi import _engine

from . import guards
from .plan import compile_route
from .recognise import application_reason, only_own_layers
from .records import NONE, NotCompiled, Objects
from .runtime import DocumentationHelper, Resume, RouteHelper, Seam
from .walk import Entry, walk, websockets

@dataclass(slots=True)
class Compiled:
    """A compiled application: the table's bytes and what its indexes mean."""

    entries: list[Entry]
    helpers: list[RouteHelper | DocumentationHelper | None]
    objects: tuple[Any, ...]
    table: bytes
    websockets: list[str]  # paths; not in the table
    middleware: list[str]  # the user's, outermost first

    @property
    def n_compiled(self) -> int:
        return sum(helper is not None for helper in self.helpers)


def surprise(exc: Exception) -> str:
    """The reason when FastAPI's objects are not as the compiler knows them."""
    return f"FastAPI {fastapi.__version__} is not as this fastrapi knows it ({exc!r})"


def compile_app(app: Any, limit: int) -> Compiled:
    """See the package's ``compile_app``."""
    reason = application_reason(app)
    if not reason and not guards.pristine():
        reason = "FastAPI or json was patched before serving"
    if reason:
        raise NotCompiled(reason)
    objects = Objects()
    try:
        entries = list(walk(app.router))
    except Exception as exc:
        raise NotCompiled(surprise(exc)) from exc
    helpers: list[RouteHelper | DocumentationHelper | None] = []
    plans = []
    blocked = ""
    for entry in entries:
        helper = None
        if entry.barrier and not blocked:
            blocked = f"declared after {entry.path!r}: {entry.reason}"
        elif blocked and not entry.reason:
            entry.reason = blocked
        if not entry.reason:
            try:
                plan, helper = compile_route(entry, objects)
            except NotCompiled as refused:
                entry.reason = str(refused)
            except Exception as exc:
                entry.reason = surprise(exc)
            else:
                plans.append(plan.record())
        helpers.append(helper)
    table = _engine.build_table(
        _route_records(entries, helpers), plans, _meta(), len(objects.all), limit
    )
    layers = [str(getattr(layer.cls, "__name__", layer.cls)) for layer in app.user_middleware]
    return Compiled(
        entries, helpers, tuple(objects.all), table, websockets(app.router), layers
    )


def _route_records(
    entries: list[Entry], helpers: list[RouteHelper | DocumentationHelper | None]
) -> list[tuple[Any, ...]]:
    records = []
    n_plans = 0
    for entry, helper in zip(entries, helpers, strict=True):
        plan = NONE
        if helper is not None:
            plan, n_plans = n_plans, n_plans + 1
        records.append(
            (
                entry.path,
                entry.parts,
                entry.methods,
                plan,
                entry.reason,
                entry.name,
                entry.barrier,
            )
        )
    return records


def _meta() -> dict[str, str]:
    return {"fastapi": fastapi.__version__, "starlette": starlette.__version__}


def bind(engine_app: Any, app: Any, sealed: int, limit: int) -> str:
    """See the package's ``bind``."""
    app_like = isinstance(app, fastapi.FastAPI)
    seam = app.router.middleware_stack if app_like else None
    if isinstance(seam, Seam):
        # What the Seam holds belongs to the old binding.
        seam.routes = []
    try:
        if app_like and app.middleware_stack is None:
            app.middleware_stack = app.build_middleware_stack()
        compiled = compile_app(app, limit)
    except (NotCompiled, ValueError) as refused:
        engine_app.bind(None)
        return str(refused)
    if not isinstance(seam, Seam):
        seam = Seam(engine_app, seam, app)
        app.router.middleware_stack = seam
    table: Any = compiled.table
    same = sealed >= 0 and _engine.same_table(sealed, table)
    binding = _engine.Binding(
        sealed if same else table,
        compiled.objects,
        guards.Guards(app, seam),
        Resume(app),
        only_own_layers(app),
    )
    engine_app.bind(binding)
    seam.engine_app = engine_app
    seam.install(compiled.helpers)
    if sealed >= 0 and not same:
        return "this process compiled a different table (routes added at start-up?)"
    return ""
