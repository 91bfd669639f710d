"""The ASGI lifespan of one application in one process."""

from __future__ import annotations

import asyncio
from typing import Any


class LifespanFailed(Exception):
    """Start-up failed; the text says how."""


class Lifespan:
    """Start-up and shutdown, with uvicorn's ``lifespan="auto"`` rules: an application
    that raises before it has sent ``startup.complete`` or ``startup.failed`` has no
    lifespan, and is served without one."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self._received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._failure = ""
        self._supported = True
        self._task: asyncio.Task[None] | None = None

    async def _receive(self) -> dict[str, Any]:
        return await self._received.get()

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            self._started.set()
        elif kind == "lifespan.startup.failed":
            self._failure = message.get("message") or "startup failed"
            self._started.set()
        elif kind == "lifespan.shutdown.complete":
            self._stopped.set()
        elif kind == "lifespan.shutdown.failed":
            self._failure = message.get("message") or "shutdown failed"
            self._stopped.set()

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self.app(scope, self._receive, self._send)
        except BaseException as exc:
            if not self._started.is_set() and not self._failure:
                self._supported = False
            if isinstance(exc, asyncio.CancelledError):
                raise
        finally:
            self._started.set()
            self._stopped.set()

    async def start(self) -> None:
        """Run the start-up; LifespanFailed when the application says it failed."""
        self._received.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._started.wait()
        if self._failure:
            raise LifespanFailed(self._failure)

    async def stop(self) -> str:
        """Run the shutdown; returns what failed, or an empty text."""
        if not self._supported or self._task is None or self._task.done():
            return ""
        self._failure = ""
        self._received.put_nowait({"type": "lifespan.shutdown"})
        await self._stopped.wait()
        return self._failure
