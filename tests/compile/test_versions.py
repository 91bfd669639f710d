"""The compiler under other versions of FastAPI, Starlette and Pydantic: the oldest and one of the middle in
``./check``, each in ``make check-versions``."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import ENVIRONMENTS, STARLETTES, Environment, chosen

HERE = Path(__file__).parent
TESTS = [str(path) for path in sorted(HERE.glob("test_*answers.py"))]
OF_WEBSOCKETS = "test_as_under_uvicorn_and_without_starlettes_router"
TESTS += [str(HERE / name) for name in ("test_verdicts.py", "test_reasons.py", "test_exits.py")]


@pytest.mark.parametrize("environment", chosen(ENVIRONMENTS), ids=lambda environment: environment.fastapi)
def test_it_compiles_and_answers_as_that_version(environment: Environment) -> None:
    environment.passes(TESTS, 300)


# Plans of the oldest run behind no layer, and the next has other exit stacks in the scope.
@pytest.mark.parametrize("environment", chosen(STARLETTES[2:]), ids=lambda environment: environment.name)
def test_native_layers_among_others_are_as_in_that_version(environment: Environment) -> None:
    environment.passes([str(HERE / "test_mixed.py")], 300)


@pytest.mark.parametrize("environment", chosen(ENVIRONMENTS), ids=lambda environment: environment.fastapi)
def test_websockets_are_as_under_uvicorn_with_that_version(environment: Environment) -> None:
    plans = HERE.parent / "websocket" / "test_plan.py"
    environment.passes([f"{plans}::{OF_WEBSOCKETS}[{around}]" for around in ("alone", "included", "layered")], 300)
