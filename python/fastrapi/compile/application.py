"""The compiler proper: one application's routes, plans and objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fastapi
import starlette.routing
from pydantic.errors import PydanticUserError

from fastrapi import _engine
from fastrapi.tables import Table

from . import files, guards, junctions, overrides, stretches
from .answers import Answers, answers_of, exception_layer
from .frontends import Frontend, frontends_of
from .hosts import Hosted, hosted
from .layers import Layer, is_direct, layers_of, unknown_layers
from .mounts import Level
from .objects import Objects
from .places import Places
from .plan import compile_route
from .recognise import application_reason, router_reason
from .records import METHODS, NONE, NotCompiled, Plan, Route
from .route_helper import Helper
from .seam import Resume, Seam
from .sources import forget
from .walk import Entry, walk


@dataclass(slots=True)
class Compiled:
    """A compiled application: the table's bytes and what its indexes mean."""

    entries: list[Entry]
    helpers: list[Helper | None]  # by entry; None: served through ASGI
    objects: tuple[Any, ...]
    table: bytes
    layers: list[Layer]  # the user's middleware, outermost first
    unknown: list[str]  # what else stands, or will, around the router
    hosts: list[Hosted]
    frontends: list[Frontend]

    @property
    def layered(self) -> list[Any]:
        """The mounted applications with middleware."""
        return [level.app for level in self.mounted if level.layered]

    def unbuilt(self, router: Any) -> dict[int, list[Any]]:
        """The mounted applications whose layers are made before a request that ``router``, mounted or
        (None) the application's own, hands on can be stopped, by the route that it goes to."""
        found = {}
        for number, entry in enumerate(self.entries):
            levels = (entry.into or entry.inside).levels
            at = next((n for n, level in enumerate(levels, 1) if level.router is router), 0)
            passed = levels[at:] if at or router is None else ()
            stop = next((n for n, level in enumerate(passed, 1) if level.layered), len(passed))
            apps = [level.app for level in passed[:stop] if level.app is not None]
            if any(app.middleware_stack is None for app in apps):
                found[number] = apps
        return found

    @property
    def mounted(self) -> list[Level]:
        """What is mounted and has routes among the entries, each once."""
        levels = {id(level.router): level for entry in self.entries for level in entry.inside.levels}
        return list(levels.values())

    def helpers_of(self, router: Any) -> list[Helper | None]:
        """Those of the routes of ``router`` itself, mounted or (None) the application's own;
        None for others."""
        return [
            helper if entry.inside.router is router else None
            for entry, helper in zip(self.entries, self.helpers, strict=True)
        ]

    def deeper_than(self, router: Any) -> frozenset[int]:
        """The numbers of the routes that C answers of what ``router``, mounted or (None) the
        application's own, mounts."""
        return frozenset(
            number
            for number, entry in enumerate(self.entries)
            if (self.helpers[number] or entry.leads or entry.files) is not None
            and (levels := (entry.leads or entry.inside).levels)
            and (router is None or any(level.router is router for level in levels[:-1]))
        )

    @property
    def n_compiled(self) -> int:
        return sum(helper is not None for helper in self.helpers)

    @property
    def middleware(self) -> list[str]:
        """What Python runs around every plan."""
        return _in_python(self.layers) + self.unknown

    @property
    def native(self) -> list[str]:
        """What C runs around every plan."""
        return [layer.name for layer in self.layers if layer.native]


def _in_python(layers: list[Layer]) -> list[str]:
    return [layer.name for layer in layers if not layer.native]


def surprise(exc: Exception) -> str:
    """The reason when reading FastAPI's objects raised ``exc``."""
    version = fastapi.__version__
    return f"FastAPI {version} differs internally from what this fastrapi knows ({exc!r})"


def compile_app(app: Any, limit: int, followed: bool = True) -> Compiled:
    """Walk the routes of ``app``, which is FastAPI's, and compile each that can be.
    ``followed``: with its dependency_overrides.

    NotCompiled with the reason when it must be served through ASGI as a whole;
    ValueError when the table would be larger than ``limit`` bytes. Why a single route is
    left to ASGI stands in its entry.
    """
    reason = application_reason(app) or router_reason(app.router)
    if not reason and not guards.pristine():
        reason = "FastAPI or json was patched before serving"
    if reason:
        raise NotCompiled(reason)
    entries: list[Entry] = []
    hosts: list[Hosted] = []
    try:
        for entry in walk(app.router):
            if entry.host:
                hosts.append(hosted(entry.host, len(entries)))
            else:
                entries.append(entry)
    except Exception as exc:
        raise NotCompiled(surprise(exc)) from exc
    _block(entries)
    files.recognise(entries)
    layers = layers_of(app)
    unknown = unknown_layers(app)
    python = _in_python(layers) + unknown
    if python and not junctions.has_junctions(app):
        files.leave(entries, python)
    objects = Objects()
    helpers: list[Helper | None] = []
    plans: list[tuple[Any, ...]] = []
    routes: list[tuple[Any, ...]] = []
    for entry in entries:
        plan, helper = _compile_entry(app, entry, objects, followed)
        number = NONE
        if plan is not None:
            number = len(plans)
            plans.append(plan)
        helpers.append(helper)
        routes.append(_route(entry, number))
    table = _engine.build_table(routes, plans, _meta(), len(objects.all), limit)
    return Compiled(
        entries, helpers, tuple(objects.all), table, layers, unknown, hosts,
        frontends_of(app, python),
    )  # fmt: skip


def _block(entries: list[Entry]) -> None:
    """The first entry that may match any path keeps those after it from compiling; one for WebSockets
    only those for WebSockets."""
    barriers: list[Entry] = []
    for entry in entries:
        for barrier in barriers:
            if entry.websocket or not barrier.websocket:
                entry.reason = entry.reason or (
                    f"declared after {barrier.path!r}, which may match any path: {barrier.reason}"
                )
        if entry.barrier and not any(one.websocket == entry.websocket for one in barriers):
            barriers.append(entry)


def _compile_entry(
    app: Any, entry: Entry, objects: Objects, followed: bool
) -> tuple[Plan, Helper] | tuple[None, None]:
    """The plan of an entry and its helper, or neither and a reason in the entry."""
    if not entry.reason and entry.methods and not entry.websocket and METHODS.isdisjoint(entry.methods):
        entry.reason = f"only standard methods are compiled, not {', '.join(entry.methods)}"
    if not entry.reason:
        try:
            return compile_route(app, entry, objects, followed)
        except NotCompiled as refused:
            entry.reason = str(refused)
        except PydanticUserError as exc:
            undefined = exc.code == "class-not-fully-defined"
            entry.reason = "one of its types is not defined yet" if undefined else surprise(exc)
        except Exception as exc:
            entry.reason = surprise(exc)
    return None, None


def _route(entry: Entry, plan: int) -> Route:
    methods = entry.methods
    if methods is None and isinstance(entry.route, starlette.routing.Route):
        methods = tuple(sorted(METHODS))  # a mount takes WebSockets as well
    return Route(entry.path, entry.parts, methods, plan, entry.reason, entry.name, entry.barrier)


def _meta() -> dict[str, str]:
    return {"fastapi": fastapi.__version__, "starlette": starlette.__version__}


def _seam_of(router: Any) -> Seam:
    """The Seam in a router."""
    seam = router.middleware_stack
    if not isinstance(seam, Seam):
        seam = router.middleware_stack = Seam(seam, router)
    return seam


def _seam_bind(seam: Seam, engine_app: Any, compiled: Compiled, router: Any) -> None:
    """Bind a Seam to the routes of ``router``, mounted or (None) the application's own."""
    seam.bind(
        engine_app, compiled.helpers_of(router), compiled.deeper_than(router),
        compiled.unbuilt(router), compiled.hosts,
    )


def _answers_and_files(
    app: Any, layers: Any, direct: bool, compiled: Compiled
) -> tuple[Answers | None, files.Files | None]:
    """What C answers in the place of an endpoint. ``layers`` are the application's Junctions."""
    served = direct and all(one.layer is not None for one in compiled.frontends)
    layer = layers.inner if layers else exception_layer(app)
    answers = answers_of(app, layer, compiled.entries, served)
    mounted = None
    if direct or layers:
        mounted = files.files_of(compiled.entries, compiled.frontends, answers)
    if compiled.frontends and mounted is None and answers is not None:
        answers.not_found = None  # a frontend may be asked before
    return answers, mounted


def bind(engine_app: Any, app: Any, table: Table, limit: int) -> str:
    """See the package's ``bind``."""
    seam = app.router.middleware_stack
    if isinstance(seam, Seam):
        seam.unbind()
    layers = junctions.junctions_of(app)
    if layers is not None:
        layers.unbind()
    follows = overrides.followed(app.dependency_overrides, getattr(seam, "bound", 0))
    try:
        junctions.build(app)
        compiled = compile_app(app, limit, follows)
    except (NotCompiled, ValueError) as refused:
        table.refuse(refused)
        engine_app.bind(None)
        return str(refused)
    table.seal(compiled)
    seam = _seam_of(app.router)
    seam.mounted = [_seam_of(level.router) for level in compiled.mounted]
    inner_layers = [made for mounted in compiled.layered if (made := junctions.junctions_of(mounted))]
    seam.junctions = inner_layers
    inner_placed = [layers_of(made.app) for made in inner_layers]
    layers = junctions.junctions_of(app)
    sealed = table.sealed
    same = sealed >= 0 and _engine.same_table(sealed, compiled.table)
    direct = is_direct(app, compiled.layers)
    placed = compiled.layers if direct or layers else []
    natives = [layer for layer in placed if layer.native]
    front = natives if direct else stretches.front(placed)
    answers, files_mounted = _answers_and_files(app, layers, direct, compiled)
    watched = [*natives, *(layer for row in inner_placed for layer in row if layer.native)]
    watched += files_mounted.layers if files_mounted else []
    own = [layer for one in (app, *(made.app for made in inner_layers)) for layer in junctions.own_layers(one)]
    binding = _engine.Binding(
        sealed if same else compiled.table,
        compiled.objects,
        guards.Guards(app, compiled.mounted, own, watched, follows, layers is not None, overrides.providers(compiled.helpers)),
        Resume(app, engine_app, compiled.deeper_than(None)),
        direct,
        layers.entrance() if layers else None,
        answers,
        tuple(layer.twin() for layer in front),
        files_mounted,
        tuple((host.first, host.prefix, host.suffix) for host in compiled.hosts),
    )
    engine_app.bind(binding)
    _seam_bind(seam, engine_app, compiled, None)
    for inner in seam.mounted:
        _seam_bind(inner, engine_app, compiled, inner.router)
    forget()
    scoped = any(made.has_dispatch for made in (layers, *inner_layers) if made)
    for made, row in zip((layers, *inner_layers), (placed, *inner_placed), strict=True):
        if made is not None:
            made.bind(engine_app, Places(made, app).all(compiled.entries, compiled.helpers), scoped)
            stretches.bind(made, engine_app, row)
    if sealed >= 0 and not same:
        return "this process compiled a different table (routes added at start-up?)"
    return ""
