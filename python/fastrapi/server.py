"""Serving one application from this process's event loop.

``worker`` does it for fastrd and obeys the master, ``inprocess`` does it for an
application that serves itself. What both do is here.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
from collections.abc import Callable
from typing import Any

from fastrapi import _engine, access
from fastrapi.collecting import rarely
from fastrapi.compile import prepare
from fastrapi.lifespan import Lifespan
from fastrapi.loop import EventLoop
from fastrapi.process import Process
from fastrapi.serving import Serving
from fastrapi.stacks import show_blocked
from fastrapi.tables import NoTable, Table

logger = logging.getLogger("fastrapi.error")

# So long before the deadline WebSockets are closed, or a quarter of the time if that is less.
_LAST_SECONDS = 2.0


class Server:
    """Lifespan, plans and connections of ``app`` in the running loop.

    ``settings`` are those of ``_engine.settings``. ``table`` is the generation's; None: there
    is no generation. ``boards`` are (descriptor, index, generation)
    of the board that this worker writes on; None: its counters stay private. ``leaving``
    is called when the end is asked for by others than drain() or cut(): with "TERM" by a
    signal, with "LOOP" because the application has broken the event loop off. It is then the
    caller's to drain; without it the end begins at once.

    start() in a task of the loop, then listen(), then run(), whose end drain() or cut()
    brings about.
    """

    def __init__(
        self, app: Any, settings: dict[str, Any], process: Process, *, table: Table | None = None,
        boards: tuple[int, int, int] | None = None, leaving: Callable[[str], object] | None = None,
    ) -> None:  # fmt: skip
        self._process = process
        self._leaving = leaving
        self._app = app
        self._settings = settings
        self._table = table or NoTable()
        self._boards = boards
        self._lifespan = Lifespan(app)
        self._loop: EventLoop = asyncio.get_running_loop()  # type: ignore[assignment]
        self._drained = self._loop.create_future()
        self._broken_off = False
        self._drains = self._gives = False  # its connections go to others that serve
        self.shut_down = False  # the application's shutdown has run

    async def start(self) -> str:
        """Run the application's start-up, then compile it: what it adds to itself until
        then counts. LifespanFailed, TooLarge; else an empty text, or why the sealed table or any
        table is not served from."""
        if self._settings["force"] != "asgi":
            prepare(self._app)
        await self._lifespan.start()
        await self._table.arrived()
        with rarely():
            serving = Serving(self._app, self._settings, self._table)
            note = serving.bind()
        serving.engine.set_state(self._lifespan.state)
        self._connections = _engine.Worker(serving.engine, self._loop, self._settings, self._boards)
        if self._boards is not None:
            self._connections.watch(show_blocked)
        try:
            take = functools.partial(access.take, self._settings["root_path"])
            self._connections.log_requests(access.look, take)
        except RuntimeError as exc:
            logger.error("%s; requests are served without", exc)
        self._process.on_exit = self._exit_asked
        logger.debug("the application has started%s", note and f": {note}")
        return note

    def listen(self, descriptor: int) -> None:
        """Accept connections from this listening socket, which stays the caller's."""
        self._connections.listen(descriptor)

    def admin(self, descriptor: int) -> None:
        """Answer probes on this listening socket, which stays the caller's."""
        self._connections.admin(descriptor)

    def unready(self) -> None:
        """Answer them from now on that the server is ending."""
        self._connections.unready()

    def take(self, take: int, give: int) -> None:
        """Take the connections of workers that end from the one descriptor; drain() may give
        ours into the other. Both stay the caller's."""
        self._connections.take(take, give)

    def drain(self, seconds: float | None = None, *, give: bool = False) -> None:
        """Accept no more, finish what runs and what follows its answers, and cut what is
        left after ``seconds`` (None: as the settings say). ``give``: other workers serve, and
        get the connections."""
        if seconds is None:
            seconds = self._settings["timeout_graceful_shutdown"]
        self._drains, self._gives = True, give
        self._loop.call_later(seconds, self._out_of_time, seconds)
        # What the endpoints of WebSockets do at their end has time before the shutdown.
        self._loop.call_later(seconds - min(_LAST_SECONDS, seconds / 4), self._connections.end_websockets)
        self._connections.drain(self._end, seconds, give)
        self._process.announce_exit()

    def park(self) -> None:
        """Accept no more, and give the connections to workers that serve. drain() or resume()
        comes next."""
        self._connections.park()

    def resume(self) -> None:
        """After park(): serve as before."""
        self._connections.resume()

    def reopen_log(self) -> None:
        """Open the access log's file again: it was rotated."""
        self._connections.reopen_log()

    def cut(self) -> None:
        """Cut every connection now."""
        self._connections.abort()
        self._end()

    def _out_of_time(self, seconds: float) -> None:
        left = self._connections.in_hand()
        if left:
            logger.warning("cut after %g s: %s", seconds, left)
        self.cut()

    def run(self) -> bool:
        """Run the loop until nothing is left to serve and the application's shutdown has
        run. False: the application has broken the loop off, which has been logged.

        The waits are no tasks: the application may cancel every task that there is.
        """
        if self._run_until(self._drained):
            self.shut_down = self._run_until(self._lifespan.stop())
        self._connections.end_log()
        return not self._broken_off

    def _run_until(self, done: asyncio.Future[None]) -> bool:
        """False: it was broken off again, and there is nothing more to wait for."""
        waiting = True
        done.add_done_callback(lambda _: self._loop.stop() if waiting else None)
        while not done.done():
            cause = None
            try:
                self._loop.run_forever()
            except BaseException as exc:
                cause = exc
            self._process.end_if_forked(cause)
            if cause is not None and self._broken_off:
                logger.error("the application has broken the event loop off again", exc_info=cause)
                if self._drains:
                    self.cut()
                    break
                self.drain()
            if not done.done() and not self._broken_off:
                self._break_off(cause)
        waiting = False  # whoever runs the loop next does not want it stopped
        return done.done()

    def _break_off(self, cause: BaseException | None) -> None:
        """The application has stopped the loop, or raised through it, as SystemExit and
        KeyboardInterrupt are in a callback. As under any server this is the end, but
        requests finish and the shutdown runs."""
        self._broken_off = True
        what = f"raised {type(cause).__name__} through" if cause else "stopped"
        text = "the application has %s the event loop: finishing requests, then ending"
        logger.error(text, what, exc_info=cause)
        self._leave("LOOP")

    def _exit_asked(self, sig: int) -> None:
        # A signal's handler runs anywhere, also within what it would call.
        if self._loop.is_closed():
            return  # the end has come, and needs no second asking
        seconds = 1 if sig == signal.SIGINT else None
        self._loop.call_soon_threadsafe(self._leave, "TERM", seconds)

    def _leave(self, cause: str, seconds: float | None = None) -> None:
        if self._leaving is not None:
            self._leaving(cause)
            if not self._drains:
                return
        # Told to give, it hears SIGTERM as well: from the application, which drain() tells.
        self.drain(seconds, give=self._gives)

    def _end(self) -> None:
        if not self._drained.done():
            self._drained.set_result(None)
