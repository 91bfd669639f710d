"""Python stacks on standard error, of a process that crashes or is stuck."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import inspect
import logging
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

logger = logging.getLogger("fastrapi.error")

_STDERR = 2
_TASKS = 20
_THREADS = 10
_FRAMES = 20
_DEPTH = 100
_OURS = ("fastrapi._engine", "fastrapi.hooks")


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


def _is_ours(awaitable: Any) -> bool:
    """Is it one of the engine's coroutines, or one that stands in for them? They have no frame."""
    kind = type(awaitable)
    return kind.__name__.endswith("Coroutine") and kind.__module__ in _OURS


def _behind(awaitable: Any) -> Any:
    """What an awaitable without a frame waits for; None: it does not say. The step of an async
    generator does not say whose it is, ours have the coroutine of the user's that they drive."""
    behind = gc.get_referents(awaitable)
    kinds: list[Callable[[Any], Any]] = [inspect.isasyncgen]
    if _is_ours(awaitable):
        kinds += [inspect.iscoroutine, _is_ours]
    for kind in kinds:
        for found in filter(kind, behind):
            return found
    return None


def _frames(awaitable: Any) -> Iterator[tuple[FrameType, int]]:
    """From a coroutine to what it waits for in the end."""
    for _ in range(_DEPTH):
        if awaitable is None:
            break
        found = _suspended(awaitable)
        if found is not None:
            yield found[0], found[0].f_lineno
            awaitable = found[1]
        else:
            awaitable = _behind(awaitable)


def _show_tasks(_number: int, _frame: FrameType | None) -> None:
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:
        return  # no loop runs: the threads' stacks say it all
    text = [f"{len(tasks)} tasks of the event loop"]
    for task in list(tasks)[:_TASKS]:
        stack = traceback.StackSummary.extract(_frames(task.get_coro()))
        if stack:  # else it waits for its next request
            text += [f"Task {task.get_name()}:", *(line.rstrip() for line in stack.format())]
    logger.warning("%s", "\n".join(text))


def _stack(frame: FrameType) -> str:
    """Its innermost calls, without those of ours that run the loop."""
    calls = traceback.extract_stack(frame)
    turns = [n for n, call in enumerate(calls) if call.name == "_run_until"]
    calls[:] = calls[turns[-1] + 2 if turns else 0 :][-_FRAMES:]
    return "".join(calls.format()).rstrip()


def show_blocked(seconds: float, held: bool, delayed: float, doing: str, more: int) -> None:
    """Warn that the event loop of the main thread is blocked, and show where. Called in
    another thread, which must not wait for anybody: the line is written in a third one.
    ``held``: the interpreter could not be had until now, whichever thread had it. ``delayed``
    of the seconds the thread waited for a processor."""
    main, own = threading.main_thread().ident, threading.get_ident()
    frames = {ident: frame for ident, frame in sys._current_frames().items() if ident != own}
    stacks = [_stack(frames[main])] if main in frames else []
    if held:
        others = [frame for ident, frame in frames.items() if ident != main][:_THREADS]
        stacks += [f"Another thread:\n{_stack(frame)}" for frame in others]
    if delayed > seconds / 2:
        cause = f": the machine is busy, it waited {delayed:.1f} s for a processor"
    else:
        cause = " by C code that kept the interpreter" if held else ""
    before = f"; {more} times more since the last such line" if more else ""
    text = f"the event loop has been blocked for {seconds:.1f} s{cause}; {doing}{before}"
    line = "\n".join(filter(None, [text, *stacks]))
    threading.Thread(target=logger.warning, args=("%s", line), daemon=True).start()
