"""An application of this directory under uvicorn and under fastrd, side by side."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import servers

HERE = Path(__file__).parent


@contextmanager
def both(app: str, state: Path) -> Iterator[tuple[int, int]]:
    """The ports of uvicorn and of fastrd; their logs go below ``state``."""
    first, second = servers.free_port(), servers.free_port()
    reference = [*servers.uvicorn(app, HERE, first), "--ws", "websockets-sansio"]
    ours = servers.fastrd(app, HERE, second)
    with (
        servers.serving(reference, first, state / "uvicorn.log", {}),
        servers.serving(ours, second, state / "fastrd.log", {}),
    ):
        yield first, second


def ask(port: int, path: str) -> Any:
    """What the application answers there, in JSON."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as answer:
        return json.load(answer)


def observe(port: int, talk: Coroutine[Any, Any, list[Any]]) -> tuple[list[Any], Any]:
    """What the client sees in its talk, and what the application has seen of it."""
    return asyncio.run(talk), ask(port, "seen")
