"""What comes out of Starlette's ``create_collapsing_task_group()``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

GROUP = "unhandled errors in a TaskGroup"


def raise_collapsed(errors: Sequence[BaseException]) -> NoReturn:
    """Raise what its tasks have raised: an only one as it is."""
    try:
        raise BaseExceptionGroup(GROUP, errors) from None
    except BaseExceptionGroup:
        if len(errors) != 1:
            raise
        error = errors[0]
        context = None if error.__suppress_context__ else error.__context__
        raise error from error.__cause__ or context
