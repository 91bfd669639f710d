"""Uploaded files, as Starlette's MultiPartParser makes them of python-multipart's events.

``http/multipart.c`` and ``http/options.c`` read a form as the known versions of
python-multipart do; any other version's forms are left to FastAPI.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

from starlette import formparsers
from starlette.datastructures import Headers, UploadFile

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
