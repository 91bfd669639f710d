"""A plan that is being collected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from .objects import Objects
from .records import FLAG, Encoding, Plan, Step


class Location(NamedTuple):
    """Where errors place a value. ``renamed``: what they call some of its members, by the
    names that Pydantic gives them."""

    path: tuple[str, ...]
    renamed: dict[str, str]


@dataclass(slots=True)
class Draft:
    """Steps, slots and flags of one route's plan.

    ``pure`` steps run no user code, ``calls`` do, in FastAPI's order. ``locations``
    says for the slot of a value where errors place it, in the order in which FastAPI
    reports them; ``others`` says so for the further names of its step. ``inexact``:
    FastAPI places some of them elsewhere.
    """

    objects: Objects
    pure: list[Step] = field(default_factory=list)
    calls: list[Step] = field(default_factory=list)
    flags: int = 0
    n_slots: int = 0
    locations: dict[int, Location] = field(default_factory=dict)
    others: dict[int, list[Location]] = field(default_factory=dict)
    inexact: bool = False

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

    def step_locations(self) -> dict[int, Location]:
        """``locations`` by the number of the reading or validating step in the plan, and
        ``others`` by those of the steps behind it."""
        numbers = {step.slot: number for number, step in enumerate([*self.pure, *self.calls])}
        return {
            numbers[slot] + behind: location
            for slot, first in self.locations.items()
            for behind, location in enumerate([first, *self.others.get(slot, ())])
        }
