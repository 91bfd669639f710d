"""The extension ``failing`` (failing.c), built for this run."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

# Whose calls of malloc() may fail: our own objects, and the libraries that they call.
OBJECTS = ("fastrapi/_engine.", "libevent", "libz.", "libdeflate")


def load() -> Any:
    """The module. Its hooks stay in the process."""
    source = Path(__file__).with_name("failing.c")
    with tempfile.TemporaryDirectory() as place:
        built = Path(place, "failing.so")
        compiler = shlex.split(sysconfig.get_config_var("CC"))
        include = sysconfig.get_paths()["include"]
        subprocess.run([*compiler, "-shared", "-fPIC", "-O1", f"-I{include}", source, "-o", built], check=True)
        spec = importlib.util.spec_from_file_location("failing", built)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    for name in OBJECTS:
        module.watch(name)
    return module


failing = load()
