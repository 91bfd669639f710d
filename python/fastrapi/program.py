"""The program fastrd, from Python: ``python -m fastrd``, ``app.serve()``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from fastrapi import wire


def find() -> str:
    """The fastrd that belongs to this Python, else the one on PATH. RuntimeError when
    there is none."""
    user = sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user"))
    for directory in (
        Path(__file__).parents[1] / "bin",  # pip install --target
        Path(sys.prefix) / "bin",
        Path(sysconfig.get_path("scripts")),
        Path(user),
        Path(sys.prefix).parent / "bin",  # ./try builds into build/bin and build/venv
    ):
        if (directory / "fastrd").is_file():
            return str(directory / "fastrd")
    found = shutil.which("fastrd")
    if found is None:
        raise RuntimeError("the program fastrd was not found beside this Python or on PATH")
    return found


def run(words: list[str], variables: Mapping[str, str]) -> int:
    """Run fastrd with these words as a child, passing our signals on; its exit status. It gets
    ``variables`` in its environment, beside ours.

    What was sent to the whole process group reaches the child twice: it knows that the
    one from its parent is a copy.
    """
    child = subprocess.Popen([find(), *words], env={**os.environ, **variables})
    forwarded = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    old = {}
    try:
        for number in forwarded:
            old[number] = signal.signal(number, lambda n, _f: child.send_signal(n))
        return child.wait()
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def become() -> NoReturn:
    """Become fastrd, with our own command line and, unless that names one, this Python."""
    try:
        program = find()
        os.execv(program, [program, "--python", sys.executable, *sys.argv[1:]])
    except (RuntimeError, OSError) as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        sys.exit(wire.EXIT_PYTHON)
