"""The compiler under other versions of FastAPI, Starlette and Pydantic."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import ENVIRONMENTS, Environment

HERE = Path(__file__).parent
TESTS = [str(path) for path in sorted(HERE.glob("test_*answers.py"))]
TESTS += [str(HERE / name) for name in ("test_verdicts.py", "test_reasons.py", "test_exits.py")]


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.fastapi)
def test_it_compiles_and_answers_as_that_version(environment: Environment) -> None:
    environment.passes(TESTS, 300)
