"""The compiler proper: one application's routes, plans and objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fastapi
import starlette
from pydantic.errors import PydanticUserError

from fastrapi import _engine

from . import guards
from .objects import Objects
from .plan import compile_route
from .recognise import application_reason, only_own_layers
from .records import NONE, NotCompiled, Plan, Route
from .route_helper import Helper
from .seam import Resume, Seam
from .walk import Entry, walk, websockets


@dataclass(slots=True)
class Compiled:
    """A compiled application: the table's bytes and what its indexes mean."""

    entries: list[Entry]
    helpers: list[Helper | None]  # by entry; None: served through ASGI
    objects: tuple[Any, ...]
    table: bytes
    websockets: list[str]  # paths; not in the table
    middleware: list[str]  # the user's, outermost first

    @property
    def n_compiled(self) -> int:
        return sum(helper is not None for helper in self.helpers)


def surprise(exc: Exception) -> str:
    """The reason when reading FastAPI's objects raised ``exc``."""
    version = fastapi.__version__
    return f"FastAPI {version} differs internally from what this fastrapi knows ({exc!r})"


def compile_app(app: Any, limit: int) -> Compiled:
    """Walk the routes of ``app``, which is FastAPI's, and compile each that can be.

    NotCompiled with the reason when it must be served through ASGI as a whole;
    ValueError when the table would be larger than ``limit`` bytes. Why a single route is
    left to ASGI stands in its entry.
    """
    reason = application_reason(app)
    if not reason and not guards.pristine():
        reason = "FastAPI or json was patched before serving"
    if reason:
        raise NotCompiled(reason)
    try:
        entries = list(walk(app.router))
    except Exception as exc:
        raise NotCompiled(surprise(exc)) from exc
    _block(entries)
    objects = Objects()
    helpers: list[Helper | None] = []
    plans: list[tuple[Any, ...]] = []
    routes: list[tuple[Any, ...]] = []
    for entry in entries:
        plan, helper = _compile_entry(app, entry, objects)
        number = NONE
        if plan is not None:
            number = len(plans)
            plans.append(plan)
        helpers.append(helper)
        routes.append(_route(entry, number))
    table = _engine.build_table(routes, plans, _meta(), len(objects.all), limit)
    layers = [str(getattr(layer.cls, "__name__", layer.cls)) for layer in app.user_middleware]
    return Compiled(
        entries, helpers, tuple(objects.all), table, websockets(app.router), layers
    )


def _block(entries: list[Entry]) -> None:
    """The first entry that may match any path keeps those after it from compiling."""
    barrier: Entry | None = None
    for entry in entries:
        if barrier is not None and not entry.reason:
            entry.reason = (
                f"declared after {barrier.path!r}, which may match any path: {barrier.reason}"
            )
        if entry.barrier and barrier is None:
            barrier = entry


def _compile_entry(
    app: Any, entry: Entry, objects: Objects
) -> tuple[Plan, Helper] | tuple[None, None]:
    """The plan of an entry and its helper, or neither and a reason in the entry."""
    if not entry.reason:
        try:
            return compile_route(app, entry, objects)
        except NotCompiled as refused:
            entry.reason = str(refused)
        except PydanticUserError as exc:
            undefined = exc.code == "class-not-fully-defined"
            entry.reason = "one of its types is not defined yet" if undefined else surprise(exc)
        except Exception as exc:
            entry.reason = surprise(exc)
    return None, None


def _route(entry: Entry, plan: int) -> Route:
    return Route(
        entry.path, entry.parts, entry.methods, plan, entry.reason, entry.name, entry.barrier
    )


def _meta() -> dict[str, str]:
    return {"fastapi": fastapi.__version__, "starlette": starlette.__version__}


def bind(engine_app: Any, app: Any, sealed: int, limit: int) -> str:
    """See the package's ``bind``."""
    seam = app.router.middleware_stack
    if isinstance(seam, Seam):
        seam.unbind()
    try:
        if app.middleware_stack is None:
            app.middleware_stack = app.build_middleware_stack()
        compiled = compile_app(app, limit)
    except (NotCompiled, ValueError) as refused:
        engine_app.bind(None)
        return str(refused)
    if not isinstance(seam, Seam):
        seam = Seam(seam, app)
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
    seam.bind(engine_app, compiled.helpers)
    if sealed >= 0 and not same:
        return "this process compiled a different table (routes added at start-up?)"
    return ""
