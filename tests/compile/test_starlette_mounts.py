"""Starlette's own routes, wherever they stand, are plans, and everything in them is as under
Starlette."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import starlette_app
from client import Answer, ask, forced, run
from declared import FASTAPI, bare, listed
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, Route, Router
from test_mounts import LAYERS
from wire import Request

NEWEST = FASTAPI >= (0, 165)


def answers(layers: str, mode: str) -> list[tuple[str, Answer, list[str]]]:
    found = []

    async def main() -> None:
        with forced(mode):
            app = starlette_app.make()
            LAYERS[layers](app)
            for prefix in starlette_app.PREFIXES:
                await ask(app, Request("GET", prefix + "/makes/the/layers"))
                for method, path in starlette_app.PATHS:
                    content = b"content" if method in ("POST", "PUT") else b""
                    starlette_app.noted.clear()
                    answer = await ask(app, Request(method, prefix + path or "/", (), content))
                    found.append((f"{method} {prefix + path}", answer, [*starlette_app.noted]))

    run(main)
    return found


@pytest.mark.parametrize("layers", LAYERS)
def test_answers_are_those_of_starlette(layers: str) -> None:
    there, here = answers(layers, "asgi"), answers(layers, "none")
    different = [pair for pair in zip(there, here, strict=True) if pair[0] != pair[1]]
    assert not different, f"{len(different)}: {[pair[0][0] for pair in different]} {different[:1]}"
    if not NEWEST:
        return
    plans = {asked.partition(" ")[2] for asked, answer, _ in here if answer.compiled and answer.data[9:10] == b"2"}
    assert {prefix + path for prefix in starlette_app.COMPILED for path in starlette_app.PLANS} <= plans
    left = [path for path in plans if path.startswith(("/wrapped", "/patched", "/overridden", "/around"))]
    assert not left
    assert {"/star/inner" + path for path in ("/api/3", "/docs", "/redoc", "/openapi.json")} <= plans


class Endpoint(HTTPEndpoint):
    async def get(self, request: Any) -> PlainTextResponse:
        return PlainTextResponse("endpoint")


async def late(request: Any) -> PlainTextResponse:
    return PlainTextResponse(f"late {type(request).__name__}")


def add_route(app: Starlette, router: Router) -> None:
    router.routes.insert(0, Route("/about", late))


def add_handler(app: Starlette, router: Router) -> None:
    async def handler(request: Any, exc: Exception) -> PlainTextResponse:
        return await late(request)

    app.add_exception_handler(starlette_app.Custom, handler)


def add_layer(app: Starlette, router: Router) -> None:
    app.add_middleware(CORSMiddleware, allow_origins=["*"])


def replace_router(app: Starlette, router: Router) -> None:
    app.router = Router([Route("/about", late)])


def wrap_router(app: Starlette, router: Router) -> None:
    inner = router.middleware_stack

    async def layer(scope: Any, receive: Any, send: Any) -> None:
        scope["root_path"] += "x"
        await inner(scope, receive, send)

    router.middleware_stack = layer  # type: ignore[method-assign, assignment]


def change_endpoint(app: Starlette, router: Router) -> None:
    async def dispatch(self: Any) -> None:
        await PlainTextResponse("changed")(self.scope, self.receive, self.send)

    Endpoint.dispatch = dispatch  # type: ignore[method-assign]


CHANGES = [add_route, add_handler, add_layer, replace_router, wrap_router, change_endpoint]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("before", [True, False], ids=["before", "after the first request"])
def test_a_change_of_what_is_mounted_takes_effect(before: bool, change: Callable[[Starlette, Router], None], monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    async def main(mode: str) -> None:
        with forced(mode), monkeypatch.context() as kept:
            kept.setattr(Endpoint, "dispatch", HTTPEndpoint.dispatch, raising=False)
            app, router = bare(), Router(starlette_app.routes())
            inner = Starlette(routes=[*starlette_app.routes(), Route("/class", Endpoint)])
            app.mount("/s", inner)
            app.mount("/r", router)
            if not before:
                await ask(app, Request("GET", "/s/about"))
                await ask(app, Request("GET", "/r/numbered/3"))
            else:
                app.get("/")(lambda: 1)
                await ask(app, Request("GET", "/"))
            try:
                change(inner, router)
            except RuntimeError as exc:  # middleware, too late
                found.append(str(exc))
            targets = ("/s/about", "/s/raises/custom", "/r/about", "/s/class", "/s/nowhere")
            found.append([await ask(app, Request("GET", target, (("origin", "http://x"),))) for target in targets])

    run(lambda: main("asgi"))
    run(lambda: main("none"))
    half = len(found) // 2
    assert found[:half] == found[half:]


@pytest.mark.skipif(not NEWEST, reason="reasons of the newest version")
def test_routes_lists_what_is_mounted() -> None:
    app, inner = bare(), Starlette(routes=[Route("/b/{n:int}", late), Route("/class", Endpoint), Route("/asgi", starlette_app.Own)])
    app.mount("/m", inner)
    app.router.routes.append(Mount("/r", routes=[Route("/a", late)]))
    assert listed(app)[:6] == [
        "GET,HEAD /m/b/{n:int} compiled",
        "* /m/class compiled",
        "* /m/asgi asgi: plain Starlette route whose class is no HTTPEndpoint, or a changed one",
        "* /m/{path:path} asgi: mounted application",
        "GET,HEAD /r/a compiled",
        "* /r/{path:path} asgi: mounted application",
    ]


def test_the_lifespan_of_what_is_mounted_does_not_run() -> None:
    ran = []

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> Any:
        ran.append("mounted")
        yield

    async def main() -> None:
        app: FastAPI = bare()
        app.mount("/m", Starlette(routes=[Route("/a", late)], lifespan=lifespan))
        assert (await ask(app, Request("GET", "/m/a"))).data.endswith(b"late Request")

    run(main)
    assert not ran


def test_a_dispatch_layer_around_sees_the_mount() -> None:
    found = []

    async def main(mode: str) -> None:
        with forced(mode):
            app = starlette_app.make()
            seen: list[Any] = []

            async def dispatch(request: Any, call_next: Any) -> Any:
                answer = await call_next(request)
                seen.append([request.scope.get(name) for name in ("root_path", "path_params", "path")])
                return answer

            app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
            for target in ("/star/numbered/3", "/router/endpoint", "/included/about", "/numbered/3"):
                await ask(app, Request("GET", target))
            found.append(seen)

    run(lambda: main("asgi"))
    run(lambda: main("none"))
    assert found[0] == found[1]
