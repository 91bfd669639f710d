"""What a process holds, seen from outside."""

from __future__ import annotations

import os
import statistics
from itertools import combinations
from pathlib import Path

# A sanitizer keeps freed memory: nothing to judge then.
JUDGED = "ASAN_OPTIONS" not in os.environ


def _status(pid: int, key: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition(f"\n{key}:")[2].split(maxsplit=1)[0])


def anonymous_bytes(pid: int) -> int:
    """Resident memory that is not a file's (RssAnon)."""
    return _status(pid, "RssAnon") * 1024


def threads(pid: int) -> int:
    return _status(pid, "Threads")


def descriptors(pid: int) -> list[str]:
    """What each open descriptor is, sorted; sockets and pipes without their numbers."""
    found = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(fd).partition(":[")[0])
        except FileNotFoundError:
            pass
    return sorted(found)


def slope(values: list[int]) -> float:
    """Growth per step: the median of all pairs' (Theil and Sen), so that single
    steps of the allocator do not count."""
    pairs = combinations(enumerate(values), 2)
    return statistics.median((b - a) / (j - i) for (i, a), (j, b) in pairs)
