"""Routes that only newer versions of FastAPI can declare."""

from collections.abc import Callable
from typing import Any


def declared(decorate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``decorate``, or nothing when this FastAPI refuses the declaration."""

    def declare(endpoint: Any) -> Any:
        try:
            return decorate(endpoint)
        except AssertionError:
            return endpoint

    return declare
