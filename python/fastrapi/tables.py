"""How a worker comes by the table of its generation, which the master seals.

The first worker of a generation compiles the application once that has started, and writes the
table. The others get what the master has sealed, and serve from it where it is what they have
compiled themselves.
"""

from __future__ import annotations

import asyncio
import logging
import platform
import sys
from typing import TYPE_CHECKING, Any, Protocol

from fastrapi import _engine, wire
from fastrapi.rules import unmatched

if TYPE_CHECKING:
    from fastrapi.compile.application import Compiled
    from fastrapi.importing import Loaded

logger = logging.getLogger("fastrapi.error")


class TooLarge(Exception):
    """The table is larger than --table-limit; the text says so."""


class Table(Protocol):
    """``sealed``: its descriptor once arrived() or seal() has returned, -1: there is none."""

    sealed: int

    async def arrived(self) -> None:
        """Wait until the master has sealed it, where that does not depend on us."""

    def seal(self, compiled: Compiled) -> None:
        """The application has been compiled."""

    def refuse(self, cause: Exception | None) -> None:
        """It has not been: NotCompiled or ValueError say why. None: nobody wants it to be."""


class NoTable:
    """Of an application that serves itself: what it compiles stays its own."""

    sealed = -1

    async def arrived(self) -> None:
        pass

    def seal(self, compiled: Compiled) -> None:
        pass

    def refuse(self, cause: Exception | None) -> None:
        pass


class _Sealed:
    """What the master sends."""

    def __init__(self, channel: wire.Channel) -> None:
        self.sealed = -1
        self._channel = channel

    def _take(self) -> bool:
        """Read one order; blocks until there is one. True: it was the table, or the master is
        gone. REOPEN may come before it: no file is open yet."""
        text, descriptor = self._channel.receive_with_descriptor()
        if text and text.partition(" ")[0] != "TABLE":
            return False
        self.sealed = descriptor
        return True

    def _wait(self) -> None:
        """Take it; blocks until it is there."""
        while not self._take():
            pass


def _resolve(here: asyncio.Future[None]) -> None:
    if not here.done():
        here.set_result(None)


class Received(_Sealed):
    """That which another worker has written."""

    async def arrived(self) -> None:
        loop = asyncio.get_running_loop()
        taken = False
        while not taken:
            here: asyncio.Future[None] = loop.create_future()
            loop.add_reader(self._channel.socket, _resolve, here)
            try:
                await here
            finally:
                loop.remove_reader(self._channel.socket)
            taken = self._take()

    def seal(self, compiled: Compiled) -> None:
        pass

    def refuse(self, cause: Exception | None) -> None:
        pass


class Written(_Sealed):
    """That of the first worker, which tells the master all about the application."""

    def __init__(self, channel: wire.Channel, loaded: Loaded, around: str, rules: str) -> None:
        """``around`` tells of the layers that settings put around the application; ``rules`` are
        those of its routes."""
        super().__init__(channel)
        self._rules = rules
        self._app = loaded.app
        self._around = around
        channel.send(f"APP {loaded.name}")
        docs = getattr(loaded.app, "docs_url", None)
        if isinstance(docs, str):
            channel.send(f"DOCS {docs}")

    async def arrived(self) -> None:
        pass

    def seal(self, compiled: Compiled) -> None:
        from fastrapi.compile.report import summary

        _engine.write_table(wire.TABLE_FD, compiled.table)
        self._done(summary(compiled), len(compiled.table))
        if not any(entry.barrier for entry in compiled.entries):
            for path in unmatched(self._rules, (entry.path for entry in compiled.entries)):
                logger.warning("--route %s: the application has no such path", path)
        # The master answers at once. While the application waits, nothing of it changes.
        self._wait()

    def refuse(self, cause: Exception | None) -> None:
        if isinstance(cause, ValueError):
            raise TooLarge(str(cause))
        fastapi = _is_fastapi(self._app)
        if cause is not None and fastapi:
            logger.warning("served through ASGI as a whole: %s", cause)
        self._done("0 compiled, all through ASGI" if fastapi else "a plain ASGI application", 0)
        self._wait()

    def _done(self, routes: str, size: int) -> None:
        framework = sys.modules["fastapi"].__version__ if _is_fastapi(self._app) else "-"
        self._channel.send(f"ROUTES {routes}{self._around}")
        self._channel.send(f"DONE {size} {platform.python_version()} {framework}")


def _is_fastapi(app: Any) -> bool:
    from fastrapi.compile import is_fastapi

    return is_fastapi(app)
