"""Mounted applications with middleware: their plans run inside it, and everything is as under
FastAPI and Starlette."""

from __future__ import annotations

import re
import zlib
from typing import Any

import mounted_layers_app
import mounts_app
import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI, bare, explained, listed
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
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
