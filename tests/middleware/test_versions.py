"""Native middleware under other versions of Starlette, in ``./check`` and ``make check-versions`` as the compiler."""

from __future__ import annotations

from pathlib import Path

import pytest
from environments import STARLETTES, Environment, chosen

HERE = Path(__file__).parent
TESTS = [str(HERE / f"test_{name}.py") for name in ("cors", "gzip", "hosts", "session", "chains", "edge")]
TESTS.append(f"{HERE / 'test_session_cookies.py'}::test_what_one_writes_the_other_reads")


@pytest.mark.parametrize("environment", chosen(STARLETTES), ids=lambda environment: environment.name)
def test_it_is_native_and_answers_as_that_version(environment: Environment) -> None:
    environment.passes(TESTS, 600)
