"""What a compiled application answers is what the installed FastAPI answers.

Every request of the parity tests' grid goes to two instances of the application in
this process: one compiled, one forced through ASGI. This is the test that runs
under every supported version of FastAPI (test_versions.py).
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import grid
import grid_requests
import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI
from wire import Request

from fastrapi.compile import compile_app

SHOWN = 5
# Ask every n-th request only, but all of those that look at what others left.
LOOKING = ("dependencies", "validators")
STEP = int(os.environ.get("FASTRD_GRID_STEP", "1"))


def fresh_grid() -> Any:
    """An instance of the grid and its parts with a state of its own."""
    for name in [name for name in sys.modules if name.startswith("grid_") and name != "grid_requests"]:
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location("fresh_grid", Path(grid.__file__))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


@pytest.fixture(scope="module")
def apps() -> tuple[Any, Any]:
    """(reference, tested)"""
    return fresh_grid(), fresh_grid()


def difference(request: Request, expected: Answer, found: Answer) -> str:
    return f"{request}\n  FastAPI:  {expected}\n  compiled: {found}"


@pytest.mark.parametrize("group", list(grid_requests.GROUPS))
def test_compiled_answers_are_those_of_fastapi(apps: tuple[Any, Any], group: str) -> None:
    requests = grid_requests.GROUPS[group][:: 1 if group in LOOKING else STEP]
    differences = []
    n_compiled = 0

    async def main() -> None:
        nonlocal n_compiled
        for request in requests:
            with forced("asgi"):
                expected = await ask(apps[0], request)
            with forced("none"):
                found = await ask(apps[1], request)
            assert not expected.compiled
            n_compiled += found.compiled
            if expected != found:
                differences.append(difference(request, expected, found))

    run(main)
    if differences:
        shown = "\n".join(differences[:SHOWN])
        pytest.fail(f"{len(differences)} of {len(requests)} differ\n{shown}", pytrace=False)
    # Forms are not compiled for earlier versions.
    assert n_compiled > 0 or (group == "form" and FASTAPI < (0, 165))


def test_nearly_every_route_is_compiled() -> None:
    """Older versions do without form bodies and some validators."""
    compiled = compile_app(grid.app)
    assert len(compiled.entries) >= 100
    assert compiled.n_compiled >= (0.9 if FASTAPI >= (0, 165) else 0.8) * len(compiled.entries)
