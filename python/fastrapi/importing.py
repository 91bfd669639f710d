"""Finding the application that ``module:attribute`` names."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from typing import Any


class ImportFailed(Exception):
    """There is no application of that name; the text is one line with cause and remedy."""


def _user_frames(exc: BaseException) -> str:
    """The traceback without the import machinery's and our own frames."""
    here = os.path.dirname(os.path.abspath(__file__))
    frames = [
        frame
        for frame in traceback.extract_tb(exc.__traceback__)
        if not frame.filename.startswith("<frozen importlib")
        and os.path.dirname(frame.filename) != here
        and not frame.filename.endswith("/importlib/__init__.py")
    ]
    lines = ["Traceback (most recent call last):\n"] if frames else []
    lines += traceback.format_list(frames)
    lines += traceback.format_exception_only(type(exc), exc)
    return "".join(lines)


def _not_found(name: str, directory: str) -> ImportFailed:
    """The import system says nothing about a directory it could not look into."""
    try:
        os.scandir(directory).close()
        where = ""
    except OSError as exc:
        where = f" in {directory}: {exc.strerror}"
    return ImportFailed(
        f"cannot find module {name!r}{where}; run fastrd in its directory or give --app-dir"
    )


def _import_module(name: str, directory: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(exc.name + ".")):
            raise _not_found(name, directory) from None
        sys.stderr.write(_user_frames(exc))
        raise ImportFailed(
            f"importing {name!r} failed: {exc}; install it for {sys.executable}, "
            "or see the traceback"
        ) from None
    except BaseException as exc:
        sys.stderr.write(_user_frames(exc))
        if isinstance(exc, ImportError) and "no known parent package" in str(exc):
            raise ImportFailed(
                f"{name!r} is part of a package; name it from the directory above, "
                f"as in {os.path.basename(directory)}.{name}:app"
            ) from None
        text = f"{type(exc).__name__}: {exc}".splitlines()[0].removesuffix(": ")
        raise ImportFailed(f"importing {name!r} failed: {text}; see the traceback") from None


def _attribute(module: Any, path: str, spec: str) -> Any:
    found = module
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            names = [
                name
                for name, value in vars(module).items()
                if callable(value) and type(value).__module__.startswith(("fastapi", "starlette"))
            ]
            name = spec.split(":")[0]
            hint = (
                f"did you mean {name}:{names[0]}?" if names
                else f"it is {getattr(module, '__file__', None) or 'built in'}"
            )  # fmt: skip
            raise ImportFailed(f"module {name!r} has no attribute {path!r}; {hint}") from None
    return found


def _takes(app: Any, *arguments: object) -> bool:
    """Can ``app`` be called with these arguments? True when its signature is unknown."""
    try:
        inspect.signature(app).bind(*arguments)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _check(app: Any, spec: str) -> None:
    """ImportFailed unless ``app`` may be an ASGI 3 application."""
    if not callable(app):
        raise ImportFailed(f"{spec} is of type {type(app).__name__}, not an ASGI application")
    if _takes(app, "scope", "receive", "send"):
        return
    if inspect.iscoroutinefunction(app):
        raise ImportFailed(f"{spec} is a coroutine function that does not take (scope, receive, send)")
    if inspect.isfunction(app) and _takes(app):
        raise ImportFailed(f"{spec} is a function that returns the application; add --factory")
    if inspect.isclass(app):
        raise ImportFailed(f"{spec} is a class; name an instance of it")
    raise ImportFailed(
        f"{spec} cannot be called with (scope, receive, send): not an ASGI 3 application"
    )


def load_app(spec: str, *, app_dir: str = "", factory: bool = False) -> Any:
    """Import ``module:attribute``; with ``factory`` call the attribute.

    Raises ImportFailed; a traceback of the application's own frames has then been
    written to standard error, once, when its code raised.
    """
    directory = os.path.abspath(app_dir or ".")
    sys.path.insert(0, directory)
    module_name, _, path = spec.partition(":")
    app = _attribute(_import_module(module_name, directory), path, spec)
    if factory:
        try:
            app = app()
        except Exception as exc:
            sys.stderr.write(_user_frames(exc))
            raise ImportFailed(f"{spec} raised {type(exc).__name__}; see the traceback") from None
        if inspect.iscoroutine(app):
            app.close()
            raise ImportFailed(f"{spec} is a coroutine function; a factory must be a plain one")
        spec = f"what {spec} returned"
    _check(app, spec)
    return app
