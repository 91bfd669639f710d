"""The ASGI lifespan of one application in one process."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

logger = logging.getLogger("uvicorn.error")  # as exceptions of requests: hooks.py


class LifespanFailed(Exception):
    """Start-up failed. The text is what the application said, as a rule a traceback;
    ``cause`` says it in one line."""

    def __init__(self, text: str, cause: str) -> None:
        super().__init__(text)
        self.cause = cause


def one_line(exc: BaseException) -> str:
    """Type and text, as in the last line of a traceback; of a group, its first exception's
    as well."""
    kind = type(exc)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    line = ": ".join([name, *str(exc).splitlines()[:1]])
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
        if not isinstance(exc, BaseExceptionGroup):
            return f"{line}: {one_line(exc)}"
    return line


def _last_words(text: str) -> str:
    """The last line of a text that is more than the drawing around a group's traceback."""
    lines = [line.strip(" |+-") for line in text.splitlines()]
    return next((line for line in reversed(lines) if line), "startup failed")


class Lifespan:
    """Start-up and shutdown, with uvicorn's ``lifespan="auto"`` rules: an application
    that raises before it has sent ``startup.complete`` or ``startup.failed`` has no
    lifespan, and is served without one. One that ends while it serves is reported at
    once, and serving goes on."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self._received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._started = asyncio.Event()
        self._stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stopping = False
        self._failure = ""
        self._raised: BaseException | None = None
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
            self._end()
        elif kind == "lifespan.shutdown.failed":
            self._failure = message.get("message") or "shutdown failed"
            self._report("%s", self._failure)
            self._end()

    def _report(self, text: str, *args: object, exc: BaseException | None = None) -> None:
        what = "lifespan shutdown failed: " if self._stopping else (
            "the lifespan has ended while the application serves, which goes on: "
        )  # fmt: skip
        logger.error(what + text, *args, exc_info=exc)

    def _end(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self.app(scope, self._receive, self._send)
        except BaseException as exc:
            if self._failure:
                self._raised = exc
            elif not self._started.is_set():
                self._supported = False
            elif not self._stopped.done():
                self._report(one_line(exc), exc=exc)
            if isinstance(exc, asyncio.CancelledError):
                raise
        finally:
            self._started.set()
            self._end()

    async def start(self) -> None:
        """Run the start-up; LifespanFailed when the application says it failed."""
        self._received.put_nowait({"type": "lifespan.startup"})
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._started.wait()
        if self._failure:
            # Starlette says it with a traceback, and raises in the same breath.
            said = _last_words(self._failure)
            raise LifespanFailed(self._failure, one_line(self._raised) if self._raised else said)

    def stop(self) -> asyncio.Future[None]:
        """Begin the shutdown; what is returned is done when it is over. What fails is
        logged. Nothing here waits in a task: the application may cancel all of them."""
        if self._supported and self._task is not None and not self._task.done():
            self._stopping = True
            self._received.put_nowait({"type": "lifespan.shutdown"})
        else:
            self._end()
        return self._stopped
