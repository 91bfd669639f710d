#!/usr/bin/env python3
"""FastAPI's own test suite, unmodified, over the bytes of an engine.

    python tests/suite/run.py                     every mode, every check
    python tests/suite/run.py --whole             all tests in every mode
    python tests/suite/run.py --mode asgi -k cookie
    python tests/suite/run.py --engine uvicorn    the baseline, one mode

Takes the sdist of the FastAPI that is installed beside `fastrapi`, runs it with
the plugin engine_transport once with FASTRD_FORCE=compiled and once with asgi,
then once more after `sed s/fastapi/fastrapi/` (mode renamed), which also puts FastrAPI
in FastAPI's place. Mode compiled runs all tests, the others those of the tutorial. It fails when a test fails whose cause is not in known_failures.toml,
when a verdict differs between compiled and asgi, when fewer than PASS_BAR tests pass or
fewer than COMPILED_BAR of the successful requests ran compiled. Everything it keeps is
below build/suite.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import prepare

PASS_BAR = {"compiled": 5150, "asgi": 1380, "renamed": 1380}
# What a mode runs, where that is not all; with --whole it is, and has this bar.
TUTORIAL = "tests/test_tutorial"
PART = {"asgi": [TUTORIAL], "renamed": [TUTORIAL]}
WHOLE_BAR = {"asgi": 5150, "renamed": 5085}
MODES = tuple(PASS_BAR)
COMPILED_BAR = 0.92
TIMEOUT_S = 600 if "ASAN_OPTIONS" in os.environ else 60
HERE = Path(__file__).resolve().parent
GOOD = {"passed", "skipped", "xfailed"}


@dataclass
class Run:
    """The outcome of one pass over the suite in one mode."""

    mode: str
    seconds: float
    verdicts: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> int:
        return sum(verdict == "passed" for verdict in self.verdicts.values())

    @property
    def failures(self) -> dict[str, str]:
        """Test id -> verdict of what neither passed nor was meant not to."""
        return {t: v for t, v in sorted(self.verdicts.items()) if v not in GOOD}


def run_suite(suite: prepare.Suite, engine: str, mode: str, options: list[str],
              name: str = "") -> Run:
    """Run pytest once; its output goes to build/suite/<name>.log, by default
    <engine>-<mode>.log.

    Raises SystemExit when pytest did not get as far as running tests.
    """
    report = suite.directory / f"{name or f'{engine}-{mode}'}.json"
    log = report.with_suffix(".log")
    source = suite.renamed if mode == "renamed" else suite.source
    report.unlink(missing_ok=True)
    command = [str(suite.python), "-m", "pytest", "-p", "engine_transport",
               f"--engine={engine}", f"--engine-report={report}", "-q", "--tb=short",
               "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider",
               "--ignore=tests/benchmarks", "--ignore=tests/memory_benchmarks",
               "-o", f"timeout={TIMEOUT_S}", *(options or ["tests"])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(source / "docs_src"), str(HERE)]),
        "FASTRD_FORCE": "asgi" if mode == "asgi" else "compiled",
    }
    # Without bytecode each process of a run would compile a thousand modules and more for itself.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.monotonic()
    with log.open("wb") as output:
        status = subprocess.run(command, cwd=source, env=environment,
                                stdout=output, stderr=subprocess.STDOUT).returncode
    seconds = time.monotonic() - started
    if status not in (0, 1) or not report.exists():
        tail = log.read_text(errors="replace").splitlines()[-25:]
        raise SystemExit("\n".join([*tail, f"suite: pytest ended with status {status}, see {log}"]))
    return Run(mode, seconds, **json.loads(report.read_text()))


def load_causes(engine: str, mode: str, file: str = "known_failures.toml") -> dict[str, str]:
    """Test id -> cause, from that file, for this engine and mode."""
    rows = tomllib.loads((HERE / file).read_text()).get("failure", [])
    return {test: row["cause"] for row in rows for test in row.get("tests", [row.get("test")])
            if engine in row.get("engines", [engine]) and mode in row.get("modes", [mode])}


def print_run(run: Run, causes: dict[str, str]) -> list[str]:
    """Print one run; return its problems (failures without a known cause)."""
    count = Counter(run.verdicts.values())
    print(f"\n== {run.mode}: " + ", ".join(f"{n} {v}" for v, n in count.most_common())
          + f" in {run.seconds:.0f} s")
    problems = []
    for test, verdict in run.failures.items():
        cause = causes.get(test)
        print(f"  {verdict}: {test}\n      {cause or 'NO KNOWN CAUSE'}")
        if cause is None:
            print(f"      {run.messages.get(test, '')}")
            problems.append(f"{run.mode}: {test} {verdict}, cause unknown")
    for test in causes.keys() & run.verdicts.keys():
        if run.verdicts[test] == "passed":
            print(f"  passes now, remove it from known_failures.toml: {test}")
    return problems


def print_coverage(run: Run) -> float:
    """Print how the requests of a run were served; return the compiled share."""
    c = Counter(run.counters)
    success = c["success"]
    share = c["success_compiled"] / success if success else 0.0
    print(f"\n{c['requests']} requests: {c['compiled']} compiled, {c['replayed']} replayed, "
          f"{c['asgi']} through ASGI")
    print(f"{success} answered by FastAPI with 2xx: {c['success_compiled']} compiled = {share:.1%}"
          f" ({c['success_documentation']} of the rest are /openapi.json, /docs, /redoc)")
    if run.reasons:
        print("why the rest was not compiled:")
    for reason, number in Counter(run.reasons).most_common():
        print(f"  {number:6}  {reason}")
    return share


def compare_runs(first: Run, second: Run, part: str) -> list[str]:
    """Verdicts of the tests in that part that differ between two modes."""
    missing = "not run"
    return [
        f"{test}: {a} in {first.mode}, {b} in {second.mode}"
        for test in sorted(first.verdicts.keys() | second.verdicts.keys())
        if test.startswith(part) and (a := first.verdicts.get(test, missing)) != (b := second.verdicts.get(test, missing))
    ]


def judge(runs: list[Run], engine: str, causes: dict[str, dict[str, str]],
          bars: dict[str, int], part: str) -> list[str]:
    """Print everything about the runs; return the list of problems. ``bars``: how many tests
    must pass in a mode; empty: the tests were chosen by hand. ``part``: every mode ran it."""
    problems = []
    for run in runs:
        problems += print_run(run, causes[run.mode])
        if run.passed < bars.get(run.mode, 0):
            problems.append(f"{run.mode}: {run.passed} passed, the bar is {bars[run.mode]}")
    same = [run for run in runs if run.mode != "renamed"]
    if len(same) == 2:
        problems += compare_runs(*same, part)
    for run in runs:
        if run.mode == "compiled" and engine == "fastrapi":
            share = print_coverage(run)
            if bars and share < COMPILED_BAR:
                problems.append(f"{share:.1%} ran compiled, the bar is {COMPILED_BAR:.0%}")
    return problems


def parse_arguments(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0],
                                     epilog="Further arguments are pytest's.")
    parser.add_argument("--engine", choices=("fastrapi", "uvicorn", "starlette"), default="fastrapi")
    parser.add_argument("--mode", choices=MODES, action="append",
                        help="default: all, one after the other (engine fastrapi)")
    parser.add_argument("--python", type=Path, default=prepare.BUILD / "venv/bin/python",
                        help="interpreter that has fastrapi and the FastAPI to test")
    parser.add_argument("--prepare-only", action="store_true")
    parser.add_argument("--whole", action="store_true",
                        help="all tests in every mode; else only compiled runs more than the tutorial's")
    return parser.parse_known_args(arguments)


def main(arguments: list[str]) -> int:
    options, pytest_options = parse_arguments(arguments)
    suite = prepare.prepare_suite(options.python)
    if options.prepare_only:
        return 0
    modes = options.mode or (list(MODES) if options.engine == "fastrapi" else ["asgi"])
    print(f"FastAPI {suite.version}, its own suite, engine {options.engine}", flush=True)
    parts = {} if options.whole else PART
    bars = PASS_BAR | (WHOLE_BAR if options.whole else {})
    runs = [run_suite(suite, options.engine, mode, pytest_options or parts.get(mode, []))
            for mode in modes]
    causes = {mode: load_causes(options.engine, mode) for mode in modes}
    part = "" if options.whole or pytest_options else TUTORIAL
    problems = judge(runs, options.engine, causes, {} if pytest_options else bars, part)
    print()
    for problem in problems:
        print(f"PROBLEM: {problem}")
    passed = sum(run.passed for run in runs)
    known = sum(test in causes[run.mode] for run in runs for test in run.failures)
    print(f"suite: {passed} passed, {len(problems)} failed ({known} more with a known cause, above)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
