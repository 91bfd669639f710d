"""Calls a function of an application in a loop and prints its CPU µs for each call.

    python bench/own.py MODULE:FUNCTION SECONDS

Run by run.py for the peer `own`: what an application costs without any server.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop


async def measure(function: Callable[[], Any], seconds: float) -> float:
    """CPU µs of all threads for each call."""
    awaited = inspect.iscoroutinefunction(function)

    async def call(count: int) -> float:
        begun = time.process_time()
        for _ in range(count):
            made: Awaitable[Any] = function()
            if awaited:
                await made
        return time.process_time() - begun

    count = 1
    while (took := await call(count)) < seconds / 10:
        count *= 2
    count = max(int(count * seconds / took), 1)
    return await call(count) / count * 1e6


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent / "apps"))
    module, _, name = sys.argv[1].partition(":")
    print(uvloop.run(measure(getattr(importlib.import_module(module), name), float(sys.argv[2]))))
