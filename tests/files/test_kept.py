"""Compressed forms of files are kept: whatever happens to a file, its answer is of today."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import tree
from both import Ask
from compared import compare
from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from test_static import ask

SETTLED_S = 4.1  # after which a form is kept
NAMES = [f"{number}.txt" for number in range(12)]


def text(word: str) -> str:
    return f"{word} " * 200


def test_no_answer_is_of_yesterday(tmp_path):
    """Written in its place with its old time, replaced, swapped with another, truncated."""

    def make() -> FastAPI:
        app = FastAPI(openapi_url=None)
        app.mount("/static", StaticFiles(directory=tmp_path))
        app.add_middleware(GZipMiddleware)

        @app.get("/file/{name}")
        async def file(name: str) -> FileResponse:
            return FileResponse(tmp_path / name)

        return app

    def all_of_them() -> Iterator[Ask]:
        for name in NAMES:
            for path in (f"/static/{name}", f"/file/{name}"):
                for coding in ("gzip", "br", "gzip"):
                    yield ask(path, Accept_Encoding=coding)
                yield ask(path, Accept_Encoding="gzip", Range="bytes=10-600")

    def asks() -> Iterator[Ask]:
        for name in NAMES:
            (tmp_path / name).write_text(text(name))
        yield from all_of_them()
        time.sleep(SETTLED_S)
        for _ in range(2):
            yield from all_of_them()
        for change in (written, replaced, swapped, truncated):
            for name in NAMES:
                change(tmp_path / name)
            yield from all_of_them()

    compare(make, asks())


def written(path: Path) -> None:
    before = path.stat()
    path.write_text(text(path.name[::-1])[: before.st_size])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path) -> None:
    before = path.stat()
    other = path.with_suffix(".new")
    other.write_text("x" * before.st_size)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.rename(path)


def swapped(path: Path) -> None:
    other = path.with_name(NAMES[0])
    path.rename(path.with_suffix(".old"))
    if other.exists():
        other.rename(path)
    path.with_suffix(".old").rename(other)
    if not path.exists():
        path.write_text(text("new"))


def truncated(path: Path) -> None:
    os.truncate(path, tree.AT_ONCE if path.name == NAMES[3] else 700)
