"""Each allocation of a request fails in turn: the client has an answer or sees that there is
none, what was entered is left, nothing stays, and the next request is answered."""

from __future__ import annotations

import gc
import resource
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
       ("broken", "", "python"), ("plain", "dispatch native asgi", "python"), ("upload", "native", "python"),
       ("stream", "native", "c"), ("background", "native dispatch", "c"), ("arriving", "", "c"),
       ("file", "dispatch native", "c"), ("threads", "asgi", "c"), ("big", "native", "c")}  # fmt: skip
# Chosen of the half in which Python's own allocations fail, which takes hours as a whole: why, which
# kinds, and behind which layers.
COVERING = (
    ("each kind of request runs to its end by itself", tuple(KINDS), ("",)),
    ("each way to make, to refuse and to leave an answer meets each kind of layer",
     ("plain", "raises", "broken", "handled", "guarded", "background", "stream", "lines", "file", "upload"),
     ("asgi", "sends", "receives", "dispatch", "native")),
    ("layers hand messages, pieces, exceptions and files on to each other", ("plain", "stream", "handled", "file"),
     ("sends dispatch", "dispatch dispatch", "native dispatch", "dispatch native asgi")),
    ("what arrives late, or raises in a mounted application, meets the tasks of a dispatch layer",
     ("arriving", "guarded raises"), ("dispatch",)),
)  # fmt: skip
CHOSEN = {(kind, stack, "python") for _, kinds, stacks in COVERING for kind, stack in product(kinds, stacks)}


def marks(case: tuple[str, str, str]) -> list[pytest.MarkDecorator]:
    return [mark for mark, cases in ((pytest.mark.few, FEW), (pytest.mark.chosen, CHOSEN)) if case in cases]


CASES = [
    pytest.param(*case, id=", ".join(case), marks=marks(case)) for case in product(KINDS, STACKS, ("python", "c"))
]


@pytest.fixture(scope="module")
def survey() -> Iterator[Survey]:
    """Garbage is collected when it is asked for, in the loop's thread: a collection in the
    client's would end what belongs to the loop. Each server that is left behind keeps its
    descriptors."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
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
