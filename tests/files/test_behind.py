"""Files behind layers of Python: every message, scope and exception is as under Starlette."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tree
from both import Ask
from client import Answer, ask, calls, forced, run
from compared import compare
from dispatch_layers import Heads, kinds
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from layers import KINDS, Adds, Log, make
from starlette.background import BackgroundTask
from wire import Request as Wire

from fastrapi.testclient import MemoryConnection

EVERY = KINDS | {f"dispatch: {name}": layers for name, layers in kinds().items()}
CHUNK = tree.CHUNK
_BOUNDARY = re.compile(rb"(?<=boundary=)[0-9a-f]{26}|(?<=--)[0-9a-fA-F]{26}")


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tree.make(tmp_path_factory.mktemp("files"))
    tree.write(made / "404.html", 53, 6)
    return made


def application(static: Path, layers: Any) -> tuple[FastAPI, Log]:
    """Two mounts, one of them of an included router, and FileResponses of every kind."""
    app, log = make(layers)
    app.mount("/plain", StaticFiles(directory=static))
    app.mount("/html", StaticFiles(directory=static, html=True))
    router = APIRouter()
    router.mount("/files", StaticFiles(directory=static))
    app.include_router(router, prefix="/api")

    async def opened() -> Any:
        log.append("open")
        yield 1
        log.append("close")

    @app.api_route("/file/{name:path}", methods=["GET", "HEAD"])
    async def file(name: str) -> FileResponse:
        return FileResponse(static / name, headers={"x-own": "1"})

    @app.get("/named/{name:path}")
    def named(name: str, status: int = 200) -> FileResponse:
        return FileResponse(static / name, status, filename="näme.txt")

    @app.get("/after/{name:path}")
    async def after(name: str, one: int = Depends(opened)) -> FileResponse:
        return FileResponse(static / name, background=BackgroundTask(log.append, "background"))

    @app.get("/request/{name:path}")
    async def of_request(name: str, request: Request) -> Response:
        response = FileResponse(static / name)
        log.append(len(response.raw_headers))
        return response

    return app, log


def requests(static: Path) -> Iterator[Wire]:
    tag = tree.etag(static / "a.txt")
    names = ["a.txt", "size0.bin", *(f"size{size}.bin" for size in (CHUNK - 1, CHUNK, CHUNK + 1, 200_000))]
    for name in names:
        for start in ("/plain", "/file", "/after"):
            yield Wire("GET", f"{start}/{name}")
        yield Wire("HEAD", f"/plain/{name}")
        yield Wire("GET", f"/plain/{name}", (("Range", "bytes=1-65536"),))
    for name in ("missing.txt", "sub", "out.txt", "site", "", "n" * 256, "a.txt/x", "..%2fx", "a%00"):
        for start in ("/plain", "/html", "/file", "/api/files"):
            yield Wire("GET", f"{start}/{name}")
    fields = (
        {"If-None-Match": tag}, {"If-None-Match": '"x"'}, {"If-Modified-Since": "Sun, 06 Nov 2044 08:49:37 GMT"},
        {"If-Modified-Since": "no date"}, {"Range": "bytes=0-4"}, {"Range": "bytes=0-1,4-5,8-"},
        {"Range": "bytes=999-"}, {"Range": "bytes=4-1"}, {"Range": "letters=1-2"},
        {"Range": "bytes=0-4", "If-Range": tag}, {"Range": "bytes=0-4", "If-Range": '"x"'},
        {"Range": "bytes=0-4", "If-None-Match": tag},
    )  # fmt: skip
    for one in fields:
        for start in ("/plain", "/file"):
            for method in ("GET", "HEAD"):
                yield Wire(method, f"{start}/a.txt", tuple(one.items()))
    yield Wire("GET", f"/plain/size{CHUNK}.bin", (("Range", f"bytes=0-{CHUNK - 1}"),))
    yield Wire("GET", "/plain/size200000.bin", (("Range", "bytes=0-99999,150000-150009,199999-"),))
    yield Wire("GET", "/html/site/")
    yield Wire("GET", "/html/site?a=b")
    yield Wire("POST", "/plain/a.txt", (), b"content")
    yield Wire("DELETE", "/html/missing.txt")
    yield Wire("GET", "/plain/a.txt", (), b"content of a GET")
    yield Wire("GET", "/plain")
    yield Wire("GET", "/api/files/a.txt")
    yield Wire("GET", "/named/a.txt?status=404")
    yield Wire("GET", "/request/a.txt")


def _log_of(kind: str, log: Log) -> list[Any]:
    """Without what is random: boundaries, addresses. The order of two tasks of a dispatch layer
    is that of turns of the loop."""
    lines = [re.sub(r"(?<=boundary=)\w{26}|(?<=--)\w{26}|0x[0-9a-f]+|via cancel .*", "", repr(line)) for line in log]
    return sorted(lines) if kind.startswith("dispatch") else lines


async def _all(static: Path, kind: str, mode: str) -> list[tuple[Any, ...]]:
    app, log = application(static, EVERY[kind])
    found = []
    with forced(mode):
        for request in requests(static):
            answer: Answer = await asyncio.wait_for(ask(app, request), 10)
            await asyncio.sleep(0)
            data = _BOUNDARY.sub(b"B" * 26, answer.data)
            found.append((data, answer.exceptions, _log_of(kind, log)))
            log.clear()
    return found


@pytest.mark.parametrize("kind", EVERY)
def test_files_go_out_as_behind_fastapis_own_layers(static: Path, kind: str) -> None:
    async def main() -> None:
        expected, got = await _all(static, kind, "asgi"), await _all(static, kind, "none")
        for request, theirs, ours in zip(requests(static), expected, got, strict=True):
            assert ours == theirs, request

    run(main)


# Which dispatch layers and others a file passes without Starlette's classes for it.
COMPILED = ("Layer", "Looks", "Adds", "Awaits", "Catches", "dispatch: Dispatches", "dispatch: Heads",
            "dispatch: Wraps", "dispatch: BodyBefore", "dispatch: BodyAfter")  # fmt: skip


@pytest.mark.parametrize("kind", COMPILED)
def test_no_function_of_starlettes_files_runs(static: Path, kind: str) -> None:
    async def main() -> None:
        app, _ = application(static, EVERY[kind])
        paths = ("/plain/a.txt", "/html/site/", "/html/missing", "/file/a.txt", "/api/files/a.txt", "/plain/size200000.bin")
        with forced("none"):
            for path in paths:
                answer, frames = await calls(app, Wire("GET", path))
                names = {f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}" for frame in frames}
                assert answer.compiled, path
                assert not any(name.startswith("staticfiles.py") for name in names), (path, names)
                sent_by = {"responses.py:__call__", "responses.py:_handle_simple", "_tempfile.py:__aexit__"}
                assert not names & sent_by, (path, names)

    run(main)


class Vanishes:
    """Does something to a file when the start of its answer, or the first of it, passes."""

    def __init__(self, app: Any, log: Log, at: str, change: Any) -> None:
        self.app, self.log, self.at, self.change = app, log, at, change

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def look(message: Any) -> None:
            self.log.append((message["type"], len(message.get("body", b"")), message.get("more_body")))
            if message["type"] == self.at and self.change is not None:
                self.change()
                self.change = None
            await send(message)

        await self.app(scope, receive, look)


@pytest.mark.parametrize("fields", [(), (("Range", "bytes=0-150000"),), (("Range", "bytes=0-1,100000-150000"),)])
@pytest.mark.parametrize("size", [0, 70_000, 400_000])
def test_a_file_that_changes_while_it_is_sent(tmp_path: Path, size: int, fields: Any) -> None:
    """Shorter, longer: each piece is read when the one before it was sent."""

    async def main() -> None:
        found = []
        for mode in ("asgi", "none"):
            path = tmp_path / "file.bin"
            tree.write(path, 200_000, 1, tree.YEAR_2026 * 10**9)
            layer = (Vanishes, {"at": "http.response.body", "change": lambda: os.truncate(path, size)})
            app, log = make([layer])
            app.mount("/static", StaticFiles(directory=tmp_path))
            with forced(mode):
                answer = await asyncio.wait_for(ask(app, Wire("GET", "/static/file.bin", fields)), 10)
            found.append((_BOUNDARY.sub(b"B" * 26, answer.data), answer.exceptions, log))
        assert found[0] == found[1]

    run(main)


@pytest.mark.parametrize("name", ["a.txt", "size200000.bin"])
@pytest.mark.parametrize("kind", ["Layer", "Adds", "Looks", "dispatch: Heads", "dispatch: Wraps", "dispatch: Looks, Heads"])
def test_many_at_once(static: Path, kind: str, name: str) -> None:
    async def main() -> None:
        app, _ = application(static, EVERY[kind])
        with forced("none"):
            request = Wire("GET", f"/plain/{name}")
            answers = await asyncio.gather(*(ask(app, request) for _ in range(30)))
        assert all(answer.compiled and not answer.exceptions for answer in answers)
        content = (static / name).read_bytes()
        assert all(answer.data.endswith(b"\r\n\r\n" + content) for answer in answers)

    run(main)


@pytest.mark.parametrize("kind", ["Layer", "Adds", "Looks", "dispatch: Heads", "dispatch: Wraps"])
def test_a_client_that_leaves(static: Path, kind: str) -> None:
    """The file is not read to its end, and what follows the answer happens all the same."""

    async def main() -> None:
        app, log = application(static, EVERY[kind])
        path = static / "sparse.bin"
        with path.open("wb") as file:
            file.truncate(1 << 31)
        with forced("none"):
            connection = MemoryConnection(app)
            connection.feed(Wire("GET", "/after/sparse.bin").encode())
            await connection.read()
            connection.eof()
            for _ in range(2000):
                if "close" in log:
                    break
                await asyncio.sleep(0.01)
        path.unlink()
        assert "background" in log and "close" in log

    run(main)


SETUPS = {
    "GZip in a dispatch layer": [(Heads, {}), (GZipMiddleware, {})],
    "a dispatch layer in GZip": [(GZipMiddleware, {}), (Heads, {})],
    "GZip in a plain layer": [(Adds, {}), (GZipMiddleware, {})],
    "all": [(CORSMiddleware, {"allow_origins": ["https://a.example"]}), (Heads, {}), (GZipMiddleware, {}), (Adds, {}),
            (Heads, {})],
}  # fmt: skip


@pytest.mark.parametrize("setup", SETUPS)
def test_files_among_native_layers(static: Path, setup: str) -> None:
    """Each answer is Starlette's, packed or not."""

    def make_native() -> FastAPI:
        app = FastAPI(openapi_url=None)
        app.mount("/static", StaticFiles(directory=static, html=True))

        @app.get("/file/{name}")
        async def file(name: str) -> FileResponse:
            return FileResponse(static / name)

        for cls, options in reversed(SETUPS[setup]):
            own = {"log": []} if cls in (Heads, Adds) else {}
            app.add_middleware(cls, **options, **own)  # type: ignore[arg-type]
        return app

    names = ("a.txt", "size999.txt", "size0.txt", f"size{CHUNK - 1}.txt", f"size{CHUNK}.txt", "size200000.txt", "missing")
    asks = [
        Ask(method, path + name, (("Host", "a"), ("Origin", "https://a.example"), *fields))
        for name in names
        for path in ("/static/", "/file/")
        if (path, name) != ("/file/", "missing")
        for method in ("GET", "HEAD")
        if (path, method) != ("/file/", "HEAD")
        for fields in ((), (("Accept-Encoding", "gzip"),), (("Accept-Encoding", "gzip"), ("Range", "bytes=0-599")))
    ]
    compare(make_native, asks)
