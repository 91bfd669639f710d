"""The compiled part of the package, and why this Python cannot load it."""

from __future__ import annotations

import importlib
import re
import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

_TAG = re.compile(r"cpython-(\d)(\d+\w*)-(.+)\.so")


def _said(tag: str) -> tuple[str, str]:
    """(version, platform) of a tag such as cpython-311-x86_64-linux-gnu.so."""
    found = _TAG.fullmatch(tag)
    return (f"{found[1]}.{found[2]}", found[3]) if found else (tag, "")


def _why(directory: Path, exc: ImportError) -> str:
    """What is wrong with the extension in ``directory``."""
    tags = [path.name.removeprefix("_engine") for path in sorted(directory.glob("_engine*.so"))]
    if not tags:
        return "its compiled part is missing"
    if set(tags) & set(EXTENSION_SUFFIXES):
        return str(exc)
    built, machine = _said(tags[0].removeprefix("."))
    own, own_machine = _said(str(sysconfig.get_config_var("EXT_SUFFIX")).removeprefix("."))
    if built == own:
        return f"built for {machine}, run on {own_machine}"
    return f"built for Python {built}, run with {own}"


def load_engine() -> Any:
    """The module ``fastrapi._engine``. ImportError, which says why, when it cannot be
    imported."""
    try:
        return importlib.import_module("fastrapi._engine")
    except ImportError as exc:
        directory = Path(__file__).parent
        text = f"the fastrapi in {directory}: {_why(directory, exc)}"
        raise ImportError(text, name="fastrapi._engine", path=sys.executable) from None
