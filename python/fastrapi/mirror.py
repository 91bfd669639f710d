"""Every submodule of fastapi, importable as a submodule of fastrapi: the same module.

``import fastrapi.routing`` gives the module ``fastapi.routing`` itself, so that a name
taken from either is one object. Type checkers do not see this: for them the installed
package has a file ``routing.py`` that imports everything (contrib/facades writes it). It
is never run.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:  # they are for type checkers here, and every start would wait for their import
    Loader = MetaPathFinder = object

# How a file for type checkers begins: contrib/facades writes it so.
_FACADE = b"# For type checkers."
_PREFIX = "fastrapi."
_DIRECTORY = [os.path.dirname(__file__)]


class _Same(Loader):
    """Loads nothing: the module is the one that ``fastapi`` has under that name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """fastapi's module. Raises what its import raises."""
        module = importlib.import_module(self._name)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just given the module our spec.
        module.__spec__ = self._spec


def _own(name: str) -> ModuleSpec | None:
    """The spec of ``fastrapi.name`` if that is a module of this package's own. It then wins
    over a module of FastAPI's."""
    spec = PathFinder.find_spec(f"{_PREFIX}{name}", _DIRECTORY)
    if spec is None or spec.origin is None:  # a directory without __init__.py has none
        return None
    if spec.origin.endswith(".py"):
        with open(spec.origin, "rb") as file:
            if file.read(len(_FACADE)) == _FACADE:
                return None
    return spec


def is_own(name: str) -> bool:
    """Is ``fastrapi.name`` a module of this package's own?"""
    return _own(name) is not None


def is_theirs(name: str) -> bool:
    """Is there a module ``fastapi.name``? fastapi is not imported for the answer."""
    package = importlib.util.find_spec("fastapi")
    places = package.submodule_search_locations if package is not None else None
    return PathFinder.find_spec(f"fastapi.{name}", places) is not None if places else False


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for what is fastrapi's own or only fastapi has; None for what stands inside
        a package of our own, which others find."""
        if not fullname.startswith(_PREFIX):
            return None
        rest = fullname.removeprefix(_PREFIX)
        package = fullname.rpartition(".")[0]
        if "." not in rest:
            own = _own(rest)
            if own is not None:
                return own
        elif sys.modules[package].__name__ == package:
            return None
        name = f"fastapi.{rest}"
        try:
            spec = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            return None
        if spec is None:
            return None
        return ModuleSpec(fullname, _Same(name), is_package=spec.submodule_search_locations is not None)


def install() -> None:
    """Let imports find fastapi's submodules under fastrapi. Once per process is enough."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        # First: behind a mirrored package the ordinary finder would find the files of its
        # modules and load each a second time.
        sys.meta_path.insert(0, _Finder())
