"""Boards read from outside, through ``tests/unit/board_dump``."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from server import BUILD, Fastrd

DUMP = str(BUILD / "obj/tests/unit/board_dump")


@dataclass
class Board:
    pid: int
    generation: int
    state: str
    heartbeat_ns: int
    interpreter_ns: int
    counters: dict[str, int]


def read(path: str | Path) -> list[Board]:
    """Those of the boards behind ``path`` that a process has or had, in their order."""
    done = subprocess.run([DUMP, str(path)], stdout=subprocess.PIPE, text=True, check=True)
    boards = [Board(**json.loads(line)) for line in done.stdout.splitlines()]
    for board in boards:
        board.state = board.state.lower()
    return boards


def boards(server: Fastrd) -> list[Board]:
    """The server's."""
    assert server.process is not None
    directory = Path(f"/proc/{server.process.pid}/fd")
    return read(next(p for p in directory.iterdir() if "fastrd-boards" in os.readlink(p)))


def total(server: Fastrd, name: str) -> int:
    """A counter of the whole server."""
    return sum(board.counters[name] for board in boards(server))


@contextlib.contextmanager
def new_boards(n: int) -> Iterator[int]:
    """A descriptor of ``n`` boards as the master makes them."""
    command = [DUMP, "--create", str(n)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdin is not None and maker.stdout is not None
        fd = os.open(maker.stdout.readline().strip(), os.O_RDWR)
        try:
            yield fd
        finally:
            os.close(fd)
            maker.stdin.close()
