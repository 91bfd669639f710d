"""What the C engine calls in Python: logging, tasks, pool threads."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import itertools
import logging
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, cast

from fastrapi.process import end_if_fork_exits

# Where exceptions of an application are looked for: uvicorn's own.
logger = logging.getLogger("uvicorn.error")


class ClientDisconnected(OSError):
    """What ``send()`` of a WebSocket raises when the other side is gone. Starlette takes any
    OSError for that, and so does who follows ASGI."""


def log_exception(
    message: str, exc: BaseException | None, left: bool, request_id: str | None
) -> None:
    """Report once, with its traceback, an exception that reached the server; the request may have an
    id. When the client has ``left`` before its answer, Starlette's word for that is no error. A
    fork's SystemExit ends the fork."""
    end_if_fork_exits(exc)
    if left and _is_client_disconnect(exc):
        logger.debug("the client left before its answer")
    else:
        # logging refuses to say what a record factory of the application's has said already.
        said = hasattr(logging.makeLogRecord({}), "request_id")
        extra = {"request_id": request_id} if request_id and not said else None
        logger.error(message, exc_info=exc, extra=extra)


def _is_client_disconnect(exc: BaseException | None) -> bool:
    # An application that has not imported it cannot have raised it.
    kind = getattr(sys.modules.get("starlette.requests"), "ClientDisconnect", None)
    if kind is None:
        return False
    if isinstance(exc, BaseExceptionGroup):
        return exc.split(kind)[1] is None
    return isinstance(exc, kind)


class _Park:
    """What a stand-in's coroutine waits for. Unlike a future it resumes the task at once."""

    _asyncio_future_blocking = False

    def __init__(self, loop: asyncio.AbstractEventLoop, request: RequestCoroutine) -> None:
        self._loop = loop
        self._request = request
        self._cancelled = False
        self.wakeup: Callable[[Any], object] | None = None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, wakeup: Callable[[Any], object], *, context: Any = None) -> None:
        self.wakeup = wakeup

    def cancel(self, msg: Any = None) -> bool:
        """The task is being cancelled. False: it runs user code, and remembers that."""
        if self._request.used or self.wakeup is None:
            return False
        self._cancelled = True
        self._loop.call_soon(self.wakeup, self)
        return True

    def result(self) -> None:
        if self._cancelled:
            raise asyncio.CancelledError


class RequestCoroutine(Coroutine[Any, Any, None]):
    """The coroutine of a stand-in: at first that of nobody, then that of the request which
    has kept the stand-in, if it needs a task."""

    cr_frame = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.park = _Park(loop, self)
        self.used = False  # as is_used() said when the task was cancelled
        self.named = False  # has the task the name of a request's?
        self.context: contextvars.Context | None = None
        self._ended = False
        self._coro: Any = None
        self._raised: BaseException | None = None  # with what it has ended
        self._yielded: list[Any] = []  # by the first step, which the task has not seen

    def entered(self, task: asyncio.Task[Any]) -> tuple[contextvars.Context, str | None] | None:
        """Of the code that runs now and for which ``task``, this coroutine's, is the current
        one: its context, and what the task is called. None: there is no such code."""
        local: Any = getattr(self.park.get_loop(), "_fastrapi_local", None)
        return local.entered(task) if local is not None else None

    def is_used(self, task: asyncio.Task[Any]) -> bool:
        """Does user code run, or has it run, for which ``task`` is the current one?"""
        return self._ended or self._coro is not None or self.entered(task) is not None

    def _resume(self) -> None:
        """Let the task make its next step now; if it has not made its first, it will."""
        if self.park.wakeup is not None:
            self.park.wakeup(self.park)
        self.park.wakeup = None

    def adopt(self, coro: Any, context: contextvars.Context, value: Any) -> None:
        self._coro, self.context, self._yielded = coro, context, [value]
        self._resume()

    def end(self, exc: BaseException | None) -> None:
        self._ended, self._raised = True, exc
        self._resume()

    def _step(self, method: str, value: Any) -> Any:
        """Let the request's coroutine make a step. What it has held goes with its end. When there
        was no memory to reach it, it waits still, and nobody else would resume it: that is tried
        once more."""
        context = cast(contextvars.Context, self.context)
        try:
            try:
                return context.run(getattr(self._coro, method), value)
            except MemoryError:
                if not self._coro.cr_suspended:
                    raise
            return context.run(getattr(self._coro, method), value)
        except BaseException:
            self._ended, self._coro, self.context = True, None, None
            raise

    def send(self, value: Any) -> Any:
        if self._yielded:
            return self._yielded.pop()
        if self._coro is not None:
            return self._step("send", value)
        if self._ended:
            raised, self._raised = self._raised, None
            raise StopIteration if raised is None else raised
        self.park._asyncio_future_blocking = True
        return self.park

    def throw(self, exc: Any, value: Any = None, traceback: Any = None) -> Any:
        if not isinstance(exc, asyncio.CancelledError) and (self._yielded or self._ended):
            # The task had no memory to ask the park for its result.
            return self.send(None)
        if self._yielded:
            # The task was cancelled during the step that it has not seen. It now sees it, and
            # is again what it was then.
            task = cast("asyncio.Task[Any]", asyncio.current_task())
            task.cancel(*exc.args)
            task.uncancel()
            return self._yielded.pop()
        if self._coro is not None:
            return self._step("throw", exc)
        raise exc

    def __await__(self) -> Any:
        raise TypeError("the coroutine of a task cannot be awaited")

    # As inspect.getcoroutinestate() reads it: anyio asks before it cancels a task.
    @property
    def cr_running(self) -> bool:
        return bool(self._coro is None or self._coro.cr_running)

    @property
    def cr_suspended(self) -> bool:
        return bool(self._coro is not None and self._coro.cr_suspended)

    @property
    def cr_await(self) -> Any:
        return self._coro.cr_await if self._coro is not None else None


class RequestTask(asyncio.Task):  # type: ignore[type-arg]
    """What ``asyncio.current_task()`` returns to code that has no task of its own.

    Without more it never finishes and serves many requests, one after another. A request
    that keeps a reference to it, or changes its state, has it for itself, until its end:
    the engine then makes another one for the requests that follow.
    """

    _log_destroy_pending: bool  # asyncio's; the engine sets False when the task is made

    @property
    def _request(self) -> RequestCoroutine:
        return cast(RequestCoroutine, self.get_coro())

    def _keep(self) -> None:
        # The engine counts references: one more, from itself, says that it was changed.
        super().__setattr__("_kept", self)

    def _let_go(self) -> None:
        """The engine has seen that it was changed."""
        with contextlib.suppress(AttributeError):
            super().__delattr__("_kept")

    def __setattr__(self, name: str, value: Any) -> None:
        if name != "_log_destroy_pending":
            self._keep()
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._keep()
        super().__delattr__(name)

    def cancel(self, msg: Any | None = None) -> bool:
        self._keep()
        self._request.used = self._request.is_used(self)
        return super().cancel(msg)

    def done(self) -> bool:
        """See :meth:`asyncio.Task.done`. While no request has it ``asyncio.all_tasks()``,
        which asks this, does not show it. Until it is made it waits as any other: asyncio's
        Task in Python asks this around its first step, too."""
        return super().done() or not (self._log_destroy_pending or self._request.is_used(self))

    def add_done_callback(self, *args: Any, **kwargs: Any) -> None:
        self._keep()
        super().add_done_callback(*args, **kwargs)

    def get_name(self) -> str:
        """See :meth:`asyncio.Task.get_name`. Each request's has another one."""
        if not self._request.named:
            entered = self._request.entered(self)
            if entered is not None and entered[1] is not None:
                return entered[1]
            if entered is not None:
                self.set_name(f"Task-{_number()}")
        return super().get_name()

    def set_name(self, value: object) -> None:
        self._keep()
        self._request.named = True
        super().set_name(value)

    if sys.version_info >= (3, 12):

        def get_context(self) -> contextvars.Context:
            """See :meth:`asyncio.Task.get_context`."""
            entered = self._request.entered(self)
            if entered is not None:
                return entered[0]
            own = self._request.context
            return own if own is not None else super().get_context()


_number: Any = getattr(asyncio.tasks, "_task_name_counter", itertools.count(1).__next__)


def adopt_request_task(
    task: RequestTask, coro: Any, context: contextvars.Context, name: str | None, value: Any
) -> None:
    """``task``, which may be called ``name``, runs ``coro`` from now on, in ``context``. It is
    suspended and has yielded ``value``, of which the task has not heard. Called again after a
    MemoryError."""
    if not task._request.named:
        task.set_name(name or f"Task-{_number()}")
    task._let_go()
    task._request.adopt(coro, context, value)


def end_request_task(task: RequestTask, exc: BaseException | None) -> None:
    """The code for which ``task`` was the current one has ended; ``exc``: it has raised.
    Called again after a MemoryError."""
    task._let_go()
    if not asyncio.Task.done(task):
        task._request.end(exc)


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
    """A pool thread's life. The pool counts on the thread: where there was no memory to begin,
    it is tried once more."""
    began = False

    def run() -> None:
        nonlocal began
        began = True
        pool.run()

    try:
        _claimed(loop, run)
    except MemoryError:
        if began:
            raise
        _claimed(loop, run)


def _claimed(loop: asyncio.AbstractEventLoop, run: Callable[[], None]) -> None:
    """Call ``run``, in which ``anyio.from_thread`` works. Its functions run within a cancel
    scope of the thread's own, which nothing cancels, where no middleware has opened another."""
    try:
        from anyio._backends._asyncio import AsyncIOBackend, CancelScope
        from anyio._core._eventloop import claim_worker_thread, threadlocals
    except ImportError:
        run()
        return
    with claim_worker_thread(AsyncIOBackend, loop):
        threadlocals.current_cancel_scope = CancelScope(shield=True)
        run()
