"""From a FastAPI application to a route table.

All knowledge of FastAPI's private names lives in this package. It runs in the
worker that writes the table, and in every other, which binds the
application's own objects to it. This file itself needs nothing of FastAPI's: an
installed version that the compiler does not know is refused before the rest is
imported.

What compiles, in the order of the work: ``versions``, ``application`` (the whole),
``walk``, ``mounts``, ``hosts`` and ``recognise`` (routes and whether they are FastAPI's), ``plan`` (one
route; ``starlette_routes``: of Starlette's own), ``dependants`` (its functions), ``overrides`` (others in their place), ``params``, ``content``, ``values`` (what they
take), ``response``. They collect in ``draft`` and ``objects`` and make ``records``;
``fields``, ``schema``, ``suspend`` and ``dialect`` answer questions on the way.

What a request calls later: ``route_helper``, ``yields``, ``reread``, ``exit_stacks``,
``seam`` (plans inside the application's layers), ``answers`` (FastAPI's own, in the place
of an endpoint), ``streams`` and ``generators`` (responses in pieces), ``guards`` (is it all still true?).
``report`` prints what was compiled.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from fastrapi import _engine
from fastrapi.tables import NoTable, Table

from .records import NotCompiled as NotCompiled
from .versions import unknown_version

if TYPE_CHECKING:
    from .application import Compiled

DEFAULT_LIMIT: int = _engine.settings("alone", {})["table_limit"]


def is_fastapi(app: Any) -> bool:
    """Is ``app`` an application of FastAPI's? Imports nothing of FastAPI for one that is
    not."""
    module = sys.modules.get("fastapi")
    return module is not None and isinstance(app, module.FastAPI)


def _application(app: Any) -> Any:
    """The compiler proper. Raises NotCompiled for what is not FastAPI's, and where FastAPI
    is not as it knows it."""
    if not is_fastapi(app):
        raise NotCompiled("not a FastAPI application")
    reason = unknown_version()
    if reason:
        raise NotCompiled(reason)
    try:
        from . import application
    except (ImportError, AttributeError) as exc:
        raise NotCompiled(
            f"FastAPI differs internally from what this fastrapi knows ({exc!r})"
        ) from exc
    return application


def prepare(app: Any) -> None:
    """To be called before the lifespan of ``app`` starts: make its layers, as it does
    itself when it is first called. What a layer raises is left for that call."""
    if not is_fastapi(app) or unknown_version() or app.middleware_stack is not None:
        return
    with contextlib.suppress(Exception):
        from .junctions import build

        build(app)


def rehearse(app: Any, limit: int) -> None:
    """Compile ``app`` in vain: what is imported and cached for it is there in every fork."""
    with contextlib.suppress(NotCompiled, ValueError):
        compile_app(app, limit)
        from . import report  # noqa: F401
        from .sources import forget

        forget()


def compile_app(app: Any, limit: int = DEFAULT_LIMIT) -> Compiled:
    """Compile every route of ``app`` that can be.

    Raises NotCompiled when the application as a whole must be served through
    ASGI, ValueError when the table would be larger than ``limit`` bytes.
    """
    compiled: Compiled = _application(app).compile_app(app, limit)
    return compiled


def bind(
    engine_app: Any, app: Any, *, table: Table | None = None, limit: int = DEFAULT_LIMIT
) -> str:
    """Compile ``app`` and let ``engine_app`` serve it so.

    ``table``: the generation's, which is told what was compiled. What is sealed then is used
    when it is byte for byte what compiling gives here. Returns an empty text, or why the
    application (or the sealed table) is not used as compiled.
    """
    table = table or NoTable()
    try:
        application = _application(app)
    except NotCompiled as refused:
        table.refuse(refused)
        engine_app.bind(None)
        return str(refused)
    return str(application.bind(engine_app, app, table, limit))
