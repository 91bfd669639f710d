"""Python stacks on standard error, of a process that crashes or is stuck."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import inspect
import logging
import signal
import traceback
from collections.abc import Iterator
from types import FrameType
from typing import Any

logger = logging.getLogger("fastrapi.error")

_STDERR = 2
_TASKS = 20


def show_stacks(number: int) -> None:
    """Show the stacks of all threads when this process crashes, and when the signal
    ``number`` comes. Both handlers are C: they need no interpreter that is free. Then, if
    the interpreter is, the signal also shows what tasks wait for: the stack of the loop's
    thread does not say it."""
    signal.signal(number, _show_tasks)
    faulthandler.enable(_STDERR)
    faulthandler.register(number, _STDERR, chain=True)


def _suspended(awaitable: Any) -> tuple[FrameType, Any] | None:
    """The frame of a coroutine or generator, and what it awaits; None for anything else."""
    if inspect.iscoroutine(awaitable):
        frame, inner = awaitable.cr_frame, awaitable.cr_await
    elif inspect.isasyncgen(awaitable):
        frame, inner = awaitable.ag_frame, awaitable.ag_await
    elif inspect.isgenerator(awaitable):
        frame, inner = awaitable.gi_frame, awaitable.gi_yieldfrom
    else:
        return None
    return None if frame is None else (frame, inner)


def _frames(awaitable: Any) -> Iterator[tuple[FrameType, int]]:
    """From a coroutine to what it waits for in the end."""
    while awaitable is not None:
        found = _suspended(awaitable)
        if found is not None:
            yield found[0], found[0].f_lineno
            awaitable = found[1]
        else:
            # The step of an async generator does not say whose it is.
            behind = gc.get_referents(awaitable)
            awaitable = next(filter(inspect.isasyncgen, behind), None)


def _show_tasks(_number: int, _frame: FrameType | None) -> None:
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:
        return  # no loop runs: the threads' stacks say it all
    text = [f"{len(tasks)} tasks of the event loop"]
    for task in list(tasks)[:_TASKS]:
        stack = traceback.StackSummary.extract(_frames(task.get_coro()))
        text += [f"Task {task.get_name()}:", *(line.rstrip() for line in stack.format())]
    logger.warning("%s", "\n".join(text))
