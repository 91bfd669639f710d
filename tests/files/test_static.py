"""Mounted directories: every answer is that of Starlette's own StaticFiles."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tree
from both import Ask
from compared import compare
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Router

HOST = ("Host", "a.example")
DATES = (
    "Thu, 01 Jan 2026 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 01 Jan 2035 00:00:00 GMT",
    "Thu, 1 Jan 2026 00:00:00 GMT", "Thursday, 01-Jan-26 00:00:00 GMT", "Thu Jan  1 00:00:00 2026",
    "01 Jan 2035 00:00:00 +0100", "Xyz, 01 Jan 2035 00:00:00 GMT", "Mon, 01 jan 2035 00:00:00 GMT",
    "Mon, 01 Jan 0035 00:00:00 GMT", "Mon, 99 Dec 2035 99:99:99 GMT", "Mon, 01 Jan 2035 00:00:00 UTC", "2035-01-01",
    "yesterday", "", "Mon, 01 Jan 2035",
)  # fmt: skip
RANGES = (
    "bytes=0-9", "bytes=0-", "bytes=-5", "bytes=5-5", "bytes=0-0", "bytes=1-", "bytes=-0", "bytes=--5", "bytes=5-1",
    "bytes=0--3", "bytes=9-99999999", "bytes=99999999-", "bytes=-99999999", "bytes=0-1,3-4", "bytes=3-4,0-1",
    "bytes=0-5,3-9", "bytes=0-1,2-3", "bytes=0-1,1-3,7-", "bytes=0-1,-1", "bytes=0-1,99999999-", "bytes=", "bytes",
    "bytes=-", "bytes=a-b", "bytes=1-b", "bytes=a-1", "bytes=,", "bytes=,,0-1,", "bytes= 0-1 , 3-4 ", "BYTES=0-1",
    " bytes =0-1", "octets=0-1", "=0-1", "", "0-1", "bytes=1", "bytes=+1-+3", "bytes=1_0-1_1", "bytes=_1-2",
    "bytes=1__0-20", "bytes=1_-20", "bytes=0 - 5", "bytes=0-5=7", "bytes=\xa00-1\x85", "bytes=0-1,x,2-",
    "bytes=\xb2-5", "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 200, 2)),
    "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 202, 2)), "bytes=" + "0" * 700 + "1-5",
    "bytes=0-" + "9" * 700, "bytes=" + "9" * 30 + "-", "bytes=-" + "9" * 30, "bytes=0-" + "9" * 4301,
)  # fmt: skip


@pytest.fixture(scope="module")
def static(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree.make(tmp_path_factory.mktemp("files"))


def mounted(*directories: Any, at: str = "/static", **options: Any) -> FastAPI:
    """An application with that mount; further directories are taken for packages' own."""
    app = FastAPI(openapi_url=None)
    files = StaticFiles(directory=directories[0], **options)
    files.all_directories.extend(directories[1:])

    @app.get(at + "/route.txt")
    async def first() -> str:
        return "first"

    app.mount(at, files, name="static")

    @app.get(at + "/a.txt")
    async def late() -> str:
        return "late"

    return app


def ask(path: str, method: str = "GET", **fields: str) -> Ask:
    named = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return Ask(method, path, (HOST, *named))


def test_every_path_with_every_option(static):
    """Links, dots, odd names, index.html, 404.html, in one directory and in two."""
    second, linked = static.parent / "second", static.parent / "linked"
    directories = ([static], [str(static), second], [second, static], [linked], [f"{static}/sub/.."])
    for given, html, follow in itertools.product(directories, (False, True), (False, True)):
        asks = [ask("/static" + path) for path in tree.PATHS]
        asks += [ask("/static/route.txt"), ask("/static"), ask("/statics"), ask("/static/route.txt/")]
        asked, left = compare(lambda: mounted(*given, html=html, follow_symlink=follow), asks)
        # Paths upward, NULs, link loops, newlines.
        assert left <= asked / 6, (given, html, follow)


def test_every_method(static):
    asks = [
        ask(f"/static{path}", method)
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW")
        for path in ("/a.txt", "/missing.txt", "/site", "/site/", "/size200000.bin", "/sub/../../x", "/route.txt")
    ]
    for html in (False, True):
        compare(lambda: mounted(static, html=html), asks)


def conditions(static: Path, rng: random.Random) -> Iterator[Ask]:
    """Conditional and range fields, alone and with one another."""
    names = ("a.txt", "size0.bin", "size1.bin", "size10.bin", "size999.bin", f"size{tree.CHUNK}.bin")
    for name in names:
        path = static / name
        tag = tree.etag(path)
        strong = tag[1:-1]
        tags = (
            tag, f"W/{tag}", "*", " * ", f'"x", {tag}', f'"x",W/{tag} ', strong, f'"{strong}x"', "W/*", "", ",",
            f"w/{tag}", f"W/ {tag}", f"\xa0{tag}\x85", f"W/W/{tag}", f'{tag}, "\xff"',
        )  # fmt: skip
        modified = _modified(path)
        alone = (
            *({"If-None-Match": value} for value in tags),
            *({"If-Modified-Since": value} for value in (*DATES, modified, modified + " ")),
            *({"Range": value} for value in RANGES),
        )
        for fields in alone:
            yield Ask("GET", f"/static/{name}", (HOST, *fields.items()))
        for _ in range(120):
            fields = {}
            if rng.random() < 0.4:
                fields["If-None-Match"] = rng.choice(tags)
            if rng.random() < 0.4:
                fields["If-Modified-Since"] = rng.choice((*DATES, modified))
            if rng.random() < 0.8:
                fields["Range"] = rng.choice(RANGES)
            if rng.random() < 0.5:
                fields["If-Range"] = rng.choice((*tags, modified, *DATES))
            yield Ask(rng.choice(("GET", "HEAD")), f"/static/{name}", (HOST, *fields.items()))


def _modified(path: Path) -> str:
    from starlette.responses import FileResponse

    return FileResponse(path, stat_result=path.stat()).headers["last-modified"]


def test_conditions_and_ranges(static):
    asked, left = compare(lambda: mounted(static), conditions(static, random.Random(7)))
    assert asked > 1000
    assert left < asked / 4


def ranges(rng: random.Random, count: int) -> Iterator[str]:
    """Ranges of random numbers, signs, blanks and separators."""
    for _ in range(count):
        parts = []
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            first = rng.choice(("", *map(str, (0, 1, 5, 500, 998, 999, 1000, rng.randrange(1200)))))
            last = rng.choice(("", "-3", "+7", " 9 ", *map(str, (0, 1, 9, 998, 999, rng.randrange(1200)))))
            parts.append(rng.choice(("", " ", "x")) * (rng.random() < 0.1) + f"{first}-{last}")
        yield "bytes=" + rng.choice((",", ", ")).join(parts)


def test_ranges_at_random(static):
    asks = [ask("/static/size999.bin", Range=value) for value in ranges(random.Random(1), 1500)]
    _, left = compare(lambda: mounted(static), asks)
    assert left == 0


def test_the_first_of_several_fields_counts(static):
    tag = tree.etag(static / "a.txt")
    pairs = [("Range", "bytes=0-1"), ("Range", "bytes=3-4"), ("If-None-Match", '"x"'), ("If-None-Match", tag),
             ("If-Range", tag), ("If-Range", '"x"')]  # fmt: skip
    asks = [Ask("GET", "/static/a.txt", (HOST, *order)) for order in itertools.permutations(pairs, 4)]
    compare(lambda: mounted(static), asks)


def test_stamps_of_any_time(tmp_path):
    """ETag and Last-Modified are made of a float: of every length, rounded at its end."""
    rng = random.Random(3)
    times = [0, 1, 2**27 * 10**9, 2**30 * 10**9, 2**31 * 10**9 + 1, 2**36 * 10**9 - 1, tree.YEAR_2026 * 10**9]
    seconds = [rng.randrange(2**rng.choice((20, 27, 30, 31, 33, 36))) for _ in range(1500)]
    fractions = (0, 1, 5, 999_999_499, 999_999_500, 999_999_501, 999_999_999, 500_000_000, 120_000_000, 123_456_789)
    times += [s * 10**9 + rng.choice((*fractions, rng.randrange(10**9))) for s in seconds]
    asks = []
    for number, ns in enumerate(times):
        tree.write(tmp_path / f"{number}.txt", number % 5, number, ns)
        asks.append(ask(f"/static/{number}.txt"))
    compare(lambda: mounted(tmp_path), asks)


@pytest.mark.parametrize("at", ["", "/", "/static/", "/a/b/c", "/ü", "/with space"])
def test_where_it_is_mounted(static, at):
    asks = [
        ask(prefix + path)
        for prefix in ("", "/static", "/a/b/c", "/%C3%BC", "/with%20space")
        for path in ("/a.txt", "/site", "/site/", "/missing.txt", "//a.txt", "/..", "", "/route.txt")
    ]
    compare(lambda: mounted(static, at=at.rstrip("/"), html=True), asks)


def test_a_mount_of_an_included_router(static):
    from fastapi import APIRouter

    def make() -> FastAPI:
        app, router = FastAPI(openapi_url=None), APIRouter()
        router.mount("/files", StaticFiles(directory=static, html=True), name="files")
        app.include_router(router, prefix="/api")
        return app

    asked, left = compare(make, [ask(f"/api/files{path}") for path in tree.PATHS])
    assert left < asked / 6


def test_a_relative_directory_is_that_of_the_moment(static, monkeypatch):
    monkeypatch.chdir(static.parent)
    compare(lambda: mounted("static"), [ask("/static/a.txt"), ask("/static/in.css"), ask("/static/out.txt")])
    for follow in (False, True):
        compare(lambda: mounted("outside/../static", follow_symlink=follow), [ask("/static/a.txt")])

    def wander() -> Iterator[Ask]:
        for place in (static.parent, static / "site", static.parent):
            os.chdir(place)
            yield ask("/static/a.txt")

    for follow in (False, True):
        compare(lambda: mounted("static", follow_symlink=follow), wander())


def test_a_directory_may_be_replaced(tmp_path):
    """By another one, by a link to another one, by nothing, by a file."""
    versions = [tmp_path / "one", tmp_path / "two"]
    for number, version in enumerate(versions):
        version.mkdir()
        tree.write(version / "a.txt", 10 + number, number)
        (version / "link.txt").symlink_to("a.txt")
    current = tmp_path / "current"

    def asks() -> Iterator[Ask]:
        for step in range(6):
            if current.is_symlink() or current.is_file():
                current.unlink()
            elif current.exists():
                current.rename(tmp_path / f"old{step}")
            if step in (0, 1, 5):
                current.symlink_to(versions[step % 2])
            elif step == 2:
                current.mkdir()
                tree.write(current / "a.txt", 33, 33)
            elif step == 4:
                current.write_text("a file")
            for name in ("a.txt", "link.txt", "missing.txt"):
                yield ask(f"/static/{name}")

    current.mkdir()
    compare(lambda: mounted(current), asks())


def test_files_that_change_between_requests(tmp_path):
    path = tmp_path / "a.txt"

    def asks() -> Iterator[Ask]:
        for size in (5, 9, 0, 70_000):
            tree.write(path, size, size)
            yield ask("/static/a.txt")
            yield ask("/static/a.txt", If_None_Match=tree.etag(path))
        path.unlink()
        yield ask("/static/a.txt")
        path.mkdir()
        yield ask("/static/a.txt")

    compare(lambda: mounted(tmp_path), asks())


def test_a_directory_that_is_not_there_at_first(tmp_path):
    """StaticFiles looks at its directory with its first request, and raises while there is
    none."""

    def asks() -> Iterator[Ask]:
        directory = tmp_path / "late"
        yield ask("/static/a.txt")
        yield ask("/static/a.txt")
        directory.mkdir()
        yield ask("/static/a.txt")
        tree.write(directory / "a.txt", 5, 5)
        yield ask("/static/a.txt")

    compare(lambda: mounted(tmp_path / "late", check_dir=False), asks())


async def handled(request: Any, exc: Any) -> Any:
    return JSONResponse("handled", 418)


INSIDE: dict[str, Any] = {
    "FastAPI": lambda: FastAPI(),
    "Starlette": lambda: Starlette(),
    "with a handler": lambda: FastAPI(exception_handlers={404: handled}),
    "Starlette with handlers": lambda: Starlette(exception_handlers={HTTPException: handled}),
    "with others": lambda: Starlette(exception_handlers={ValueError: handled}),
    "Router": lambda: Router(),
}


@pytest.mark.parametrize("kinds", [*itertools.product(INSIDE), ("FastAPI", "Starlette"), ("Starlette", "FastAPI"), ("Starlette", "Router"),
                                   ("Router", "FastAPI"), ("Router", "Router")])  # fmt: skip
@pytest.mark.parametrize("html", [False, True])
def test_in_what_is_mounted(static, kinds, html):
    """Of files that are not there, the innermost application tells."""

    def make() -> FastAPI:
        app = FastAPI(openapi_url=None)
        inner: Any = app
        for kind in kinds:
            outer, inner = inner, INSIDE[kind]()
            outer.mount("/in", inner)
        inner.mount("/files", StaticFiles(directory=static, html=html), name="files")
        return app

    prefix = "/in" * len(kinds) + "/files"
    asks = [ask(prefix + path) for path in tree.PATHS]
    asks += [ask(prefix + path, method) for path in ("/a.txt", "/missing") for method in ("HEAD", "POST", "DELETE")]
    asked, left = compare(make, asks)
    if not any("handler" in kind for kind in kinds):
        assert left < asked / 6


def test_at_a_path_with_parameters(static):
    def make() -> FastAPI:
        app = FastAPI(openapi_url=None)
        for path in ("/{name}/files", "/numbers/{n:int}", "/all/{rest:path}/files"):
            app.mount(path, StaticFiles(directory=static, html=True))
        return app

    prefixes = ("/x/files", "/numbers/3", "/numbers/x", "/all/a/b/files", "/all/files/files", "/%2F/files")
    asked, left = compare(make, [ask(prefix + path) for prefix in prefixes for path in tree.PATHS])
    assert left < asked / 3


def test_a_handler_of_what_is_mounted_that_is_added_late(static):
    made: list[Any] = []

    def make() -> FastAPI:
        app, inner = FastAPI(openapi_url=None), FastAPI()
        inner.mount("/files", StaticFiles(directory=static))
        app.mount("/in", inner)
        made.append(inner)
        return app

    def wander() -> Iterator[Ask]:
        yield ask("/in/files/a.txt")
        for inner in made:
            inner.exception_handlers[404] = handled
        yield ask("/in/files/missing")

    compare(make, wander())
