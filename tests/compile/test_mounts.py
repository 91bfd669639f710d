"""Mounted applications of FastAPI's: their routes are plans, and everything in them is as under
FastAPI, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mounts_app
import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI, bare, listed
from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route, Router
from wire import Request

FORM = ("content-type", "application/x-www-form-urlencoded")
JSON = ("content-type", "application/json")


async def dispatch(request: Any, call_next: Any) -> Any:
    response = await call_next(request)
    response.headers["x-dispatch"] = request.scope["root_path"]
    return response


class Around:
    """A plain layer that says what the scope tells when the application inside has ended, and what
    that has raised."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def noting(message: Any) -> None:
            mounts_app.noted.append(f"around {message['type']}")
            await send(message)

        try:
            await self.app(scope, receive, noting)
        except Exception as exc:
            mounts_app.noted.append(f"around {exc!r} {exc.__cause__!r}")
            raise
        finally:
            kinds = sorted((key, type(value).__name__) for key, value in scope.items() if key not in mounts_app.UNSEEN)
            found = [scope.get(key) for key in ("path", "root_path", "app_root_path", "path_params")]
            names = [type(scope[key]).__name__ for key in ("app", "router", "endpoint", "route") if key in scope]
            mounts_app.noted.append(f"around {kinds} {found} {names}")


def mixed(app: FastAPI) -> None:
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.add_middleware(Around)
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    app.add_middleware(GZipMiddleware, minimum_size=1)


LAYERS: dict[str, Callable[[FastAPI], None]] = {
    "none": lambda app: None,
    "native": lambda app: app.add_middleware(GZipMiddleware, minimum_size=1),
    "dispatch": lambda app: app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch),
    "asgi": lambda app: app.add_middleware(Around),
    "mixed": mixed,
}


def asked() -> list[Request]:
    found = []
    for prefix in mounts_app.PREFIXES:
        for method, path in mounts_app.PATHS:
            target = prefix + path or "/"
            if path == "/form":
                found += [Request(method, target, (FORM,), body) for body in (b"name=a", b"name=raise", b"x=1")]
            elif method == "POST":
                found += [Request(method, target, (JSON,), body) for body in (b"[1]", b'["x"]', b"[")]
            else:
                found.append(Request(method, target))
    return found


def answers(layers: str, mode: str) -> list[tuple[Request, Answer, list[str]]]:
    found = []

    async def main() -> None:
        with forced(mode):
            app = mounts_app.make()
            LAYERS[layers](app)
            for prefix in mounts_app.PREFIXES:
                await ask(app, Request("GET", prefix + "/makes/the/layers"))
            for request in asked():
                mounts_app.noted.clear()
                answer = await ask(app, request)
                found.append((request, answer, [*mounts_app.noted]))

    run(main)
    return found


@pytest.mark.parametrize("layers", LAYERS)
def test_answers_are_those_of_fastapi(layers: str) -> None:
    there, here = answers(layers, "asgi"), answers(layers, "none")
    different = [pair for pair in zip(there, here, strict=True) if pair[0] != pair[1]]
    assert not different, f"{len(different)}: {different[:2]}"
    if FASTAPI < (0, 165):
        return
    good = {request.target for request, answer, _ in here if answer.compiled and answer.data[9:10] == b"2"}
    for prefix in ("/own", "/own/inner", "/own/inner/r", "/plain", "/again"):
        assert {prefix + path for path in ("/here", "/here/3", "/items/3?q=2", "/items/3", "/stream", "/lines")} <= good
    # Their 404, 405 and redirect, where FastAPI's own handler answers.
    alone = {(request.method, request.target) for request, answer, _ in here if answer.compiled}
    asked_of = [("GET", "/nowhere"), ("PUT", "/items/3"), ("GET", "/here/"), ("GET", "/"), ("GET", "//here")]
    others = [(prefix, one) for prefix in ("/plain", "/again", "/own/inner", "/own") for one in asked_of]
    left = [(m, prefix + path) for prefix, (m, path) in others if (m, prefix + path) not in alone]
    assert left == []


async def late(*_: Any) -> JSONResponse:
    return JSONResponse("late", 418)


def add_route(app: FastAPI) -> None:
    app.get("/here/late")(lambda: "late")


def add_handler(app: FastAPI) -> None:
    app.add_exception_handler(mounts_app.Custom, late)


def override(app: FastAPI) -> None:
    app.dependency_overrides[mounts_app.leaf] = lambda: 77


def add_middleware(app: FastAPI) -> None:
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)


def set_root_path(app: FastAPI) -> None:
    app.root_path = "/changed"


@pytest.mark.parametrize("change", [add_route, add_handler, override, add_middleware, set_root_path])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after the first request"])
def test_a_change_of_a_mounted_application_takes_effect(before: bool, change: Callable[[FastAPI], None]) -> None:
    targets = ["/m/here", "/m/here/late", "/m/items/3?q=2", "/m/raise/custom", "/m/response"]
    found = []

    async def main(mode: str) -> None:
        with forced(mode):
            app, mounted = bare(), FastAPI(title="m")
            mounts_app.fill(mounted)
            app.mount("/m", mounted)
            if not before:
                await ask(app, Request("GET", "/m/here"))
                await ask(app, Request("GET", "/m/items/3"))
            else:
                app.get("/")(lambda: 1)
                await ask(app, Request("GET", "/"))
            try:
                change(mounted)
            except RuntimeError as exc:  # middleware, too late
                found.append(str(exc))
            found.append([await ask(app, Request("GET", target)) for target in targets])

    run(lambda: main("asgi"))
    run(lambda: main("none"))
    half = len(found) // 2
    assert found[:half] == found[half:]


def test_routes_lists_what_is_mounted() -> None:
    app, mounted = bare(), bare()
    mounted.get("/a")(late)
    mounted.get("/b/{n:int}")(late)
    app.mount("/m", mounted)
    assert listed(app)[:3] == ["GET /m/a compiled", "GET /m/b/{n:int} compiled", "* /m/{path:path} asgi: mounted application"]


async def of_its_own(request: Any, exc: Exception) -> JSONResponse:
    return JSONResponse(["own", request.scope["root_path"], repr(exc)], 418)


MOUNTED: dict[str, Callable[[], Any]] = {
    "404": lambda: FastAPI(exception_handlers={404: of_its_own}),
    "405": lambda: FastAPI(exception_handlers={405: of_its_own}),
    "class": lambda: FastAPI(exception_handlers={StarletteHTTPException: of_its_own}),
    "starlette": lambda: Starlette(),
    "starlette class": lambda: Starlette(exception_handlers={StarletteHTTPException: of_its_own}),
    "no redirect": lambda: FastAPI(redirect_slashes=False),
    "router": lambda: Router(),
    "middleware": lambda: FastAPI(middleware=[Middleware(GZipMiddleware)]),
    "frontend": lambda: with_frontend(FastAPI()),
}


def with_frontend(app: FastAPI) -> FastAPI:
    if hasattr(app, "frontend"):
        app.frontend("/", directory=Path(__file__).parent, check_dir=False)
    return app


async def plain(request: Any) -> PlainTextResponse:
    return PlainTextResponse("plain")


@pytest.mark.parametrize("name", MOUNTED)
@pytest.mark.parametrize("main", [{}, {404: of_its_own}, {StarletteHTTPException: of_its_own}], ids=["", "404", "class"])
def test_what_no_route_of_it_takes(name: str, main: Any) -> None:
    """The innermost application tells, and a Router's requests are those of the one around it."""

    def make() -> FastAPI:
        app, mounted = FastAPI(openapi_url=None, exception_handlers=main), MOUNTED[name]()
        router = mounted if isinstance(mounted, Router) else mounted.router
        router.routes += [Route("/a", plain, methods=["POST", "PUT"]), Route("/b/", plain), Route("/n/{n:int}", plain)]
        inner = Router([Route("/a", plain, methods=["PATCH"]), Route("/deep/", plain)])
        app.post("/m/first")(lambda: 1)
        router.routes.append(Mount("/inner", inner))
        app.router.routes.append(Mount("/m", mounted))
        app.get("/m/late")(lambda: 1)
        app.get("/m")(lambda: "m")
        return app

    paths = ("", "/", "//", "/a", "/a/", "/b", "/b/", "/b//", "/n/3", "/n/x", "/n/3/", "/nowhere", "/first", "/first/", "/late", "/late/",
             "/inner", "/inner/", "/inner/a", "/inner/deep", "/inner/deep/", "/inner/x", "/inner//", "/%0A", "/" + "x" * 5000)  # fmt: skip
    requests = [Request(method, "/m" + path, (), b"") for path in paths for method in ("GET", "HEAD", "POST", "DELETE", "BREW")]
    found = []

    async def ask_all(mode: str) -> None:
        with forced(mode):
            app = make()
            found.append([await ask(app, request) for request in requests])

    run(lambda: ask_all("asgi"))
    run(lambda: ask_all("none"))
    different = [one for one in zip(requests, *found, strict=True) if one[1] != one[2]]
    assert not different, (len(different), different[:2])


def test_a_handler_that_is_added_late_counts_as_late() -> None:
    """A mounted application takes its handlers when it is first asked."""
    found = []

    async def ask_all(mode: str) -> None:
        with forced(mode):
            app, mounted = bare(), FastAPI()
            mounted.get("/a")(lambda: 1)
            app.mount("/m", mounted)
            answers = [await ask(app, Request("GET", "/"))]
            mounted.exception_handlers[405] = of_its_own
            answers += [await ask(app, Request("GET", "/m/x")), await ask(app, Request("PUT", "/m/a"))]
            mounted.exception_handlers[404] = of_its_own
            found.append([*answers, await ask(app, Request("GET", "/m/x"))])

    run(lambda: ask_all("asgi"))
    run(lambda: ask_all("none"))
    assert found[0] == found[1]
