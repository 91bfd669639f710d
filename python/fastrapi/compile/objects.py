"""The Python objects that plans name by index."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Objects:
    """The objects of one compilation, in order of first use.

    Objects are told apart by id(). No id can be used again meanwhile, because
    everything that was asked for is kept as long as this list.
    """

    def __init__(self) -> None:
        self.all: list[Any] = []
        self._index: dict[int, int] = {}
        self._equals: dict[Hashable, Hashable] = {}
        self._bound: dict[tuple[int, str], tuple[Any, Any]] = {}
        # What FastAPI calls them, by the id of functions, which are kept.
        self.kinds: dict[int, tuple[Any, str]] = {}

    def add(self, value: Any) -> int:
        """The index of ``value``; the same object always gets the same index."""
        index = self._index.get(id(value))
        if index is None:
            index = self._index[id(value)] = len(self.all)
            self.all.append(value)
        return index

    def add_equal(self, value: Hashable) -> int:
        """The index of the first object given here that equals ``value``."""
        return self.add(self._equals.setdefault(value, value))

    def bound(self, owner: Any, name: str) -> Any:
        """``owner``'s method ``name``: each owner's is one object, which Python would
        make anew each time it is asked for. Owner and method are kept."""
        key = id(owner), name
        if key not in self._bound:
            self._bound[key] = owner, getattr(owner, name)
        return self._bound[key][1]
