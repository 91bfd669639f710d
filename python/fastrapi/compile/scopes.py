"""Cancel scopes of anyio's: around tasks, and around plain functions on pool threads
(``bindings/plan/hop``) and other work there (``bindings/stack/work``).

FastAPI runs such a function with ``anyio.to_thread.run_sync``. The cancel scopes of the
application's middleware wait for it, and it finds the innermost of them as its own.
"""

from __future__ import annotations

import asyncio
from typing import Any

from anyio import CancelScope
from anyio._backends._asyncio import _task_states
from anyio._core._eventloop import threadlocals


def scope_of(task: Any) -> Any:
    """The innermost cancel scope that ``task`` runs in, or None."""
    state = _task_states.get(task)
    return state.cancel_scope if state is not None else None


def is_cancelled_in(scope: Any) -> bool:
    """Would a checkpoint inside ``scope`` (None: outside of all) be cancelled?"""
    while scope is not None:
        if scope._cancel_called or scope._shield:
            return bool(scope._cancel_called)
        scope = scope._parent_scope
    return False


def thread_scopes() -> tuple[CancelScope, Any]:
    """The shield to wait in for functions of the current task, and the scope that they have:
    the task's own, or None."""
    return CancelScope(shield=True), scope_of(asyncio.current_task())


async def shielded(future: asyncio.Future[Any], shield: CancelScope | None = None) -> Any:
    """The result of functions on a pool thread: what a dependency has opened for them is not
    closed while they run."""
    with shield or CancelScope(shield=True):
        return await future


def is_cancelled_around(shield: Any) -> bool:
    """Would what the task awaits after it has left ``shield`` be cancelled? A pool thread
    asks."""
    return is_cancelled_in(shield._parent_scope)


def swap_scope(scope: Any) -> Any:
    """Make ``scope`` that of this thread's functions, for ``anyio.from_thread``: a middleware's
    time-out is seen by ``check_cancelled()``, and ends what ``run()`` runs. Returns the one
    before."""
    before = threadlocals.current_cancel_scope
    threadlocals.current_cancel_scope = scope
    return before
