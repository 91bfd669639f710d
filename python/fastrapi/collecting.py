"""The garbage collector while the application is loaded."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Nearly all that is made meanwhile stays, and each look at it is in vain.
_RARE = (50_000, 20, 1_000)


@contextmanager
def rarely() -> Iterator[None]:
    """Inside it garbage is looked for rarely. An application that sets thresholds of its own
    keeps them."""
    before = gc.get_threshold()
    gc.set_threshold(*_RARE)
    try:
        yield
    finally:
        if gc.get_threshold() == _RARE:
            gc.set_threshold(*before)
