"""The compiler under other versions of FastAPI, Starlette and Pydantic."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from environments import ENVIRONMENTS, Environment

HERE = Path(__file__).parent
TESTS = [str(HERE / name) for name in ("test_verdicts.py", "test_reasons.py", "test_answers.py")]
# Quick enough for every run; FASTRD_GRID_STEP=1 asks everything.
STEP = os.environ.get("FASTRD_GRID_STEP", "7")


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.fastapi)
def test_it_compiles_and_answers_as_that_version(environment: Environment) -> None:
    environment.make()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *TESTS],
        cwd=HERE, env={**environment.variables(), "FASTRD_GRID_STEP": STEP}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, f"{environment.because}\n{done.stdout[-6000:]}{done.stderr[-2000:]}"
