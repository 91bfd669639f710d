"""Which files C serves, those of mounted directories and of FileResponse, and what C asks
Python about them.

A mount is native when it is Starlette's own ``StaticFiles``, whose source is known to the
letter, and holds what its own ``__init__`` makes of plain values. The room ``files`` then
answers in its place; what it is not sure of, the instance itself answers.
"""

from __future__ import annotations

import contextlib
import inspect
import mimetypes
import os
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import PosixPath
from types import FunctionType, SimpleNamespace
from typing import Any

import starlette.responses
import starlette.staticfiles
from starlette.datastructures import URL, Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from .answers import Answers, answer_of, handled, handlers_of
from .layers import Expected, Layer, is_at_home
from .recognise import inherits, is_own
from .sources import fingerprint
from .walk import Entry

_MODULES = (starlette.staticfiles, starlette.responses)
_CLASSES: tuple[type, ...] = (
    StaticFiles,
    FileResponse,
    Response,
    PlainTextResponse,
    RedirectResponse,
    Headers,
    MutableHeaders,
    Mount,
)
# What the C was written after, and the digests of the known versions of it.
_SOURCES = (
    "starlette.staticfiles",
    "starlette.responses:FileResponse",
    "starlette.responses:MalformedRangeHeader",
    "starlette.responses:Response",
    "starlette.responses:PlainTextResponse",
    "starlette.responses:RedirectResponse",
    "starlette.datastructures:Headers",
    "starlette.datastructures:MutableHeaders",
    "starlette.routing:Mount.matches",
    "starlette.routing:Mount.handle",
)
_KNOWN = frozenset({"9927e3edcc36730cd5708e7759b8829333b6e17101790b821ccc821c80ff3e1a"})
_ATTRIBUTES = {"directory", "packages", "all_directories", "html", "config_checked", "follow_symlink"}
_TABLES = ("types_map", "encodings_map", "suffix_map")


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """The methods and plain values of a class that it defines itself. A foreign method has
    the value None."""
    for name, value in vars(cls).items():
        function = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        function = function.fget if isinstance(function, property) else function
        if isinstance(function, FunctionType):
            made_by = function.__code__.co_filename
            written = inspect.unwrap(function) if made_by == contextlib.__file__ else function
            yield name, value if is_own(written) else None
        elif not name.startswith("__"):
            yield name, value


def _snapshot() -> list[Expected]:
    """What C stands for, as it was when fastrapi was imported. What was patched by then is
    expected to be something that it never is."""
    found = [Expected(cls, name, value) for cls in _CLASSES for name, value in _members(cls)]
    for module in _MODULES:
        for name, value in vars(module).items():
            if not name.startswith("__"):
                foreign = isinstance(value, FunctionType | type) and not is_at_home(value)
                found.append(Expected(module, name, None if foreign else value))
    return found


_pristine = _snapshot()


@cache
def _is_known() -> bool:
    utf8 = sys.getfilesystemencoding() == "utf-8"
    return utf8 and fingerprint(_SOURCES) in _KNOWN


def _is_as_known() -> bool:
    return _is_known() and all(expected.holds() for expected in _pristine)


def _path(value: Any) -> bytes | None:
    """A directory as the kernel gets it; None for what only Python can make a path of."""
    if type(value) not in (str, PosixPath) or "\0" in str(value):
        return None
    return os.fsencode(value) or b"."


def layer_of_files(instance: Any, others: Iterable[str] = ()) -> Layer | str:
    """An instance of StaticFiles that C may stand for, in the form of a native layer; else
    the reason why it may not. ``others`` are attributes of its class."""
    held = vars(instance)
    if not _is_known():
        return "is another version of Starlette's than the native one"
    if not _is_as_known():
        return "is patched"
    if held.keys() != _ATTRIBUTES.union(others) or type(held["all_directories"]) is not list:
        return "has attributes of its own"
    if any(type(held[name]) is not bool for name in ("html", "follow_symlink")):
        return "has options that are no bool"
    if not all(map(_path, held["all_directories"])):
        return "has a directory that is no plain path"
    layer = Layer("StaticFiles", {}, "", instance)
    layer.expected = [
        Expected(instance, name, value) for name, value in held.items() if name != "config_checked"
    ]
    layer.dicts = [held]
    layer.names = [(held, frozenset(held))]
    layer.lists = [(held["all_directories"], tuple(held["all_directories"]))]
    return layer


def _reason(entry: Entry) -> str:
    """Why a mount cannot be native, whatever is mounted; empty: no such reason."""
    mount = entry.effective
    if type(mount) is not Mount or not inherits(mount, Mount, "matches", "handle"):
        return "is mounted in a way of its own"
    if entry.is_limited:
        return "is included with a limit of the content"
    return ""


def recognise(entries: Iterable[Entry]) -> None:
    """Note in each mount of StaticFiles whether it is native, and else why not. What stands
    behind a barrier is Starlette's to find."""
    for entry in entries:
        if entry.barrier and not entry.websocket:
            return
        app = getattr(entry.effective, "app", None)
        if type(app) is not StaticFiles or not isinstance(entry.route, Mount):
            continue
        found: Layer | str = _reason(entry) or layer_of_files(app)
        if isinstance(found, str):
            entry.reason = f"mounted StaticFiles {found}"
        else:
            entry.reason = "mounted StaticFiles"
            entry.files = found


def leave(entries: Iterable[Entry], middleware: list[str]) -> None:
    """No mount is native behind this middleware: C does not stand between it and the router."""
    for entry in entries:
        if entry.files is not None:
            entry.files = None
            entry.reason += f" behind {', '.join(middleware)}"


def _types() -> Layer:
    """The tables of mimetypes, in the form of a native layer: what was asked of them is
    kept."""
    mimetypes.guess_type("/")  # reads the tables when nobody has
    db: Any = vars(mimetypes)["_db"]
    tables = {"strict": db.types_map[True], "other": db.types_map[False]}
    tables |= {"encodings": db.encodings_map, "suffixes": db.suffix_map}
    layer = Layer("mimetypes", {}, "", SimpleNamespace(**tables))
    layer.expected = [Expected(mimetypes, name, vars(mimetypes)[name]) for name in ("_db", "guess_type")]
    layer.expected += [Expected(db, name, getattr(db, name)) for name in _TABLES]
    layer.dicts = [vars(mimetypes), vars(db), *tables.values()]
    return layer


def _of_starlette() -> Layer:
    """What C stands for, in the form of a native layer."""
    layer = Layer("files", {}, "", SimpleNamespace())
    layer.expected = _pristine
    layer.dicts = [*map(vars, _MODULES), *_CLASSES]
    return layer


class Files:
    """The attributes that ``_engine.Binding`` takes; see bindings/mounts.h. ``layers`` are for
    the guards."""

    file_response = FileResponse
    path_class = PosixPath

    def __init__(self, entries: Iterable[Entry], frontends: Iterable[Any]) -> None:
        self.layers = [_of_starlette(), _types()]
        served = [one for one in frontends if one.layer is not None]
        self.layers += [one.layer for one in served]
        self.frontends = tuple(
            (one.path.encode(), *_mount(one.instance)[:2], one.instance.fallback) for one in served
        )
        self.around: dict[int, list[Any]] = {}
        mounts = []
        for number, entry in enumerate(entries):
            if entry.files is not None:
                self.layers.append(entry.files)
                self.around.setdefault(id(entry.files.instance), []).extend(entry.inside.apps)
                layered = bool(entry.inside.layered)
                mounts.append((number, *_mount(entry.files.instance), _instead(entry), layered))
        self.mounts = tuple(mounts)
        self.missing = handled(HTTPException(status_code=404))
        self.not_allowed = handled(HTTPException(status_code=405, headers={"Allow": "GET, HEAD"}))

    def check(self, instance: StaticFiles) -> bool:
        """What StaticFiles does with its first request, and what the mounted applications around it
        do before. False: it raises."""
        for app in self.around.get(id(instance), ()):
            handlers_of(app, True)
        if not instance.config_checked:
            directory = instance.directory
            if directory is not None and not os.path.isdir(directory):
                return False
            instance.config_checked = True
        return True

    @staticmethod
    def content_type(name: bytes) -> bytes | None:
        """What FileResponse makes of a file's name; None when it cannot be sent."""
        fields = dict(FileResponse("/" + os.fsdecode(name)).raw_headers)
        found: bytes = fields[b"content-type"]
        return None if re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", found) else found

    @staticmethod
    def redirect(scope: dict[str, Any]) -> Response:
        """The answer to the path of ``scope``, which is that of a directory."""
        url = URL(scope=scope)
        return RedirectResponse(url=url.replace(path=url.path + "/"))


def _mount(instance: Any) -> tuple[Any, tuple[bytes, ...], bool, bool]:
    follow = instance.follow_symlink
    # Where links are followed a path is made shorter by its letters alone.
    given = [os.path.normpath(d) if follow else d for d in instance.all_directories]
    directories = tuple(path for path in map(_path, given) if path is not None)
    return instance, directories, instance.html, follow


def _instead(entry: Entry) -> tuple[Response | None, Response | None] | None:
    """What a mounted application around a mount makes of the 404 and the 405 of its files, each
    None when that is unknown. None: there is no such application; the main one's handlers count."""
    apps = entry.inside.apps
    if not apps:
        return None
    return answer_of(apps[-1], 404), answer_of(apps[-1], 405, {"Allow": "GET, HEAD"})


def files_of(
    entries: Iterable[Entry], frontends: Iterable[Any], answers: Answers | None
) -> Files | None:
    """The native mounts of an application, its frontends, and its FileResponse; None where Starlette's own
    must be used, and when the answers in the place of a file are not FastAPI's own for
    certain."""
    if answers is None or not _is_as_known():
        return None
    try:
        return Files(entries, frontends)
    except Exception:  # mimetypes, or FastAPI's functions, are not as they were
        return None
