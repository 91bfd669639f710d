"""Each allocation of a request fails in turn: the client has an answer or sees that there is
none, what was entered is left, nothing stays, and the next request is answered."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest
from counted import KINDS, STACKS, Ledger, make
from survey import Case, Survey

# These also without --every.
FEW = {("nothing", "", "python"), ("plain", "", "python"), ("mounted file", "", "python"), ("mounted file", "asgi", "python"),
       ("file", "", "python"), ("threads", "sends", "python"), ("stream", "asgi", "python"),
       ("broken", "", "python"), ("plain", "dispatch native asgi", "python"),
       ("stream", "native", "c"), ("background", "native dispatch", "c"), ("arriving", "", "c"),
       ("file", "dispatch native", "c"), ("threads", "asgi", "c"), ("big", "native", "c")}  # fmt: skip
CASES = [
    pytest.param(*case, id=", ".join(case), marks=[pytest.mark.few] if case in FEW else [])
    for case in product(KINDS, STACKS, ("python", "c"))
]


@pytest.fixture(scope="module")
def survey() -> Iterator[Survey]:
    """Garbage is collected when it is asked for, in the loop's thread: a collection in the
    client's would end what belongs to the loop."""
    gc.disable()
    survey = Survey()
    yield survey
    survey.close()
    gc.enable()


@cache
def served(stack: str) -> tuple[Any, Ledger]:
    ledger = Ledger()
    return make(ledger, stack), ledger


@pytest.mark.filterwarnings("error:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize(("kind", "stack", "where"), CASES)
def test_every_allocation(survey: Survey, kind: str, stack: str, where: str) -> None:
    app, ledger = served(stack)
    faults = list(survey.run(Case(app, KINDS[kind], where, ledger)))
    assert not faults, "\n".join(map(str, faults))
