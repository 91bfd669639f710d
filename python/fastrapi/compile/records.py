"""The numbers of ``shm/plan.h`` and the tuples that ``_engine.build_table`` takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from fastrapi import _engine

_constants = _engine.plan_constants()

OP = SimpleNamespace(**_constants["STEP"])
SOURCE = SimpleNamespace(**_constants["SOURCE"])
FLAG = SimpleNamespace(**_constants["STEP_FLAG"])
MODE = SimpleNamespace(**_constants["RESPONSE"])
PLAN_FLAG = SimpleNamespace(**_constants["PLAN_FLAG"])

NONE = -1


class NotCompiled(Exception):
    """A route stays with the application's own ASGI interface.

    The text is the reason, written for the author of the application.
    """


@dataclass(slots=True)
class Step:
    """One step of a plan; see ``struct shm_step``."""

    op: int
    source: int = 0
    flags: int = 0
    slot: int = NONE
    name: bytes = b""
    object: int = NONE
    object2: int = NONE
    args: tuple[int, ...] = ()
    key: int = NONE
    loc: tuple[str, ...] = ()  # of its errors; not part of the record

    def record(self) -> tuple[Any, ...]:
        return (
            self.op,
            self.source,
            self.flags,
            self.slot,
            self.name,
            self.object,
            self.object2,
            self.args,
            self.key,
        )


@dataclass(slots=True)
class Plan:
    """One plan; see ``struct shm_plan``."""

    steps: list[Step]
    n_pure: int
    n_slots: int
    flags: int
    status: int
    response_mode: int
    helper: int
    response_validator: int = NONE
    response_serializer: int = NONE
    response_kwargs: int = NONE
    response_values: int = NONE

    def record(self) -> tuple[Any, ...]:
        return (
            [step.record() for step in self.steps],
            self.n_pure,
            self.n_slots,
            self.flags,
            self.status,
            self.response_mode,
            self.response_validator,
            self.response_serializer,
            self.response_kwargs,
            self.response_values,
            self.helper,
        )


@dataclass(slots=True)
class Objects:
    """The Python objects that plans name by index, in order of first use."""

    all: list[Any] = field(default_factory=list)
    _index: dict[int, int] = field(default_factory=dict)

    def add(self, value: Any) -> int:
        """Index of ``value``; the same object always gets the same index."""
        index = self._index.get(id(value))
        if index is None:
            index = self._index[id(value)] = len(self.all)
            self.all.append(value)
        return index
