"""Importing the application that a word of the command line names."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from fastrapi.naming import ImportFailed as ImportFailed
from fastrapi.naming import Name, read_name
from fastrapi.starters import Started, watched

# Names of applications, best first, and of functions that return one.
_APPLICATIONS = ("app", "api", "application")
_FACTORIES = (
    "create_app", "make_app", "get_app", "build_app", "app_factory", "create_application",
    "get_application", "factory",
)  # fmt: skip
GUARD = 'if __name__ == "__main__":'


class Loaded(NamedTuple):
    """An application, and its name as ``module:attribute``."""

    app: Any
    name: str


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
    parent, _, last = name.rpartition(".")
    if hasattr(sys.modules.get(parent), last):
        return ImportFailed(f"there is no module {name!r}; did you mean {parent}:{last}?")
    try:
        os.scandir(directory).close()
        where = ""
    except OSError as exc:
        where = f" in {directory}: {exc.strerror}"
    below = os.path.join(directory, "src")
    path = os.path.join(below, *name.split("."))
    if os.path.isfile(f"{path}.py") or os.path.isdir(path):
        return ImportFailed(f"cannot find module {name!r}; give --app-dir {below}, where it is")
    return ImportFailed(
        f"cannot find module {name!r}{where}; run fastrd in its directory or give --app-dir"
    )


def _import_module(name: str, directory: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        if exc.name is not None and (name == exc.name or name.startswith(exc.name + ".")):
            raise _not_found(name, directory) from None
        raise ImportFailed(
            f"importing {name!r} failed: {exc}; install it for {sys.executable}, "
            "or see the traceback",
            _user_frames(exc),
        ) from None
    except Started:
        raise
    except BaseException as exc:
        frames = _user_frames(exc)
        if isinstance(exc, ImportError) and "no known parent package" in str(exc):
            raise ImportFailed(
                f"{name!r} is part of a package; name it from the directory above, "
                f"as in {os.path.basename(directory)}.{name}:app",
                frames,
            ) from None
        text = f"{type(exc).__name__}: {exc}".splitlines()[0].removesuffix(": ")
        remedy = f"put what ends the program under {GUARD}" if isinstance(exc, SystemExit) else ""
        raise ImportFailed(
            f"importing {name!r} failed: {text}; {remedy or 'see the traceback'}", frames
        ) from None


def _module_of(name: Name) -> Any:
    module = _import_module(name.module, name.directory)
    file = getattr(module, "__file__", None)
    if name.file and (file is None or not os.path.samefile(file, name.file)):
        raise ImportFailed(
            f"{name.file} cannot be imported: {name.module!r} is {file or 'built in'}; "
            "rename the file"
        )
    return module


def _is_fastapi(value: Any) -> bool:
    from fastrapi.compile import is_fastapi

    return is_fastapi(value)


def _hint(module: Any, name: Name) -> str:
    """Where the application may be instead."""
    found = vars(module).items()
    for attribute, value in found:
        if callable(value) and type(value).__module__.startswith(("fastapi", "starlette")):
            return f"did you mean {name.module}:{attribute}?"
    for attribute, value in found:
        if attribute in _FACTORIES and callable(value):
            return f"did you mean {name.module}:{attribute}()?"
    directories = list(getattr(module, "__path__", ()))
    for directory in directories:
        for file in ("main", "app", "api"):
            if os.path.isfile(os.path.join(directory, f"{file}.py")):
                attribute = name.attribute and f":{name.attribute}"
                return f"did you mean {name.module}.{file}{attribute}?"
    return f"it is {getattr(module, '__file__', None) or (directories or ['built in'])[0]}"


def _search(module: Any, name: Name, factory: bool) -> str:
    """The attribute that is the module's application, by the rule of ``fastapi run``: a
    FastAPI object, ``app`` and ``api`` first. Else what is called so and may be an
    application of another kind; with ``factory`` what is called as one."""
    if factory:
        for attribute in _FACTORIES:
            if callable(getattr(module, attribute, None)):
                return attribute
        raise ImportFailed(
            f"module {name.module!r} has no function such as create_app; name it, "
            f"as in: fastrd --factory {name.module}:build"
        )
    names = dir(module)
    for attribute in [*_APPLICATIONS[:2], *names]:
        if attribute in names and _is_fastapi(getattr(module, attribute, None)):
            return attribute
    for attribute in _APPLICATIONS:
        if attribute in names and not _problem(getattr(module, attribute), attribute):
            return attribute
    raise ImportFailed(f"module {name.module!r} has no application such as app = FastAPI(); {_hint(module, name)}")


def _attribute(module: Any, name: Name) -> Any:
    found = module
    for part in name.attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ImportFailed(
                f"module {name.module!r} has no attribute {name.attribute!r}; "
                f"{_hint(module, name)}"
            ) from None
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


def _is_asgi(app: Any) -> bool:
    return _takes(app, "scope", "receive", "send")


def _problem(app: Any, spec: str) -> str:
    """Why ``app`` cannot be an ASGI 3 application, and the remedy; empty: it may be one."""
    if not callable(app):
        return f"{spec} is of type {type(app).__name__}, not an ASGI application"
    if _is_asgi(app):
        return ""
    if inspect.iscoroutinefunction(app):
        return f"{spec} is a coroutine function that does not take (scope, receive, send)"
    if inspect.isfunction(app) and _takes(app):
        return f"{spec} is a function that returns the application; add --factory"
    if inspect.isclass(app):
        return f"{spec} is a class; name an instance of it"
    return f"{spec} cannot be called with (scope, receive, send): not an ASGI 3 application"


def _made(factory: Any, spec: str, called: bool) -> Any:
    """What the factory returns."""
    if callable(factory) and not _takes(factory):
        raise ImportFailed(
            f"{spec} is the application itself; leave out {'the ()' if called else '--factory'}"
            if _is_asgi(factory)
            else f"{spec} wants arguments; a factory is called without any"
        )
    try:
        app = factory()
    except Started:
        raise
    except Exception as exc:
        text = f"{spec} raised {type(exc).__name__}; see the traceback"
        raise ImportFailed(text, _user_frames(exc)) from None
    if inspect.iscoroutine(app):
        app.close()
        raise ImportFailed(f"{spec} is a coroutine function; a factory must be a plain one")
    return app


def _load(name: Name, factory: bool) -> Loaded:
    module = _module_of(name)
    attribute = name.attribute or _search(module, name, factory)
    name = Name(name.module, attribute, name.directory, name.called, name.file)
    spec = f"{name.module}:{attribute}"
    app = _attribute(module, name)
    if factory or name.called:
        app = _made(app, spec, name.called)
        problem = _problem(app, f"what {spec} returned")
    else:
        problem = _problem(app, spec)
    if problem:
        raise ImportFailed(problem)
    return Loaded(app, f"{spec}()" if factory or name.called else spec)


def load_app(
    word: str, *, app_dir: str = "", factory: bool = False, prepare: Callable[[], None] | None = None
) -> Loaded:
    """Import the application that ``word`` names (see ``naming``); with ``factory`` call
    what it names. ``prepare`` is called before, when modules beside the application can be
    imported.

    Raises ImportFailed, with a traceback of the application's own frames when its code
    raised; and what ``prepare`` raises.
    """
    name = read_name(word, app_dir)
    if app_dir:
        sys.path.insert(0, os.path.abspath(app_dir))
    if name.directory not in sys.path[:1]:
        sys.path.insert(0, name.directory)
    if prepare is not None:
        prepare()
    try:
        with watched():
            return _load(name, factory)
    except Started as exc:
        raise ImportFailed(f"{exc}; put it under {GUARD}") from None
