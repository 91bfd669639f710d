"""Parameters with several names, and forms of several models: the plan chooses the name, the
value and the model that FastAPI chooses, and places errors where it does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import several_names
from client import Answer, ask, forced, run
from declared import FASTAPI


def answers(part: str, mode: str) -> list[Answer]:
    found: list[Any] = []

    async def main() -> None:
        with forced(mode):
            app = several_names.make()
            found.extend([await ask(app, request) for request in several_names.PARTS[part]()])

    run(main)
    return found


@pytest.mark.parametrize("part", several_names.PARTS)
def test_answers_are_those_of_fastapi(part: str) -> None:
    asked = list(several_names.PARTS[part]())
    there, here = answers(part, "asgi"), answers(part, "none")
    different = [pair for pair in zip(asked, there, here, strict=True) if pair[1] != pair[2]]
    assert not different, f"{len(different)} of {len(asked)}: {different[:3]}"
    compiled = Counter((one.data[9:12], one.compiled) for one in here)
    if FASTAPI >= (0, 165):
        assert compiled[b"200", True] and compiled[b"422", True] > 10, compiled
        assert not compiled[b"200", False], compiled
