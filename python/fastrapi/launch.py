"""Runs this package with a Python that has it not: ``PYTHON -P fastrapi/launch.py -m MODULE WORD...``
or ``-c TEXT WORD...``, which are what they are to Python.

fastrd starts Pythons by it where the package is installed beside fastrd in ../lib/fastrd, as Debian
packages are. A package that this Python has itself comes behind it, so that fastrd and what it starts are
of one version. Only where this one is built for another Python, the Python's own is taken.
"""

from __future__ import annotations

import runpy
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

PACKAGE = Path(__file__).parent


def main() -> None:
    option, what = sys.argv[1:3]
    fits = any((PACKAGE / f"_engine{suffix}").exists() for suffix in EXTENSION_SUFFIXES)
    # Where there is none at all this one says why it cannot run.
    if fits or find_spec("fastrapi") is None:
        sys.path.insert(0, str(PACKAGE.parent))
    del sys.argv[1:3]
    if option == "-c":
        sys.argv[0] = option
        exec(what, {"__name__": "__main__"})  # noqa: S102 - fastrd's own text
    else:
        # What Python itself does for -m: multiprocessing finds the module by its name.
        runpy._run_module_as_main(what)  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
