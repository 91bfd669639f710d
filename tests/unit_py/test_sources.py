"""What the compiler takes for the source code of something is what inspect takes for it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import types
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.websockets import WebSocket

from fastrapi.compile import websockets
from fastrapi.compile.sources import source_of

PACKAGES = ("fastapi", "starlette", "python_multipart")


def modules(package: str) -> Iterator[types.ModuleType]:
    found = importlib.import_module(package)
    for info in pkgutil.walk_packages(found.__path__, package + "."):
        if info.name.endswith("testclient"):  # other tests are about who has imported it
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield importlib.import_module(info.name)
            except Exception:  # what it needs is not installed
                continue


def defined(module: types.ModuleType) -> Iterator[Any]:
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, types.FunctionType):
            yield value
        elif isinstance(value, type):
            yield value
            yield from (f for f in vars(value).values() if isinstance(f, types.FunctionType))


@pytest.mark.parametrize("package", PACKAGES)
def test_every_function_and_class(package: str) -> None:
    compared = 0
    for module in modules(package):
        for value in defined(module):
            try:
                expected = inspect.getsource(value)
            except (OSError, TypeError):
                continue
            if isinstance(value, type):
                # inspect begins with the decorators; a comment that follows is nobody's.
                expected = expected[expected.index("class ") :]
                got = source_of(value)
                got = got[got.index("class ") :]
            else:
                got = source_of(value)
            assert got == expected, value
            compared += 1
    assert compared > 20


def test_functions_whose_code_is_the_engines() -> None:
    websockets.install()
    assert websockets.METHODS is not None
    functions = [f for f in vars(WebSocket).values() if isinstance(f, types.FunctionType)]
    assert functions and [source_of(f) for f in functions] == [inspect.getsource(f) for f in functions]
