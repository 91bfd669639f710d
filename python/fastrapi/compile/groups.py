"""What leaving a task group of anyio's does, for tasks that no group has begun."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from anyio._backends._asyncio import CancelScope, TaskState, _task_states

from fastrapi._engine import resolve

GROUP = "unhandled errors in a TaskGroup"


def raise_collapsed(errors: Sequence[BaseException]) -> NoReturn:
    """Raise what comes out of Starlette's ``create_collapsing_task_group()``: what its tasks have
    raised, an only exception as it is."""
    try:
        raise BaseExceptionGroup(GROUP, errors) from None
    except BaseExceptionGroup:
        if len(errors) != 1:
            raise
        error = errors[0]
        context = None if error.__suppress_context__ else error.__context__
        raise error from error.__cause__ or context


def cancel(tasks: Iterable[Any], host: Any) -> None:
    """Cancel ``tasks`` as the scope of a group that ``host`` has entered does: one scope is put
    above theirs."""
    scope: Any = CancelScope()
    scope._host_task = host
    for task in tasks:
        state = _task_states.setdefault(task, TaskState(None, None))
        task.add_done_callback(_forget)
        top: Any = state.cancel_scope
        if top is None:
            state.cancel_scope = scope
            scope._tasks.add(task)
            continue
        while top._parent_scope is not None:
            top = top._parent_scope
        top._parent_scope = scope
        scope._child_scopes.add(top)
    scope.cancel()


def _forget(task: Any) -> None:
    """The state of a task that has ended refers to the task."""
    state = _task_states.pop(task, None)
    if state is not None and state.cancel_scope is not None:
        state.cancel_scope._tasks.discard(task)


async def leave(
    child: asyncio.Task[Any], raised: BaseException | None, cancelled: bool
) -> None:
    """Leave the group whose only task is ``child``, which did not end well or still runs.
    ``raised``: the exception in its host, or None. ``cancelled``: the child was. Raises what
    the group raises."""
    errors = [] if raised is None or isinstance(raised, asyncio.CancelledError) else [raised]
    if child.done():
        await asyncio.sleep(0)
    else:
        if not cancelled:
            cancel([child], asyncio.current_task())
        with CancelScope() as shield:
            while not child.done():
                try:
                    await ended(child)
                except asyncio.CancelledError as exc:
                    shield.shield = True
                    if raised is None or isinstance(raised, asyncio.CancelledError):
                        raised = exc
    failure = None if child.cancelled() else child.exception()
    if failure is not None:
        errors.append(failure)
    if errors:
        raise_collapsed(errors)
    if raised is not None:
        raise raised


def ended(child: asyncio.Task[Any]) -> asyncio.Future[None]:
    """A future that is done when the callbacks of ``child`` run."""
    future = child.get_loop().create_future()

    def tell(_: Any) -> None:
        resolve(future)

    child.add_done_callback(tell)
    return future
