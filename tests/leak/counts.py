"""What this process holds: references, objects, memory blocks, bytes of malloc."""

from __future__ import annotations

import ctypes
import gc
import sys
from array import array
from collections import Counter
from itertools import compress
from operator import sub
from types import FunctionType, ModuleType
from typing import Any, NamedTuple


class _Mallinfo2(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd",
            "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
        )
    ]  # fmt: skip


# CPython's cache of method look-ups keeps up to 4,096 of the names that were asked for,
# those that C made for one call (PyObject_CallMethod) too. The place of a name in it is
# its address, so it fills by chance and slowly.
_clear_caches = getattr(sys, "_clear_internal_caches", None) or getattr(sys, "_clear_type_cache")
_mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2")
_mallinfo2.restype = _Mallinfo2


def malloc_bytes() -> int:
    """Bytes that malloc has given out and not taken back (all arenas)."""
    info = _mallinfo2()
    return int(info.uordblks + info.hblkhd)


class Counts(NamedTuple):
    """One look at the process."""

    references: array[int]
    kinds: Counter[type]
    blocks: int
    malloced: int


class Watch:
    """Counts, for the objects that exist now: types, functions, the singletons, and
    ``roots`` with what they refer to.

    Freezes what the collector knows, so that later collections are quick and only
    new objects are counted by type.
    """

    def __init__(self, *roots: Any) -> None:
        gc.collect()
        watched = [x for x in gc.get_objects() if isinstance(x, (type, FunctionType))]
        watched += [None, True, False, Ellipsis, NotImplemented, (), "", b"", 0, 1]
        level = list(roots)
        for _ in range(6):
            watched += level
            level = gc.get_referents(*(x for x in level if not isinstance(x, type | ModuleType)))
            level = list({id(x): x for x in level}.values())
        self.watched = list({id(x): x for x in watched}.values())
        del watched, level
        gc.collect()
        gc.freeze()

    def take(self) -> Counts:
        """The counts of now, after collecting garbage and emptying CPython's caches."""
        _clear_caches()
        for _ in range(3):
            gc.collect()
        # Before anything is made here.
        blocks, malloced = sys.getallocatedblocks(), malloc_bytes()
        return Counts(
            array("q", map(sys.getrefcount, self.watched)),
            Counter(map(type, gc.get_objects())),
            blocks,
            malloced,
        )

    def growth(self, before: Counts, after: Counts) -> dict[str, int]:
        """What there is more of: its name -> how much."""
        found: dict[str, int] = {}
        # Hundreds of thousands: compared by C.
        more = list(map(sub, after.references, before.references))
        for x, n in compress(zip(self.watched, more, strict=True), map((0).__lt__, more)):
            found[f"references to {_name(x)}"] = n
        for kind, n in (after.kinds - before.kinds).items():
            found[f"objects of {kind.__module__}.{kind.__qualname__}"] = n
        found["memory blocks of Python"] = after.blocks - before.blocks
        found["bytes of malloc"] = after.malloced - before.malloced
        return found


def _name(x: Any) -> str:
    name = getattr(x, "__qualname__", None) if callable(x) else None
    return f"{type(x).__name__} {name or object.__repr__(x)}"
