"""The asyncio event loop that runs on libevent."""

from __future__ import annotations

import asyncio
import inspect
import selectors
import signal
import sys
import threading
import traceback
from asyncio import base_events, events, format_helpers, unix_events
from collections.abc import Callable, Mapping
from typing import Any, cast

from fastrapi._engine import LoopBase

_base_events: Any = base_events  # for what its stubs do not name

# From CPython 3.13 on arguments are shown in debug mode only.
_FORMAT_TAKES_DEBUG = (
    "debug" in inspect.signature(format_helpers._format_callback_source).parameters
)


def nesting() -> bool:
    """Has nest_asyncio, or what is made of it, been applied? Loops may then run inside
    themselves."""
    return hasattr(asyncio, "_nest_patched")


def swap_current_task(loop: Any, task: Any) -> Any:
    """Make ``task`` (None: none) the current one; the one that was."""
    if sys.version_info >= (3, 14):  # before, asyncio's own fails where there is none
        return asyncio.tasks._swap_current_task(loop, task)  # type: ignore[attr-defined]
    current = asyncio.tasks._current_tasks  # type: ignore[attr-defined]
    before = current.pop(loop, None)
    if task is not None:
        current[loop] = task
    return before


class _NoSelector(selectors.BaseSelector):
    """What asyncio's base class is given instead of a selector.

    Descriptors are watched by libevent, through the methods of
    ``_engine.LoopBase``; nothing may ever reach this object but ``close``.
    """

    def register(self, fileobj: Any, events: int, data: Any = None) -> Any:
        raise NotImplementedError

    def unregister(self, fileobj: Any) -> Any:
        raise NotImplementedError

    def select(self, timeout: float | None = None) -> list[Any]:
        raise NotImplementedError

    def get_map(self) -> Mapping[Any, Any]:
        return {}


class EventLoop(LoopBase, unix_events._UnixSelectorEventLoop):
    """A complete asyncio event loop: timers, callbacks, descriptors and the
    running itself in C on libevent; transports, TLS, subprocesses, signals and
    executors are asyncio's own.

    Use it like any loop, e.g. ``asyncio.Runner(loop_factory=EventLoop)``.
    """

    def __init__(self) -> None:
        self._open()
        unix_events._UnixSelectorEventLoop.__init__(self, _NoSelector())

    @property
    def _nest_patched(self) -> bool:
        """nest_asyncio leaves a loop alone that has this: it replaces methods of asyncio's
        loops so that they run inside themselves, and this one does."""
        if not nesting():
            raise AttributeError("_nest_patched")
        return True

    def _check_running(self) -> None:
        # Not asyncio's selector loop's, which nest_asyncio may have replaced.
        if not nesting():
            base_events.BaseEventLoop._check_running(self)  # type: ignore[attr-defined]

    def run_until_complete(self, future: Any) -> Any:
        """See :meth:`asyncio.loop.run_until_complete`."""
        if not (nesting() and self.is_running()):
            return base_events.BaseEventLoop.run_until_complete(self, future)
        self._check_closed()
        task = asyncio.ensure_future(future, loop=self)
        if task is not future:
            cast(Any, task)._log_destroy_pending = False
        self._run_nested(task.done)
        if not task.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return task.result()

    def _run_nested(self, done: Callable[[], bool]) -> None:
        """Run inside a callback of this loop, whose task is not current meanwhile."""
        running = events._get_running_loop()
        events._set_running_loop(self)
        task = swap_current_task(self, None)
        try:
            self._run_inside(done)
        finally:
            swap_current_task(self, task)
            events._set_running_loop(running)

    def run_forever(self) -> None:
        """Run until ``stop()``; see :meth:`asyncio.loop.run_forever`."""
        self._check_closed()
        if nesting() and self.is_running():
            self._run_nested(lambda: False)
            return
        self._check_running()
        # The loop inside whose callback this one runs, if nest_asyncio allows that. From CPython
        # 3.14 on a thread has one current task, whichever its loop is.
        around = events._get_running_loop()
        task = swap_current_task(around, None) if around is not None else None
        self._set_coroutine_origin_tracking(self._debug)
        old_hooks = sys.get_asyncgen_hooks()
        self._swap_wakeup_fd(-1, self._csock.fileno())
        try:
            self._thread_id = threading.get_ident()
            sys.set_asyncgen_hooks(
                firstiter=self._asyncgen_firstiter_hook,
                finalizer=self._asyncgen_finalizer_hook,
            )
            events._set_running_loop(self)
            self._run_turns()
        finally:
            self._thread_id = None  # type: ignore[assignment]
            events._set_running_loop(around)
            if around is not None:
                swap_current_task(around, task)
            self._set_coroutine_origin_tracking(False)
            sys.set_asyncgen_hooks(*old_hooks)
            if not self._signal_handlers:
                self._swap_wakeup_fd(self._csock.fileno(), -1)

    def _swap_wakeup_fd(self, old: int, new: int) -> None:
        """Have signals written to ``new``, so that they end the wait and Python's
        handlers run at once; leave alone what is neither ``old`` nor ours.

        Only the main thread may do this.
        """
        if threading.current_thread() is threading.main_thread():
            found = signal.set_wakeup_fd(new, warn_on_full_buffer=False)
            if found not in (old, self._csock.fileno()):
                signal.set_wakeup_fd(found, warn_on_full_buffer=False)

    def remove_signal_handler(self, sig: int) -> bool:
        """See :meth:`asyncio.loop.remove_signal_handler`."""
        removed: bool = super().remove_signal_handler(sig)
        # With the last handler asyncio has also let go of the descriptor.
        if removed and self.is_running():
            self._swap_wakeup_fd(-1, self._csock.fileno())
        return removed

    def _callback_failed(self, handle: Any, exception: BaseException) -> None:
        # As asyncio.Handle._run() does.
        debug = {"debug": self._debug} if _FORMAT_TAKES_DEBUG else {}
        callback = format_helpers._format_callback_source(
            handle._callback, handle._args, **debug
        )
        context = {
            "message": f"Exception in callback {callback}",
            "exception": exception,
            "handle": handle,
        }
        if handle._source_traceback:
            context["source_traceback"] = handle._source_traceback
        self.call_exception_handler(context)

    def _run_timed(self, handle: Any) -> None:
        # In debug mode; as asyncio's _run_once() does.
        self._current_handle = handle
        try:
            began = self.time()
            handle._run()
            took = self.time() - began
            if took >= self.slow_callback_duration:
                name = _base_events._format_handle(handle)
                _base_events.logger.warning("Executing %s took %.3f seconds", name, took)
        finally:
            self._current_handle = None
            # The traceback of a failed task leads to this frame.
            del handle

    def _caller_stack(self) -> traceback.StackSummary:
        # In debug mode: where a handle is made.
        return format_helpers.extract_stack(sys._getframe(1))

    def _add_callback_signalsafe(self, handle: events.Handle) -> None:
        # asyncio's own handles, of add_signal_handler(), join our queue.
        self.call_soon_threadsafe(handle._run)

    def close(self) -> None:
        """Close the loop, its descriptors and its threads."""
        if self.is_running():
            raise RuntimeError("Cannot close a running event loop")
        if self.is_closed():
            return
        local = self.__dict__.pop("_fastrapi_local", None)
        if local is not None:
            local.close()
        unix_events._UnixSelectorEventLoop.close(self)
        self._shut()
