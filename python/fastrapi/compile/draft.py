"""A plan that is being collected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .objects import Objects
from .records import FLAG, Encoding, Plan, Step


@dataclass(slots=True)
class Draft:
    """Steps, slots and flags of one route's plan.

    ``pure`` steps run no user code, ``calls`` do, in FastAPI's order. ``locations``
    says for the slot of a value that is validated in Python where errors place it.
    """

    objects: Objects
    pure: list[Step] = field(default_factory=list)
    calls: list[Step] = field(default_factory=list)
    flags: int = 0
    n_slots: int = 0
    locations: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def new_slot(self) -> int:
        """The number of a value that has none yet."""
        self.n_slots += 1
        return self.n_slots - 1

    def add(self, steps: Iterable[Step]) -> None:
        """Append steps of either kind: user code waits for its place among the calls."""
        for step in steps:
            (self.calls if step.flags & FLAG.IMPURE else self.pure).append(step)

    def plan(self, status: int, encoding: Encoding, helper: int) -> Plan:
        """The plan, now that all is collected. ``status`` 0: 200; ``helper`` is the
        index of the route's helper."""
        return Plan(
            [*self.pure, *self.calls],
            len(self.pure),
            self.n_slots,
            self.flags,
            status,
            *encoding,
            helper,
        )

    def step_locations(self) -> dict[int, tuple[str, ...]]:
        """``locations`` by the number of the validating step in the plan."""
        return {
            number: self.locations[step.slot]
            for number, step in enumerate(self.calls, len(self.pure))
            if step.flags & FLAG.IMPURE
        }
