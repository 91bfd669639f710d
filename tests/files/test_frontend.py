"""Frontends: every answer is that of FastAPI's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tree
from both import Ask
from compared import compare
from declared import listed
from fastapi import APIRouter, Depends, FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.staticfiles import StaticFiles

pytestmark = pytest.mark.skipif(not hasattr(FastAPI, "frontend"), reason="this FastAPI has no frontends")

HOST = ("Host", "a.example")
FALLBACKS = ("auto", "index.html", "404.html", None)
ACCEPTS = (
    "text/html", "text/html;q=0", "text/html; q=0.0", "text/html;q=.5", "text/html;q=", "text/html;q", "text/html ; q=0",
    "TEXT/HTML", "text/html;level=1;q=0", "text/html;Q=0", "text/html;q=1e-9", "text/html;q=0;q=1", "text/html;;q=0",
    "text/html; q = 0", "text/html;q==0", "text//html", "text/html/x", "text/html;q=0.0.0", "text/html;q=-0", "text /html",
    "text/html;q*=0", "text/html;q=0*", "application/xhtml+xml", "application/json", "*/*", "", ",", " text/html ,x/y",
    "x/y,text/html;q=0", "x/y;q=1, application/xhtml+xml;q=0.9", "text/html;q=0,application/xhtml+xml", "text/html;q=00.00",
    'text/html;q="0"', "text/html;x=\xff", "text/html (note)", "text/html;q=0_0", "text/*", ";q=1", "text/html;q= 0.1 ;a=b",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html;q*0=0;q*1=1", "text/html\t;q=0",
)  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Directories with both pages, one of them, and none."""
    found = {}
    for name, pages in {"both": ("index.html", "404.html"), "index": ("index.html",), "missing": ("404.html",), "none": ()}.items():
        directory = tmp_path_factory.mktemp(name)
        for number, file in enumerate((*pages, "a.txt", "assets/app.js", "assets/index.html", "b/c.txt", "odd name.css")):
            (directory / file).parent.mkdir(exist_ok=True)
            tree.write(directory / file, 40 + number, number, tree.YEAR_2026 * 10**9)
        found[name] = directory
    return found


PATHS = ("/", "", "/a.txt", "/a.txt/", "/nothing", "/nothing.js", "/assets", "/assets/", "/assets/app.js", "/b", "/b/", "/b/c.txt",
         "//a.txt", "/../a.txt", "/b/../a.txt", "/%00", "/odd%20name.css", "/n" + "n" * 300, "/index.html", "/404.html", "/b\\c",
         "/items", "/items/", "/items/3", "/posted", "/slash", "/api/x", "/%C3%BC")  # fmt: skip


def application(directory: Path, at: str = "/", **options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.frontend(at, directory=directory, **options)

    @app.get("/items/{n}")
    async def item(n: int) -> int:
        return n

    @app.post("/posted")
    async def posted() -> None: ...

    @app.get("/slash/")
    async def slash() -> None: ...

    return app


def asks(prefix: str = "") -> list[Ask]:
    pages = (HOST, ("Accept", "text/html,*/*;q=0.8"))
    found = [Ask(method, prefix + path or "/", fields) for path in PATHS for method in ("GET", "HEAD") for fields in ((HOST,), pages)]
    found += [Ask(method, prefix + path or "/", pages) for path in ("/a.txt", "/nothing", "/items/3") for method in ("POST", "PUT", "OPTIONS")]
    found += [Ask("GET", prefix + path, (*pages, field)) for path in ("/a.txt", "/nothing") for field in
              (("If-None-Match", "*"), ("Range", "bytes=0-3"), ("If-Modified-Since", "Mon, 01 Jan 2035 00:00:00 GMT"))]  # fmt: skip
    return found


@pytest.mark.parametrize("at", ["/", "/app", "/app/deep/"])
@pytest.mark.parametrize("name, fallback", [*itertools.product(("both", "index", "missing", "none"), FALLBACKS)])
def test_every_path(built: dict[str, Path], name: str, fallback: Any, at: str) -> None:
    """Also where the page that is to stand in the place of others is not there."""

    def make() -> FastAPI:
        return application(built[name], at, fallback=fallback, check_dir=False)

    count, left = compare(make, [one for prefix in {at.rstrip("/"), "/app", ""} for one in asks(prefix)])
    page = {"index.html": ("both", "index"), "404.html": ("both", "missing")}.get(fallback)
    assert left < count / 4 or (page is not None and name not in page)


@pytest.mark.parametrize("fallback", ["auto", "index.html"])
def test_who_navigates(built: dict[str, Path], fallback: Any) -> None:
    asked = [Ask("GET", "/nothing", (HOST, ("Accept", accept))) for accept in ACCEPTS]
    asked += [Ask("GET", "/nothing", (HOST, ("Accept", a), ("Accept", b))) for a, b in (("x/y", "text/html"), ("text/html", "x/y"))]
    count, left = compare(lambda: application(built["index"], fallback=fallback), asked)
    assert left < count / 2


def test_several(built: dict[str, Path]) -> None:
    """The one with the longest path, of included routers, too."""

    def make() -> FastAPI:
        app = application(built["index"])
        app.frontend("/app", directory=built["both"])
        router = APIRouter(prefix="/r")
        router.frontend("/", directory=built["missing"])
        router.frontend("/app", directory=built["none"])
        app.include_router(router)
        app.include_router(router, prefix="/twice")
        app.mount("/mounted", StaticFiles(directory=built["none"]))
        return app

    prefixes = ("", "/app", "/apps", "/r", "/r/app", "/twice/r", "/twice/r/app", "/mounted", "/twice")
    count, left = compare(make, [one for prefix in prefixes for one in asks(prefix)])
    assert left < count / 4
    assert [line for line in listed(make()) if "{path}" in line][0] == "GET,HEAD /{path} compiled"


def with_dependencies(directory: Path) -> FastAPI:
    app = FastAPI(openapi_url=None, dependencies=[Depends(lambda: None)])
    app.frontend("/", directory=directory)
    return app


def with_a_limit(directory: Path) -> FastAPI:
    app, router = application(directory), APIRouter()
    router.frontend("/x", directory=directory)
    app.include_router(router, prefix="/l", max_body_size=3)
    return app


def with_a_class_of_its_own(directory: Path) -> FastAPI:
    app = application(directory)
    frontend = app.router._frontend_routes.routes[0]  # type: ignore[attr-defined]

    class Own(type(frontend.app)):  # type: ignore[misc]
        def get_path(self, scope: Any) -> str:
            return "a.txt"

    frontend.app.__class__ = Own
    return app


def behind_a_layer(directory: Path) -> FastAPI:
    app = application(directory)

    @app.middleware("http")
    async def dispatch(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    return app


@pytest.mark.parametrize("make", [with_dependencies, with_a_limit, with_a_class_of_its_own, behind_a_layer])
def test_what_fastapi_serves_itself(built: dict[str, Path], make: Callable[[Path], FastAPI]) -> None:
    compare(lambda: make(built["both"]), asks())
    lines = [line for line in listed(make(built["both"])) if "{path}" in line]
    assert lines and all(" asgi: frontend " in line for line in lines)


def test_behind_native_layers(built: dict[str, Path]) -> None:
    def make() -> FastAPI:
        app = application(built["both"])
        app.add_middleware(GZipMiddleware, minimum_size=1)
        return app

    count, left = compare(make, [Ask(one.method, one.target, (*one.fields, ("Accept-Encoding", "gzip"))) for one in asks()])
    assert left < count / 4


def test_what_is_added_while_it_serves(built: dict[str, Path]) -> None:
    """Frontends, routes and handlers."""
    changes: list[Callable[[FastAPI], Any]] = [
        lambda app: app.frontend("/late", directory=built["both"]),
        lambda app: app.get("/late/route")(lambda: 1),
        lambda app: app.exception_handlers.clear(),
        lambda app: app.router._frontend_routes.routes.clear(),  # type: ignore[attr-defined]
    ]

    for number in range(1, len(changes) + 1):
        made: list[FastAPI] = []

        def make() -> FastAPI:
            made.append(application(built["index"]))
            return made[-1]

        def wander() -> Any:
            for at in range(number):
                yield Ask("GET", "/late/a.txt", (HOST,))
                if at == number - 1:
                    for app in made:
                        changes[at](app)
            for path in ("/late/a.txt", "/late/route", "/late/nothing", "/a.txt"):
                yield Ask("GET", path, (HOST,))

        compare(make, wander())
