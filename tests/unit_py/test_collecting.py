"""The garbage collector while an application is loaded, and afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from fastrapi.collecting import rarely


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def youngest(kept: list[list[int]]) -> bool:
    """Is what was made last among the objects that the next collection looks at?"""
    return any(one is kept[-1] for one in gc.get_objects(generation=0))


def test_what_was_loaded_is_looked_at_neither_while_loading_nor_right_after() -> None:
    looks: list[dict[str, int]] = []

    def look(phase: str, info: dict[str, int]) -> None:
        looks.append(info)

    gc.callbacks.append(look)
    try:
        with rarely():
            kept = [[i] for i in range(200_000)]
            assert youngest(kept)
        assert not looks
    finally:
        gc.callbacks.remove(look)
    assert not youngest(kept)
    assert gc.get_count()[0] < gc.get_threshold()[0]


def test_garbage_of_loading_is_found_by_a_full_collection() -> None:
    with rarely():
        circle: list[object] = []
        circle.append(circle)
        del circle
    assert gc.collect() > 0


def test_what_an_application_has_frozen_and_set_stays_so() -> None:
    gc.collect()
    with rarely():
        gc.freeze()
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
    with rarely():
        gc.set_threshold(123, 4, 5)
        kept = [[i] for i in range(50)]
        assert youngest(kept)
    assert gc.get_threshold() == (123, 4, 5)
    assert youngest(kept)
