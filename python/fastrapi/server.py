"""Serving one application from this process's event loop.

``worker`` does it for fastrd and obeys the master, ``inprocess`` does it for an
application that serves itself. What both do is here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastrapi import _engine
from fastrapi.lifespan import Lifespan
from fastrapi.serving import Serving

logger = logging.getLogger("fastrapi.error")


class Server:
    """Lifespan, plans and connections of ``app`` in the running loop.

    ``settings`` are those of ``_engine.settings``. ``sealed`` is the descriptor of the
    generation's table, -1: there is none. ``boards`` are (descriptor, index, generation)
    of the board that this worker writes on; None: its counters stay private.

    start(), listen(), then wait for ended(), which drain() or cut() brings about.
    """

    def __init__(
        self, app: Any, settings: dict[str, Any], *, sealed: int = -1,
        boards: tuple[int, int, int] | None = None,
    ) -> None:  # fmt: skip
        self._app = app
        self._settings = settings
        self._sealed = sealed
        self._boards = boards
        self._lifespan = Lifespan(app)
        self._drained = asyncio.Event()

    async def start(self) -> str:
        """Run the application's start-up, then compile it: what it adds to itself until
        then counts. LifespanFailed; else an empty text, or why the sealed table or any
        table is not served from."""
        await self._lifespan.start()
        serving = Serving(self._app, self._settings, sealed=self._sealed)
        note = serving.bind()
        serving.engine.set_state(self._lifespan.state)
        loop = asyncio.get_running_loop()
        self._connections = _engine.Worker(serving.engine, loop, self._settings, self._boards)
        logger.debug("the application has started%s", note and f": {note}")
        return note

    def listen(self, descriptor: int) -> None:
        """Accept connections from this listening socket, which stays the caller's."""
        self._connections.listen(descriptor)

    def drain(self, seconds: float | None = None) -> None:
        """Accept no more, finish what runs and what follows its answers, and cut what is
        left after ``seconds`` (None: as the settings say)."""
        if seconds is None:
            seconds = self._settings["timeout_graceful_shutdown"]
        asyncio.get_running_loop().call_later(seconds, self.cut)
        self._connections.drain(self._drained.set)

    def cut(self) -> None:
        """Cut every connection now."""
        self._connections.abort()
        self._drained.set()

    async def ended(self) -> None:
        """Return when nothing is left to serve and the application's shutdown has run."""
        await self._drained.wait()
        failed = await self._lifespan.stop()
        if failed:
            logger.error("lifespan shutdown failed: %s", failed)
