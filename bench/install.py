#!/usr/bin/env python3
"""Measures how long a new user waits: on a Debian 12 that has nothing but Python (tests/dist/bare.py), from the wheel
in build/dist, which contrib/wheel/build makes, to the first answer of an application.

    python bench/install.py [--rounds N]

Prints a table for README.md. Exit status: 0 the bar holds, 1 it is missed. Needs root and the network.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("dist", "e2e", "shared")]

from bare import HOME, bare_system
from ports import free_port
from start import BUILD, answer

BAR = 20  # seconds
MAIN = """
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
async def root():
    return {"message": "hello"}
"""


def measured(wheel: Path) -> dict[str, float]:
    """Step -> seconds, of one installation in a new system, whose pip has no cache."""
    with bare_system() as bare:
        bare.copy_in(wheel, f"{HOME}/{wheel.name}")
        (bare.home / "main.py").write_text(MAIN)
        times = [time.monotonic()]
        bare.run("python3", "-m", "venv", ".venv")
        times.append(time.monotonic())
        bare.run(".venv/bin/pip", "install", "-q", wheel.name)
        times.append(time.monotonic())
        port = free_port()
        bare.start(".venv/bin/fastrd", "--port", str(port), "main:app")
        answer(port, "/")
        times.append(time.monotonic())
    steps = ("make the environment", "install the wheel and FastAPI", "start, first answer")
    return {
        **{step: end - begin for step, begin, end in zip(steps, times, times[1:], strict=False)},
        "all of it": times[-1] - times[0],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    (wheel,) = (BUILD / "dist").glob("fastrd-*-cp311-*.whl")
    found = [measured(wheel) for _ in range(rounds)]
    print("| on a bare Debian 12 | s |\n|---|--:|")
    for step in found[0]:
        print(f"| {step} | {statistics.median(times[step] for times in found):.1f} |")
    held = statistics.median(times["all of it"] for times in found) <= BAR
    print(f"\nBar: {BAR} s: {'holds' if held else 'is missed'}.")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
