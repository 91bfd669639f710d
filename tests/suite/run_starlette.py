#!/usr/bin/env python3
"""Starlette's own tests of middleware, responses and static files, over the bytes of the engine.

    python tests/suite/run_starlette.py              every mode
    python tests/suite/run_starlette.py --mode layers -k contextvars

Takes the sdist of the Starlette that is installed beside `fastrapi`. Mode asgi runs the
tests as they are; in layers every application is a FastAPI, so that its middleware are the
layers of a compiled application; in direct every BaseHTTPMiddleware is a dispatch layer
(starlette_layers.py). It fails when a test fails whose cause is not in
known_failures_starlette.toml, or when fewer than PASS_BAR tests pass. Mode layers leaves
out the tests of Starlette's own tracing: FastAPI traces its requests by itself, so that
they would be counted twice.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import prepare
import run

MODES = {
    "asgi": [],
    "layers": ["--layers=fastapi", "--ignore=tests/middleware/test_opentelemetry.py"],
    "direct": ["--layers=direct"],
}
PASS_BAR = 580
TIMEOUT_S = run.TIMEOUT_S // 6
TESTS = ["tests/middleware", "tests/test_responses.py", "tests/test_staticfiles.py"]


def _plugins(mode: str) -> list[str]:
    return ["-p", "starlette_layers", *MODES[mode]] if MODES[mode] else []


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0],
                                     epilog="Further arguments are pytest's.")
    parser.add_argument("--mode", choices=tuple(MODES), action="append")
    parser.add_argument("--python", type=Path, default=prepare.BUILD / "venv/bin/python",
                        help="interpreter that has fastrapi and the Starlette to test")
    parser.add_argument("--prepare-only", action="store_true")
    options, chosen = parser.parse_known_args(arguments)
    suite = prepare.prepare_starlette(options.python)
    if options.prepare_only:
        return 0
    print(f"Starlette {suite.version}, its own tests", flush=True)
    problems, passed = [], 0
    for mode in options.mode or MODES:
        pytest_options = [*_plugins(mode), "-o", f"timeout={TIMEOUT_S}", *TESTS, *chosen]
        done = run.run_suite(suite, "fastrapi", mode, pytest_options, name=f"starlette-{mode}")
        causes = run.load_causes("fastrapi", mode, "known_failures_starlette.toml")
        problems += run.print_run(done, causes)
        passed += done.passed
        if not chosen and done.passed < PASS_BAR:
            problems.append(f"{mode}: {done.passed} passed, the bar is {PASS_BAR}")
    print()
    for problem in problems:
        print(f"PROBLEM: {problem}")
    print(f"starlette: {passed} passed, {len(problems)} failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
