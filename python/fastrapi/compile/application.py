"""From a FastAPI application to a route table.

All knowledge of FastAPI's private names lives in this package. It runs in the
loader, which writes the table, and again in every worker, which binds the
application's own objects to it.
"""

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
from .walk import Entry, walk

DEFAULT_LIMIT = 64 * 1024 * 1024


@dataclass(slots=True)
class Compiled:
    """A compiled application: the table's bytes and what its indexes mean."""

    entries: list[Entry]
    helpers: list[RouteHelper | DocumentationHelper | None]
    objects: tuple[Any, ...]
    table: bytes

    @property
    def n_compiled(self) -> int:
        return sum(helper is not None for helper in self.helpers)


def compile_app(app: Any, limit: int = DEFAULT_LIMIT) -> Compiled:
    """Compile every route of ``app`` that can be.

    Raises NotCompiled when the application as a whole must be served through
    ASGI, ValueError when the table would be larger than ``limit`` bytes.
    """
    reason = application_reason(app)
    if not reason and not guards.pristine():
        reason = "FastAPI or json was patched before serving"
    if reason:
        raise NotCompiled(reason)
    objects = Objects()
    entries = list(walk(app.router))
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
                # Another FastAPI than those known: its route still works as ASGI.
                entry.reason = f"the compiler failed: {type(exc).__name__}: {exc}"
            else:
                plans.append(plan.record())
        helpers.append(helper)
    table = _engine.build_table(
        _route_records(entries, helpers), plans, _meta(), len(objects.all), limit
    )
    return Compiled(entries, helpers, tuple(objects.all), table)


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


def bind(engine_app: Any, app: Any, *, sealed: int = -1, limit: int = DEFAULT_LIMIT) -> str:
    """Compile ``app`` and let ``engine_app`` serve it so.

    ``sealed``: descriptor of the generation's table; it is used when it is byte
    for byte what compiling gives here. Returns an empty text, or why the
    application (or the sealed table) is not used as compiled.
    """
    app_like = isinstance(app, fastapi.FastAPI)
    seam = app.router.middleware_stack if app_like else None
    if isinstance(seam, Seam):
        # What the Seam holds belongs to the old binding.
        seam.routes = []
    try:
        if app_like and app.middleware_stack is None:
            app.middleware_stack = app.build_middleware_stack()
        compiled = compile_app(app, limit)
    except NotCompiled as refused:
        engine_app.bind(None)
        return str(refused)
    if not isinstance(seam, Seam):
        seam = Seam(engine_app, seam, app.router)
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
