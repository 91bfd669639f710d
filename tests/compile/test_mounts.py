"""Mounted applications of FastAPI's: their routes are plans, and everything in them is as under
FastAPI, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mounts_app
import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI, bare, listed
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from wire import Request

FORM = ("content-type", "application/x-www-form-urlencoded")
JSON = ("content-type", "application/json")


async def dispatch(request: Any, call_next: Any) -> Any:
    response = await call_next(request)
    response.headers["x-dispatch"] = request.scope["root_path"]
    return response


LAYERS: dict[str, Callable[[FastAPI], None]] = {
    "none": lambda app: None,
    "native": lambda app: app.add_middleware(GZipMiddleware, minimum_size=1),
    "dispatch": lambda app: app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch),
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
