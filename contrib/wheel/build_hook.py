"""Compiles what a wheel needs: called by hatchling for `pip install .` (pyproject.toml).

configure and make run in a temporary directory, for the Python that builds the wheel. The
wheel gets the extension, the program fastrd, and the files for type checkers.
"""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WheelBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and add the results to the wheel. Raises RuntimeError, which pip prints,
        when a step fails; its own words stand above."""
        if version == "editable":
            raise RuntimeError("an editable install is not possible: fastrd is compiled. Use ./try")
        root = Path(self.root)
        self._directory = tempfile.TemporaryDirectory(prefix="fastrd-wheel-")
        built = Path(self._directory.name)
        if _older(root / "configure", root / "configure.ac"):
            (root / "m4").mkdir(exist_ok=True)
            _run(["autoreconf", "-i"], root)
        _run([str(root / "configure"), "-q", f"PYTHON={sys.executable}"], built)
        _run(["make", "-s", f"-j{os.cpu_count() or 1}", "fastrd", "_engine.la"], built)
        (extension,) = (built / ".libs").glob("_engine.*.so")
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["shared_scripts"] = {str(built / "fastrd"): "fastrd"}
        add = build_data["force_include"]
        add[str(extension)] = f"fastrapi/{extension.name}"
        facades = built / "facades"
        for file in runpy.run_path(str(root / "contrib/facades"))["write"](facades):
            add[str(facades / file)] = f"fastrapi/{file}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        self._directory.cleanup()


def _older(target: Path, source: Path) -> bool:
    return not target.exists() or target.stat().st_mtime < source.stat().st_mtime


def _run(command: list[str], directory: Path) -> None:
    """Run it with its output on ours."""
    try:
        status = subprocess.run(command, cwd=directory).returncode
    except FileNotFoundError:
        status = 127
    if status != 0:
        raise RuntimeError(
            f"{Path(command[0]).name} failed ({status}); its message stands above. fastrd needs a C "
            "compiler and the libraries that README.md lists under Install"
        )
