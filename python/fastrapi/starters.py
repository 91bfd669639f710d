"""What starts a server of its own: ``uvicorn.run(app)`` in a module that fastrd imports.

Such a call would block the import for ever, or serve beside fastrd. While ``watched()``
the functions that start one raise Started instead, as soon as their module is imported.
They are themselves again in other threads, in other processes and afterwards: an
application may well run a second server.
"""

from __future__ import annotations

import functools
import importlib.machinery
import inspect
import os
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

# By module: its functions, and what their callers write.
_STARTERS = {
    "uvicorn.main": {"run": "uvicorn.run()"},
    "uvicorn.server": {
        "Server.run": "uvicorn.Server.run()",
        "Server.serve": "uvicorn.Server.serve()",
    },
    "hypercorn.asyncio": {"serve": "hypercorn.asyncio.serve()"},
    "hypercorn.trio": {"serve": "hypercorn.trio.serve()"},
    "hypercorn.run": {"run": "hypercorn.run.run()"},
    "granian.server": {"Granian.serve": "granian.Granian.serve()"},
    "granian.server.mp": {"MPServer.serve": "granian.Granian.serve()"},
    "granian.server.mt": {"MTServer.serve": "granian.Granian.serve()"},
    "granian.server.embed": {"Server.serve": "granian.server.embed.Server.serve()"},
    "gunicorn.app.base": {
        "BaseApplication.run": "gunicorn's Application.run()",
        "Application.run": "gunicorn's Application.run()",
    },
    "daphne.server": {"Server.run": "daphne.server.Server.run()"},
    "waitress": {"serve": "waitress.serve()"},
    "werkzeug.serving": {"run_simple": "werkzeug.run_simple()"},
}
_importing: tuple[int, int] | None = None  # the process and thread that import


class Started(BaseException):
    """A server was started; the text says where. No handler of ``Exception`` hides it."""


def _caller() -> str:
    """The innermost frame that is neither the standard library's nor a package's."""
    library = sysconfig.get_path("stdlib")
    frame: Any = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        parts = set(file.split(os.sep))
        foreign = file.startswith(("<", library)) or parts & {"site-packages", "dist-packages"}
        if not foreign and file != __file__:
            here = os.getcwd() + os.sep
            return f"{file.removeprefix(here)}, line {frame.f_lineno},"
        frame = frame.f_back
    return "a module"


def _check(written: str) -> None:
    if _importing == (os.getpid(), threading.get_ident()):
        raise Started(f"{_caller()} called {written} at import")


def _watching(function: Callable[..., Any], written: str) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def start_async(*args: Any, **kwargs: Any) -> Any:
            _check(written)
            return await function(*args, **kwargs)

        return start_async

    @functools.wraps(function)
    def start(*args: Any, **kwargs: Any) -> Any:
        _check(written)
        return function(*args, **kwargs)

    return start


def _watch(module: ModuleType) -> None:
    """Put what watches in the place of this module's functions."""
    for path, written in _STARTERS[module.__name__].items():
        *owners, name = path.split(".")
        owner: Any = module
        for part in owners:
            owner = getattr(owner, part, None)
        function = vars(owner).get(name) if owner is not None else None
        if inspect.isfunction(function):
            setattr(owner, name, _watching(function, written))


class _Finder:
    """Lets the import system find such a module and watches it once it has run."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in _STARTERS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            _watch(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


@contextmanager
def watched() -> Iterator[None]:
    """Inside it, in this thread, a server that is started raises Started."""
    global _importing
    finder: Any = _Finder()
    for name in _STARTERS.keys() & sys.modules.keys():
        _watch(sys.modules[name])
    sys.meta_path.insert(0, finder)
    _importing = os.getpid(), threading.get_ident()
    try:
        yield
    finally:
        _importing = None
        with suppress(ValueError):
            sys.meta_path.remove(finder)
