"""Mounted applications with middleware: their plans run inside it, and everything is as under
FastAPI and Starlette."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Any

import mounted_layers_app
import mounts_app
import pytest
from client import Answer, ask, calls, forced, run
from declared import FASTAPI, bare, explained, listed
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route
from test_mounts import LAYERS
from wire import Request

FORM = ("content-type", "application/x-www-form-urlencoded")
NEWEST = FASTAPI >= (0, 165)
FIELDS = (("origin", "http://x"), ("accept-encoding", "gzip"), ("access-control-request-method", "GET"))


def unzipped(answer: Answer) -> Answer:
    """What is compressed twice need not be the same bytes."""
    head, blank, body = answer.data.partition(b"\r\n\r\n")
    if b"\r\ncontent-encoding: gzip" not in head:
        return answer
    if b"transfer-encoding: chunked" in head:
        pieces = re.split(rb"(?:^|\r\n)[0-9a-f]+\r\n", body)
        body = b"".join(pieces)
    head = re.sub(rb"content-length: \d+", b"", head)
    return Answer(head + blank + (body and zlib.decompressobj(31).decompress(body)), answer.exceptions, answer.compiled)


def answers(layers: str, mode: str) -> list[tuple[str, Answer, list[str]]]:
    found = []

    async def main() -> None:
        with forced(mode):
            app = mounted_layers_app.make()
            LAYERS[layers](app)
            for prefix in mounted_layers_app.PREFIXES:
                await ask(app, Request("GET", prefix + "/makes/the/layers"))
                for method, path in mounted_layers_app.PATHS:
                    content = b"name=raise" if path == "/form" else b"[1]" if method in ("POST", "PUT") else b""
                    fields = (*FIELDS, FORM) if path == "/form" else (*FIELDS, ("content-type", "application/json"))
                    mounts_app.noted.clear()
                    answer = unzipped(await ask(app, Request(method, prefix + path or "/", fields, content)))
                    found.append((f"{method} {prefix + path}", answer, [*mounts_app.noted]))

    run(main)
    return found


@pytest.mark.parametrize("layers", LAYERS)
def test_answers_are_those_of_fastapi(layers: str) -> None:
    there, here = answers(layers, "asgi"), answers(layers, "none")
    different = [pair for pair in zip(there, here, strict=True) if pair[0] != pair[1]]
    assert not different, f"{len(different)}: {[pair[0][0] for pair in different]} {different[:1]}"
    if not NEWEST:
        return
    plans = {asked.partition(" ")[2] for asked, answer, _ in here if answer.compiled and answer.data[9:10] == b"2"}
    inside = [name for name in mounted_layers_app.LAYERS if name != "https"] + ["outer", "outer/inner", "again"]
    assert {f"/{name}{path}" for name in inside for path in mounted_layers_app.PLANS} <= plans
    assert {f"/star{path}" for path in ("/about", "/endpoint", "/stream")} <= plans


def mounting(**options: Any) -> tuple[FastAPI, FastAPI]:
    app, mounted = bare(), bare(**options)
    mounted.add_middleware(CORSMiddleware, allow_origins=["*"])
    mounted.get("/a")(mounts_app.leaf)
    app.mount("/m", mounted)
    return app, mounted


def test_layers_are_made_when_the_mounted_application_is_asked_first() -> None:
    async def main() -> None:
        app, mounted = mounting()
        app.get("/")(mounts_app.leaf)
        await ask(app, Request("GET", "/"))
        assert mounted.middleware_stack is None
        mounted.add_middleware(mounted_layers_app.Noting, name="late")
        await ask(app, Request("GET", "/m"))
        assert mounted.middleware_stack is None
        first, answer = [await ask(app, Request("GET", "/m/a", (("origin", "x"),))) for _ in range(2)]
        assert first == answer and answer.compiled and b"access-control-allow-origin: *" in answer.data
        assert mounted.middleware_stack is not None
        with pytest.raises(RuntimeError):
            mounted.add_middleware(mounted_layers_app.Noting, name="later")

    run(main)


def late(app: Any) -> None:
    async def a(request: Any) -> PlainTextResponse:
        return PlainTextResponse("late")

    app.router.routes.insert(0, Route("/a", a))


def other_stack(app: Any) -> None:
    app.middleware_stack = PlainTextResponse("other")


def other_setting(app: Any) -> None:
    layer = app.middleware_stack
    while not isinstance(layer, CORSMiddleware):
        layer = layer.app
    layer.simple_headers = {"x-own": "1"}


@pytest.mark.parametrize("change", [late, other_stack, other_setting])
def test_a_change_takes_effect(change: Any) -> None:
    found = []

    async def main(mode: str) -> None:
        with forced(mode):
            app, mounted = mounting()
            first = [await ask(app, Request("GET", "/m/a", (("origin", "x"),))) for _ in range(3)]
            change(mounted)
            found.append([*first, await ask(app, Request("GET", "/m/a", (("origin", "x"),)))])

    run(lambda: main("asgi"))
    run(lambda: main("none"))
    assert found[0] == found[1] and found[1][2].compiled


@pytest.mark.skipif(not NEWEST, reason="words of the newest version")
def test_routes_and_explain_name_the_middleware() -> None:
    app, _ = mounting()
    assert listed(app)[:2] == ["GET /m/a compiled in part: behind CORSMiddleware", "* /m/{path:path} asgi: mounted application"]
    assert explained(app, "GET", "/m/a")[1] == "compiled in part: runs in a task of its own, behind CORSMiddleware"


def test_a_subclass_that_makes_its_layers_itself_is_left_to_it() -> None:
    class Own(Starlette):
        def build_middleware_stack(self) -> Any:
            return PlainTextResponse("own")

    async def main() -> None:
        app = bare()
        app.mount("/m", Own(routes=[Route("/a", PlainTextResponse)]))
        assert (await ask(app, Request("GET", "/m/a"))).data.endswith(b"own")

    run(main)


class Plain:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


KINDS: dict[str, list[Middleware]] = {
    "none": [],
    "native": [Middleware(CORSMiddleware, allow_origins=["*"]), Middleware(GZipMiddleware)],
    "plain": [Middleware(Plain)],
    "dispatch": [Middleware(BaseHTTPMiddleware, dispatch=mounted_layers_app.dispatch)],
    "mixed": [Middleware(CORSMiddleware, allow_origins=["*"]), Middleware(BaseHTTPMiddleware, dispatch=mounted_layers_app.dispatch), Middleware(Plain)],
}  # fmt: skip


@pytest.mark.skipif(not NEWEST, reason="older versions keep what is mounted to ASGI")
@pytest.mark.parametrize("inside", KINDS)
@pytest.mark.parametrize("around", KINDS)
def test_none_of_the_layers_and_routers_between_runs_in_python(around: str, inside: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    passed = ("/applications.py", "/routing.py", "/errors.py", "/exceptions.py", "/asyncexitstack.py", "/staticfiles.py", "/seam.py", "/_exception_handler.py")

    async def main() -> None:
        app = FastAPI(middleware=KINDS[around])
        between, mounted = FastAPI(), FastAPI(middleware=KINDS[inside])
        mounted.get("/a")(mounts_app.leaf)
        mounted.mount("/files", StaticFiles(directory=tmp_path))
        mounted.mount("/star", Starlette(routes=[Route("/a", of_starlette)]))
        between.mount("/m", mounted)
        app.mount("/b", between)
        for _ in range(2):
            await ask(app, Request("GET", "/b/m/makes/the/layers"))
            await ask(app, Request("GET", "/b/m/star/makes/the/layers"))
        for path in ("/a", "/files/a.txt", "/files/missing", "/missing", "/a/", "/star/a", "/star/missing"):
            answer, frames = await calls(app, Request("GET", "/b/m" + path, (("origin", "x"),)))
            ran = [frame.f_code for frame in frames if frame.f_code.co_filename.endswith(passed)]
            ran = [code for code in ran if code.co_name in ("__call__", "app", "handle", "matches", "wrapped_app", "_surface")]
            assert answer.compiled and not ran, (path, answer, ran)

    run(main)


async def of_starlette(request: Any) -> PlainTextResponse:
    return PlainTextResponse(request.scope["root_path"])


@pytest.mark.parametrize("inner", [[Middleware(mounted_layers_app.Noting, name="inner")], []])
def test_a_mount_of_files_in_a_router_of_starlettes_is_the_route(inner: list[Middleware], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("content")
    seen: list[Any] = []

    class Looking(Plain):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            seen.append(getattr(scope.get("route"), "path", None))

    async def main(mode: str) -> None:
        with forced(mode):
            app = FastAPI(middleware=[Middleware(Looking)])
            star = Starlette(routes=[Mount("/files", StaticFiles(directory=tmp_path))], middleware=inner)
            app.mount("/star", star)
            for path in ("/files/a.txt", "/files/a.txt", "/files/missing"):
                await ask(app, Request("GET", "/star" + path))

    run(lambda: main("asgi"))
    there = [*seen]
    seen.clear()
    run(lambda: main("none"))
    assert seen == there
