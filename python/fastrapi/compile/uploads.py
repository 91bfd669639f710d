"""Uploaded files, as Starlette's MultiPartParser makes them of python-multipart's events.

``http/multipart.c`` and ``http/options.c`` read a form as the known versions of
python-multipart do; any other version's forms are left to FastAPI. A form that is not all
there is read here, piece by piece; the parts are found in C (``bindings/plan/parts.c``). So is
any other that Starlette reads: ``Request.form()`` of user code ends here, too.
"""

from __future__ import annotations

import asyncio
import codecs
import functools
import importlib
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from types import FunctionType
from typing import Any, NoReturn

import starlette.datastructures
import starlette.requests
from starlette import formparsers
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.requests import Request

from fastrapi import _engine

from . import dialect
from .recognise import is_own
from .sources import fingerprint

# Digests of what the readers in C stand for.
_STARLETTE = "starlette.formparsers:MultiPartParser"
_MULTIPART = (
    "python_multipart.multipart:MultipartParser",
    "python_multipart.multipart:parse_options_header",
    "python_multipart.multipart:_parseparam",
)
_KNOWN_STARLETTE = frozenset({"e33a3e235ef1f2cb3ee59b4f191ea24d0f661d873fdf5d1684fc349f4ef9f34b"})
_KNOWN_MULTIPART = frozenset({"7f39e1daca2f4f3201b1b1af3e5604f975059a03bfe12bf3959f3d3f951d71db"})

# What Starlette answers to a form that python-multipart refuses.
_MALFORMED = "Invalid multipart data."

# A longer form is not kept for python-multipart to say what is wrong with it.
_MOST_KEPT = 1 << 20

_parsers: Any = formparsers
_closing: set[asyncio.Task[None]] = set()


def _is_patched() -> bool:
    """Has the application replaced what reads a form, while it was imported?"""
    parsers: Any = formparsers
    return parsers.SpooledTemporaryFile is not SpooledTemporaryFile or not all(
        is_own(value)
        for cls in (parsers.MultiPartParser, parsers.UploadFile, Request)
        for value in vars(cls).values()
        if isinstance(value, FunctionType)
    )


def _is_known() -> bool:
    try:
        importlib.import_module("python_multipart.multipart")
    except ImportError:
        return False
    return (
        dialect.STACKS_IN_SCOPE
        and not _is_patched()
        and fingerprint((_STARLETTE,)) in _KNOWN_STARLETTE
        and fingerprint(_MULTIPART) in _KNOWN_MULTIPART
    )


KNOWN = _is_known()

# Starlette's own, which _parse() stands for from here on.
PARSE = formparsers.MultiPartParser.parse

if KNOWN:

    @functools.wraps(PARSE)
    async def parse(self: Any) -> FormData:
        return await _parse(self)

    formparsers.MultiPartParser.parse = parse  # type: ignore[method-assign]

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
    in_memory = all(file._in_memory for file in files)
    closing = _close_all(files)
    try:
        if in_memory:
            closing.send(None)
            raise RuntimeError("a file in memory waits to be closed")
        task = loop.create_task(closing)
    except StopIteration:
        return
    except BaseException:
        closing.close()
        raise
    _closing.add(task)
    task.add_done_callback(_closing.discard)


def keep(scope: Any, form: Any) -> None:
    """Have the files of ``form`` closed when FastAPI would close them."""
    scope[dialect.STACKS[0]].push_async_callback(form.close)


async def _parse(self: Any) -> FormData:
    """``MultiPartParser.parse()``: in C where Starlette's own code would come to the same."""
    known = type(self) is formparsers.MultiPartParser and not self.items and _reads_as_known()
    parts = _parts(self) if known else None
    if parts is None:
        form: FormData = await PARSE(self)
        return form
    read = _Read()
    try:
        async for piece in self.stream:
            await _write(parts.feed(read.keep(piece if type(piece) is bytes else bytes(piece))))
    except BaseException as exc:
        for file in self._files_to_close_on_error:
            file.close()
        if getattr(exc, "message", None) != _MALFORMED:
            raise
    else:
        self.items = parts.items
        return FormData(self.items)
    read.refuse(self)


class _Read:
    """The pieces of a form that were read, while they are few: python-multipart says what is wrong
    with a malformed one, to its logger and by an exception."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._left = _MOST_KEPT

    def keep(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left >= 0:
            self._pieces.append(piece)
        else:
            self._pieces.clear()
        return piece

    def refuse(self, parser: Any) -> NoReturn:
        """Raise what Starlette raises for these pieces."""
        _, options = _parsers.parse_options_header(parser.headers["Content-Type"])
        reader = _parsers.multipart.MultipartParser(options[b"boundary"], {})
        try:
            for piece in self._pieces:
                reader.write(piece)
        except _parsers.FormParserError as wrong:
            raise _parsers.MultiPartException(_MALFORMED) from wrong
        raise _parsers.MultiPartException(_MALFORMED)


def _parts(parser: Any) -> _engine.Parts | None:
    """What finds the parts of a form and makes its files, which ``parser`` notes; None: Starlette
    says what is wrong, or has limits of another kind."""
    _, options = _parsers.parse_options_header(parser.headers["Content-Type"])
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    most = parser.max_files, parser.max_fields, parser.max_part_size
    if any(type(limit) is not int for limit in most):
        return None
    try:
        if codecs.lookup(charset).name != "utf-8":
            return None
        return _engine.Parts(options[b"boundary"], most, _file_maker(parser))
    except (LookupError, ValueError, OverflowError):
        return None


def _file_maker(parser: Any) -> Callable[[list[tuple[bytes, bytes]], str], UploadFile]:
    files, spool = parser._files_to_close_on_error, parser.spool_max_size

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
