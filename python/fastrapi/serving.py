"""An application as the engine serves it in this process."""

from __future__ import annotations

import logging
from typing import Any

from fastrapi import _engine
from fastrapi.compile import bind, websockets
from fastrapi.compile.edge import Inside, edge_of
from fastrapi.tables import NoTable, Table

logger = logging.getLogger("fastrapi.error")


class Serving:
    """Makes and keeps the engine's App for one ASGI application.

    ``settings`` are those of ``_engine.settings``, without them what the environment
    and the defaults say. ``table`` is the generation's, which only workers have. The layers that settings put around the application are C's; where they
    cannot be, the application is served inside Starlette's. Refused (``compile.edge``) when
    the settings are wrong.
    """

    def __init__(
        self, app: Any, settings: dict[str, Any] | None = None, table: Table | None = None
    ) -> None:
        settings = _engine.settings("alone", {}) if settings is None else settings
        self.app = app
        self.table: Table = table or NoTable()
        self.limit: int = settings["table_limit"]
        self.force: str = settings["force"]
        self.reason = "not compiled yet"
        inside = Inside(app)
        edge = edge_of(inside, settings)
        # Starlette's own layers stand in the application's place: ASGI as a whole.
        self.inside = edge.reason if edge is not None and edge.twins is None else ""
        served = edge.behind if edge is not None and self.inside else app
        self.engine = _engine.App(served, self._rebind, settings["sync"], self.force)
        if edge is not None and edge.twins is not None:
            self.engine.set_edge(edge.twins, edge.behind)
            inside.engine = self.engine

    def bind(self) -> str:
        """Compile and bind; returns why the sealed table or any table is not used."""
        if self.force != "asgi":
            websockets.install()
        if self.force == "asgi" or self.inside:
            self.table.refuse(None)
            self.engine.bind(None)
            self.reason = self.inside or "forced"
            return self.reason
        self.reason = bind(self.engine, self.app, table=self.table, limit=self.limit)
        return self.reason

    def __reduce__(self) -> tuple[Any, ...]:
        """A copied or pickled application begins without one."""
        return type(None), ()

    def _rebind(self, _engine_app: Any) -> None:
        """The engine calls this at the first request, or when a guard tripped."""
        self.table = NoTable()
        self.bind()


_KEPT_AS = "_fastrapi_serving"


def serving_of(app: Any) -> Serving:
    """The Serving of ``app``, one per application object (test clients).

    The application itself keeps it: they refer to each other and end together.
    """
    serving: Serving | None = getattr(app, "__dict__", {}).get(_KEPT_AS)
    if serving is None or serving.app is not app:  # copied from another application
        serving = Serving(app)
        try:
            app.__dict__[_KEPT_AS] = serving
        except (AttributeError, TypeError):
            pass  # no place for it: made anew every time
    return serving
