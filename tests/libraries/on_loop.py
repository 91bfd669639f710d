"""Run a coroutine on fastrapi.EventLoop, strictly."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections.abc import Callable, Coroutine
from typing import Any

from fastrapi import EventLoop


def descriptors() -> dict[str, str]:
    """What this process has open."""
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found


def run(main: Callable[[], Coroutine[Any, Any, Any]], seconds: float = 30) -> Any:
    """What ``main()`` returns. Fails when it takes longer than ``seconds``, when
    anything went to the loop's exception handler, or when descriptors are left."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> Any:
        loop = asyncio.get_running_loop()
        assert type(loop) is EventLoop
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        return await asyncio.wait_for(main(), seconds)

    gc.collect()
    before = descriptors()
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        result = runner.run(watched())
    gc.collect()
    assert complaints == []
    left = {fd: name for fd, name in descriptors().items() if before.get(fd) != name}
    assert left == {}
    return result
