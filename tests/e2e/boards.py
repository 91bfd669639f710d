"""The boards of a running server, read from outside."""

from __future__ import annotations

import mmap
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from fastrd import ROOT, Fastrd

NAMES = re.findall(
    r"^SHM_COUNTER\((\w+),", (ROOT / "shm/counters.def").read_text(), re.MULTILINE
)
HEAD = struct.Struct("=4I2Q")  # version, state, pid, generation, heartbeat, request start
COUNTERS = struct.Struct(f"={len(NAMES)}Q")
STATES = ["empty", "starting", "serving", "draining", "stopping"]


@dataclass
class Board:
    pid: int
    generation: int
    state: str
    counters: dict[str, int]


def boards(server: Fastrd) -> list[Board]:
    """Those that a process has or had, in their order."""
    assert server.process is not None
    directory = Path(f"/proc/{server.process.pid}/fd")
    path = next(p for p in directory.iterdir() if "fastrd-boards" in os.readlink(p))
    found = []
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as all_boards:
        for at in range(0, len(all_boards), mmap.PAGESIZE):
            version, state, pid, generation, _, _ = HEAD.unpack_from(all_boards, at)
            if version:
                values = COUNTERS.unpack_from(all_boards, at + HEAD.size + 128 + 256)
                counters = dict(zip(NAMES, values, strict=True))
                found.append(Board(pid, generation, STATES[state], counters))
    return found


def total(server: Fastrd, name: str) -> int:
    """A counter of the whole server."""
    return sum(board.counters[name] for board in boards(server))
