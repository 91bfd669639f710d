"""Uploaded files, as Starlette's MultiPartParser makes them of python-multipart's events.

``http/multipart.c`` and ``http/options.c`` read a form as the known versions of
python-multipart do; any other version's forms are left to FastAPI. A form that is not all
there is read here, piece by piece; the parts are found in C (``bindings/plan/parts.c``).
"""

from __future__ import annotations

import asyncio
import codecs
import importlib
import inspect
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from tempfile import SpooledTemporaryFile
from types import FunctionType
from typing import Any

import starlette.datastructures
import starlette.requests
from starlette import formparsers
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from fastrapi import _engine

from . import dialect
from .versions import fingerprint

# Digests of what the readers in C stand for.
_STARLETTE = "starlette.formparsers:MultiPartParser"
_MULTIPART = (
    "python_multipart.multipart:MultipartParser",
    "python_multipart.multipart:parse_options_header",
    "python_multipart.multipart:_parseparam",
)
_KNOWN_STARLETTE = frozenset({"e33a3e235ef1f2cb3ee59b4f191ea24d0f661d873fdf5d1684fc349f4ef9f34b"})
_KNOWN_MULTIPART = frozenset({"7f39e1daca2f4f3201b1b1af3e5604f975059a03bfe12bf3959f3d3f951d71db"})

_parsers: Any = formparsers
_closing: set[asyncio.Task[None]] = set()


def _is_known() -> bool:
    try:
        importlib.import_module("python_multipart.multipart")
    except ImportError:
        return False
    return (
        dialect.STACKS_IN_SCOPE
        and fingerprint((_STARLETTE,)) in _KNOWN_STARLETTE
        and fingerprint(_MULTIPART) in _KNOWN_MULTIPART
    )


KNOWN = _is_known()

# What reads a form in Starlette, as it was when this module was imported: owner, name, value.
_PRISTINE: tuple[tuple[Any, str, Any], ...] = (
    *(
        (cls, name, value)
        for cls in (formparsers.MultiPartParser, UploadFile, Request)
        for name, value in vars(cls).items()
        if isinstance(value, FunctionType | property)
    ),
    (formparsers, "SpooledTemporaryFile", SpooledTemporaryFile),
    (formparsers, "UploadFile", UploadFile),
    (formparsers, "Headers", Headers),
    (formparsers, "FormData", FormData),
    (starlette.requests, "MultiPartParser", formparsers.MultiPartParser),
    *(
        (owner, name, vars(owner).get(name))
        for owner, name in (
            (formparsers, "_user_safe_decode"),
            (formparsers, "multipart"),
            (getattr(formparsers, "multipart", None), "MultipartParser"),
            (starlette.datastructures, "run_in_threadpool"),
        )
        if owner is not None
    ),
)


def _reads_as_known() -> bool:
    return KNOWN and all(vars(owner).get(name) is value for owner, name, value in _PRISTINE)


def make_upload(
    headers: list[tuple[bytes, bytes]], filename: str, content: bytes
) -> UploadFile | None:
    """The file of one part; ``headers`` are its own. None when Starlette would write the
    content to the disk."""
    spool: int = formparsers.MultiPartParser.spool_max_size
    if spool and len(content) > spool:
        return None
    # Its own names, which an application may have replaced.
    file = _parsers.SpooledTemporaryFile(max_size=spool)
    file.write(content)
    file.seek(0)
    made: UploadFile = _parsers.UploadFile(
        file=file, size=len(content), filename=filename, headers=Headers(raw=headers)
    )
    return made


async def _close_all(files: list[UploadFile]) -> None:
    for file in files:
        await file.close()


def close(files: list[UploadFile]) -> None:
    """Close the files of a request that has been answered, as ``FormData.close()`` does.
    One that user code has written to may have gone to the disk: a thread closes it."""
    loop = asyncio._get_running_loop()
    if loop is None or loop.is_closed():
        for file in files:
            file.file.close()
        return
    closing = _close_all(files)
    if all(file._in_memory for file in files):
        try:
            closing.send(None)
        except StopIteration:
            return
        raise RuntimeError("a file in memory waits to be closed")
    task = loop.create_task(closing)
    _closing.add(task)
    task.add_done_callback(_closing.discard)


def keep(scope: Any, form: Any) -> None:
    """Have the files of ``form`` closed when FastAPI would close them."""
    scope[dialect.STACKS[0]].push_async_callback(form.close)


def read(request: Request, limits: dict[str, Any]) -> Awaitable[FormData]:
    """``request.form(**limits)``, to be awaited: a multipart form is read in C where
    Starlette's own code would come to the same."""
    if type(request) is Request and request._form is None and _reads_as_known():
        files: list[SpooledTemporaryFile[bytes]] = []
        parts = _parts(request, limits, files)
        if parts is not None:
            return _read(request, parts, files)
    return request.form(**limits)


def _parts(
    request: Request, limits: dict[str, Any], files: list[SpooledTemporaryFile[bytes]]
) -> _engine.Parts | None:
    """What finds the parts of a form and makes its files, which are noted in ``files``; None
    for a content of another kind."""
    kind, options = _parsers.parse_options_header(request.headers.get("content-type"))
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    most = tuple(limits.get(name, usual) for name, usual in _LIMITS.items())
    if kind != b"multipart/form-data" or any(type(limit) is not int for limit in most):
        return None
    try:
        if codecs.lookup(charset).name != "utf-8":
            return None
        boundary = options[b"boundary"]
        return _engine.Parts(boundary, most, _file_maker(files))
    except (LookupError, ValueError, OverflowError):
        return None  # Starlette says what is wrong


# What a form may have at most, where nobody says otherwise.
_LIMITS = {
    name: parameter.default
    for name, parameter in inspect.signature(Request.form).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
}


def _file_maker(
    files: list[SpooledTemporaryFile[bytes]],
) -> Callable[[list[tuple[bytes, bytes]], str], UploadFile]:
    spool: int = formparsers.MultiPartParser.spool_max_size

    def make(headers: list[tuple[bytes, bytes]], filename: str) -> UploadFile:
        file = SpooledTemporaryFile(max_size=spool)
        files.append(file)
        return UploadFile(
            file=file,  # type: ignore[arg-type]
            size=0,
            filename=filename,
            headers=Headers(raw=headers),
        )

    return make


async def _read(
    request: Any, parts: _engine.Parts, files: list[SpooledTemporaryFile[bytes]]
) -> FormData:
    try:
        async with aclosing(request.stream()) as stream:
            async for piece in stream:
                await _write(parts.feed(piece if type(piece) is bytes else bytes(piece)))
    except BaseException as exc:
        for file in files:
            file.close()
        if isinstance(exc, formparsers.MultiPartException):
            raise HTTPException(status_code=400, detail=exc.message)  # noqa: B904
        raise
    request._form = FormData(parts.items)
    form: FormData = request._form
    return form


async def _write(due: list[tuple[Any, Any]]) -> None:
    """Write what a piece has brought. From the first file on that goes to the disk, a thread
    does it, as in ``UploadFile.write()``; the next piece is not asked for before."""
    for at, (file, data) in enumerate(due):
        goes = not file._in_memory if data is None else file._will_roll(len(data))
        if goes:
            await run_in_threadpool(_write_now, due[at:])
            return
        _write_now(due[at : at + 1])


def _write_now(due: list[tuple[Any, Any]]) -> None:
    for file, data in due:
        if data is None:
            file.file.seek(0)
        else:
            file.size += len(data)
            file.file.write(data)
