"""FileResponse: every answer is that of Starlette's own, with every kind of endpoint."""

from __future__ import annotations

import itertools
import os
import pathlib
import random
from collections.abc import AsyncIterator, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Annotated, Any

import pytest
import tree
from both import Ask, Served, run
from compared import compare
from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.background import BackgroundTask
from test_static import RANGES, ask, conditions

NAMES = (None, "plain.txt", "ünïcode.pdf", 'quo"te.txt', "a b.txt", "x.html", "100%.txt", "")
HEADERS: tuple[dict[str, str] | None, ...] = (
    None, {}, {"X-Own": "1"}, {"Content-Type": "text/x-own"}, {"ETag": '"own"'}, {"Last-Modified": "never"},
    {"Accept-Ranges": "none"}, {"Content-Disposition": "inline"}, {"Cache-Control": "no-store", "Vary": "X"},
    {"Content-Encoding": "br"}, {"ETag": '"own"', "Last-Modified": formatdate(0, usegmt=True)},
)  # fmt: skip
TYPES = (None, "text/plain", "text/html; charset=latin-1", "application/pdf", "video/mp4", "TEXT/plain")
STATUSES = (200, 200, 201, 203, 206, 299, 404, 416, 500)


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree.make(tmp_path_factory.mktemp("files"))


def sampled(static: Path, count: int) -> list[dict[str, Any]]:
    """Arguments of FileResponse."""
    rng = random.Random(11)
    paths = [static / name for name in tree.NAMES]
    paths += [static / f"size{size}.{kind}" for size in tree.SIZES for kind in ("bin", "txt")]
    paths += [static / name for name in ("in.css", "absolute.txt", "out.txt", "to-second/only.txt")]
    found = []
    for number in range(count):
        path = paths[number % len(paths)]
        found.append(
            {
                "path": rng.choice((path, str(path))),
                "filename": rng.choice(NAMES),
                "headers": rng.choice(HEADERS),
                "media_type": rng.choice(TYPES),
                "status_code": rng.choice(STATUSES),
                "content_disposition_type": rng.choice(("attachment", "inline")),
            }
        )
    return found


def serving(arguments: list[dict[str, Any]], *layers: tuple[type, dict[str, Any]]) -> FastAPI:
    """A route for each, as `async def` or `def`, for two methods."""
    app = FastAPI(openapi_url=None)

    def add(number: int, named: dict[str, Any]) -> None:
        async def send() -> Any:
            return FileResponse(**named)

        def send_plainly() -> Any:
            return FileResponse(**named)

        endpoint = send if number % 4 else send_plainly
        app.api_route(f"/{number}", methods=["GET", "HEAD", "POST"])(endpoint)

    for number, named in enumerate(arguments):
        add(number, named)
    for cls, options in reversed(layers):
        app.add_middleware(cls, **options)  # type: ignore[arg-type]
    return app


def asked(count: int, seed: int) -> Iterator[Ask]:
    rng = random.Random(seed)
    for number in range(count):
        for _ in range(3):
            fields = {}
            if rng.random() < 0.6:
                fields["Range"] = rng.choice((*RANGES[:20], "bytes=0-9", "bytes=1-2,5-6"))
            if rng.random() < 0.3:
                fields["If-Range"] = rng.choice(('"own"', "never", '"x"', 'W/"own"'))
            if rng.random() < 0.5:
                fields["Accept-Encoding"] = "gzip"
            if rng.random() < 0.3:
                fields["Origin"] = "https://a.example"
            named = (("Host", "a.example"), *fields.items())
            yield Ask(rng.choice(("GET", "GET", "HEAD", "POST")), f"/{number}", named)


def test_every_argument(static):
    arguments = sampled(static, 400)
    total, left = compare(lambda: serving(arguments), asked(len(arguments), 1))
    assert total >= 1000
    assert left < total / 50


LAYERS: list[list[tuple[type, dict[str, Any]]]] = [
    [(GZipMiddleware, {})],
    [(GZipMiddleware, {"minimum_size": 0})],
    [(GZipMiddleware, {"minimum_size": 70_000}), (CORSMiddleware, {"allow_origins": ["*"]})],
    [(CORSMiddleware, {"allow_origins": ["https://a.example"]}), (GZipMiddleware, {"thread_minimum_size": 20})],
    [(GZipMiddleware, {"thread_minimum_size": 1 << 40, "exclude_content_types": ("text/css",)})],
]


@pytest.mark.parametrize("layers", LAYERS, ids=range(len(LAYERS)))
def test_behind_native_layers(static, layers):
    arguments = sampled(static, 120)
    compare(lambda: serving(arguments, *layers), asked(len(arguments), 2))


@pytest.mark.parametrize("layers", LAYERS, ids=range(len(LAYERS)))
def test_mounted_behind_native_layers(static, layers):
    def make() -> FastAPI:
        app = serving([], *layers)
        app.mount("/static", StaticFiles(directory=static, html=True))
        return app

    asks = [
        ask(f"/static{path}", method, Accept_Encoding=coding, Origin="https://a.example")
        for path in tree.PATHS[:60]
        for method in ("GET", "HEAD")
        for coding in ("gzip", "br")
    ]
    compare(make, [*asks, *itertools.islice(conditions(static, random.Random(5)), 200)])


class Paths:
    def __fspath__(self) -> str:
        return __file__


def test_files_that_are_none(static):
    """Starlette raises: the client gets what the application's handlers make of it."""
    paths = [
        static / "missing.txt", static, static / "sub", static / "fifo.txt", static / "loop.txt", "/dev/null", "", "a\0b",
        static / "dangling.txt", str(static / "a.txt") + "/x", "n" * 300, Paths(), os.fsencode(static / "a.txt"),
        static / "a.txt",
    ]  # fmt: skip

    def make() -> FastAPI:
        app = serving([{"path": path} for path in paths])

        @app.exception_handler(RuntimeError)
        async def handle(request: Request, exc: RuntimeError) -> Response:
            return Response(str(exc), 418)

        return app

    compare(make, [Ask("GET", f"/{number}") for number in range(len(paths))])
    compare(lambda: serving([{"path": path} for path in paths[:3]]), [Ask("GET", f"/{n}") for n in range(3)])


def test_ways_to_return_it(static):
    """By a response class, with dependencies, of a subclass, changed, returned again."""
    again = FileResponse(static / "size999.txt")

    class Own(FileResponse):
        pass

    async def opened() -> AsyncIterator[int]:
        yield 1

    def make() -> FastAPI:
        app = FastAPI(openapi_url=None)
        kept = FileResponse(static / "a.txt", headers={"X-Kept": "1"})

        @app.get("/class", response_class=FileResponse)
        async def of_class() -> Any:
            return str(static / "a.txt")

        @app.get("/status", response_class=FileResponse, status_code=201)
        def of_status() -> Any:
            return static / "style.css"

        @app.get("/injected", response_class=FileResponse)
        async def injected(response: Response) -> Any:
            response.headers["X-Injected"] = "1"
            response.set_cookie("a", "b")
            return static / "a.txt"

        @app.get("/kept")
        async def of_kept() -> Any:
            return kept

        @app.get("/own")
        async def own() -> Any:
            return Own(static / "a.txt")

        @app.get("/changed")
        async def changed() -> Any:
            response = FileResponse(static / "a.txt")
            response.headers["X-Own"] = "ü"
            response.set_cookie("c", "d")
            response.headers.append("X-Own", "2")
            return response

        @app.get("/untyped")
        async def untyped() -> Any:
            response = FileResponse(static / "a.txt")
            del response.headers["content-type"]
            return response

        @app.get("/raw")
        async def raw() -> Any:
            response = FileResponse(static / "a.txt")
            response.raw_headers = [(b"X-Upper", b"1")]
            return response

        @app.get("/appended")
        async def appended() -> Any:
            response = FileResponse(static / "a.txt")
            response.raw_headers.append((b"ETag", b'"upper"'))
            return response

        @app.get("/length")
        async def length() -> Any:
            return FileResponse(static / "a.txt", headers={"content-length": "20"})

        @app.get("/shorter")
        async def shorter() -> Any:
            response = FileResponse(static / "size200000.bin")
            response.chunk_size = 1000  # type: ignore[misc]
            return response

        @app.get("/stat")
        async def stat() -> Any:
            return FileResponse(static / "a.txt", stat_result=(static / "a.txt").stat())

        @app.get("/pure")
        async def pure() -> Any:
            return FileResponse(pathlib.PurePosixPath(static / "a.txt"))

        @app.get("/yield")
        async def yields(one: Annotated[int, Depends(opened)]) -> Any:
            return FileResponse(static / "size200000.bin")

        @app.get("/request")
        async def request(request: Request) -> Any:
            return FileResponse(static / "a.txt")

        return app

    paths = ("class", "status", "injected", "kept", "own", "changed", "untyped", "raw", "appended", "length", "shorter",
             "stat", "pure", "yield", "request")  # fmt: skip
    asks = [
        Ask(method, f"/{path}", (("Host", "a"), *fields))
        for path in paths
        for method in ("GET", "HEAD")
        for fields in ((), (("Range", "bytes=1-3"),), (("Range", "bytes=1-3,7-9"),), ())
        if (path, fields) not in (("untyped", (("Range", "bytes=1-3,7-9"),)), ("length", ()))
    ]
    compare(make, asks)
    assert again.raw_headers


def test_what_is_added_to_the_response_stays_there(static):
    """As set_stat_headers() adds it: a response that is returned again keeps its first
    fields."""
    seen: list[list[tuple[bytes, bytes]]] = []

    def make() -> FastAPI:
        app = FastAPI(openapi_url=None)
        kept = FileResponse(static / "a.txt")

        @app.get("/")
        async def endpoint() -> Any:
            seen.append(list(kept.raw_headers))
            return kept

        return app

    compare(make, [Ask("GET", "/"), Ask("GET", "/")])
    first, second = seen[0::2], seen[1::2]
    assert first == second
    assert len(first[0]) == 2 and len(first[1]) == 5


@pytest.mark.parametrize("size", [5, tree.AT_ONCE, tree.AT_ONCE + 1, 300_000])
def test_background_tasks_run_after_the_file(tmp_path, size):
    """A task may remove the file, or cut it: the client has it all by then."""

    numbers = itertools.count()

    def make() -> FastAPI:
        app = FastAPI(openapi_url=None)
        directory = tmp_path / str(next(numbers))
        directory.mkdir()

        def fresh() -> Path:
            path = directory / str(next(numbers))
            tree.write(path, size, size, tree.YEAR_2026 * 10**9)
            return path

        @app.get("/remove")
        async def remove() -> Any:
            path = fresh()
            return FileResponse(path, background=BackgroundTask(os.remove, path))

        @app.get("/cut")
        def cut() -> Any:
            path = fresh()
            return FileResponse(path, background=BackgroundTask(os.truncate, path, 0))

        @app.get("/injected")
        def injected(tasks: BackgroundTasks) -> Any:
            path = fresh()
            tasks.add_task(os.truncate, path, 0)
            return FileResponse(path)

        @app.get("/class", response_class=FileResponse)
        async def of_class(tasks: BackgroundTasks) -> Any:
            path = fresh()
            tasks.add_task(os.truncate, path, 0)
            return path

        @app.get("/empty")
        async def empty(tasks: BackgroundTasks) -> Any:
            return FileResponse(fresh())

        async def leaves() -> AsyncIterator[Path]:
            path = fresh()
            yield path
            os.truncate(path, 0)

        @app.get("/yield")
        async def yields(path: Annotated[Path, Depends(leaves)]) -> Any:
            return FileResponse(path)

        return app

    names = ("remove", "cut", "injected", "class", "empty", "yield")
    compare(make, [Ask("GET", f"/{name}") for name in names for _ in range(3)])


def test_a_class_that_is_changed_is_starlettes(static, monkeypatch):
    """Whatever is patched takes effect, before and after the application is bound."""
    sent = []

    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        sent.append(scope["path"])
        await original(self, scope, receive, send)

    original = FileResponse.__call__
    app = serving([{"path": static / "a.txt"}])

    async def main() -> None:
        served = Served(app, "none")
        wanted = await served.ask(Ask("GET", "/0"))
        assert not sent and served.asgi == 0
        monkeypatch.setattr(FileResponse, "__call__", call)
        assert await served.ask(Ask("GET", "/0")) == wanted
        assert sent == ["/0"]
        monkeypatch.setattr(FileResponse, "chunk_size", 4)
        assert await served.ask(Ask("GET", "/0")) == wanted
        assert sent == ["/0"] * 2

    run(main)


def test_types_that_are_added_later_count(static):
    import mimetypes

    def asks() -> Iterator[Ask]:
        yield ask("/static/odd.unknownsuffix")
        yield ask("/static/odd.unknownsuffix")
        mimetypes.add_type("application/x-odd", ".unknownsuffix")
        yield ask("/static/odd.unknownsuffix")
        mimetypes.add_type("text/x-ödd", ".unknownsuffix")
        yield ask("/static/odd.unknownsuffix")
        mimetypes.init()
        yield ask("/static/odd.unknownsuffix")

    def make() -> FastAPI:
        app = FastAPI(openapi_url=None)
        app.mount("/static", StaticFiles(directory=static))
        return app

    compare(make, asks())
