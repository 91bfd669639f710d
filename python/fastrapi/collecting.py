"""The garbage collector while the application is loaded."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Nearly all that is made meanwhile stays, and each look at it is in vain.
_RARE = (500_000, 20, 1_000)


@contextmanager
def rarely() -> Iterator[None]:
    """Inside it garbage is looked for rarely, and not for its sake at the end: what is there then
    counts as old. An application that sets thresholds of its own keeps them."""
    before = gc.get_threshold()
    gc.set_threshold(*_RARE)
    try:
        yield
    finally:
        if gc.get_threshold() == _RARE:
            _make_old()
            gc.set_threshold(*before)


def _make_old() -> None:
    """Put all objects where only a full collection looks, without looking at them. What the
    application has frozen would be thawed: then nothing is done."""
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.unfreeze()
