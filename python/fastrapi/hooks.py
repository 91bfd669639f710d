"""What the C engine calls in Python: logging, tasks, pool threads."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import sys
import threading
from typing import Any, cast

from fastrapi.process import end_if_fork_exits

logger = logging.getLogger("fastrapi.error")


def log_exception(message: str, exc: BaseException | None, left: bool) -> None:
    """Report once, with its traceback, an exception that reached the server. When the
    client has ``left`` before its answer, Starlette's word for that is no error. A fork's
    SystemExit ends the fork."""
    end_if_fork_exits(exc)
    if left and _is_client_disconnect(exc):
        logger.debug("the client left before its answer")
    else:
        logger.error(message, exc_info=exc)


def _is_client_disconnect(exc: BaseException | None) -> bool:
    # An application that has not imported it cannot have raised it.
    kind = getattr(sys.modules.get("starlette.requests"), "ClientDisconnect", None)
    if kind is None:
        return False
    if isinstance(exc, BaseExceptionGroup):
        return exc.split(kind)[1] is None
    return isinstance(exc, kind)


class RequestTask(asyncio.Task):  # type: ignore[type-arg]
    """What ``asyncio.current_task()`` returns to code that runs outside any task of its
    own.

    It never finishes and serves many requests, one after another. A request that keeps
    a reference to it, or changes its state, has it for itself: the engine then makes
    another one for the requests that follow.
    """

    def _keep(self) -> None:
        # The engine counts references: one more, from itself, says that it was changed.
        self._kept = self

    def cancel(self, msg: Any | None = None) -> bool:
        self._keep()
        return super().cancel(msg)

    def add_done_callback(self, *args: Any, **kwargs: Any) -> None:
        self._keep()
        super().add_done_callback(*args, **kwargs)

    def set_name(self, value: object) -> None:
        self._keep()
        super().set_name(value)


async def _parked() -> None:
    await asyncio.get_running_loop().create_future()


def new_request_task(loop: asyncio.AbstractEventLoop) -> RequestTask:
    """A new stand-in task of ``loop``, parked."""
    task: Any = RequestTask(_parked(), loop=loop, name="fastrapi-request")
    task._log_destroy_pending = False
    return cast(RequestTask, task)


def pool_context() -> contextvars.Context:
    """The context in which a plain function runs on a pool thread.

    A copy of the current one in which no async library is current, as
    ``anyio.to_thread.run_sync`` makes it.
    """
    context = contextvars.copy_context()
    try:
        from anyio._core._eventloop import set_current_async_library
    except ImportError:
        return context
    context.run(set_current_async_library, None)
    return context


def pool_limit() -> int:
    """How many threads the running loop's pool may have: the tokens of anyio's
    default limiter, which applications set to allow more or fewer ``def``
    functions at a time."""
    try:
        from anyio import to_thread
        from anyio._core._eventloop import set_current_async_library
    except ImportError:
        return 40
    context = contextvars.copy_context()
    context.run(set_current_async_library, "asyncio")
    tokens = context.run(to_thread.current_default_thread_limiter).total_tokens
    return int(max(1, min(tokens, 10_000)))


def pool_thread_start(pool: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Start one thread of the engine's pool."""
    threading.Thread(
        target=_pool_thread_main, args=(pool, loop), name="fastrapi pool", daemon=True
    ).start()


def _pool_thread_main(pool: Any, loop: asyncio.AbstractEventLoop) -> None:
    """A pool thread's life. ``anyio.from_thread`` works in it. Its functions run within a
    cancel scope of the thread's own, which nothing cancels, where no middleware has
    opened another."""
    try:
        from anyio._backends._asyncio import AsyncIOBackend, CancelScope
        from anyio._core._eventloop import claim_worker_thread, threadlocals
    except ImportError:
        pool.run()
        return
    with claim_worker_thread(AsyncIOBackend, loop):
        threadlocals.current_cancel_scope = CancelScope(shield=True)
        pool.run()
