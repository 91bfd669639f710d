"""Generator endpoints of plans: JSON lines, server-sent events and pieces are FastAPI's to the
byte, and so is what dependencies, tasks and iterators see."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI
from passing import Dispatches, Passes
from starlette.middleware.gzip import GZipMiddleware
from wire import Request

from fastrapi.testclient import MemoryConnection

if FASTAPI >= (0, 135):
    import generators_app

pytestmark = pytest.mark.skipif(FASTAPI < (0, 135), reason="no such option")

FORM = ("content-type", "application/x-www-form-urlencoded")
JSON = ("content-type", "application/json")


LAYERS: dict[str, Callable[[Any], None]] = {
    "none": lambda app: None,
    "native": lambda app: app.add_middleware(GZipMiddleware, minimum_size=1),
    "asgi": lambda app: app.add_middleware(Passes),
    "dispatch": lambda app: app.add_middleware(Dispatches),
}


def asked() -> list[Request]:
    found = [Request("GET", target) for target in generators_app.TARGETS]
    for kind in ("lines", "events"):
        for body in (b"name=a", b"", b"n=1"):
            found.append(Request("POST", f"/{kind}/form", (FORM,), body))
        for body in (b'{"n": 1}', b'{"n": "x"}', b"{", b""):
            found.append(Request("POST", f"/{kind}/content", (JSON,), body))
    return found


def answers(layers: Callable[[Any], None], mode: str) -> list[tuple[Answer, list[Any]]]:
    found: list[tuple[Answer, list[Any]]] = []

    async def main() -> None:
        with forced(mode):
            app = generators_app.make()
            layers(app)
            for request in asked():
                generators_app.noted.clear()
                answer = await ask(app, request)
                found.append((answer, [*generators_app.noted, generators_app.variable.get()]))

    run(main)
    return found


@pytest.mark.parametrize("layers", LAYERS)
def test_answers_are_those_of_fastapi(layers: str) -> None:
    there, here = answers(LAYERS[layers], "asgi"), answers(LAYERS[layers], "none")
    different = [one for one in zip(asked(), there, here, strict=True) if one[1] != one[2]]
    assert not different, different[:3]
    ways = {(answer.data[9:12], answer.compiled) for answer, _ in here}
    assert {(b"200", True), (b"206", True), (b"207", True)} <= ways
    assert (b"200", False) not in ways and (b"207", False) not in ways


def test_events_are_kept_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.04)
    app = generators_app.make()

    async def main() -> None:
        answer = await ask(app, Request("GET", "/events/slow"))
        assert answer.compiled and answer.data.count(b": ping\n\n") >= 2
        assert generators_app.noted == ["enter", "exit"]

    run(main)


def left(kind: str, layers: str, mode: str) -> tuple[list[Any], list[str]]:
    """What has happened when a client has left: noted, and the exceptions."""
    raised: list[str] = []

    async def main() -> None:
        with forced(mode):
            app = generators_app.make()
            LAYERS[layers](app)
            connection = MemoryConnection(app)
            connection.feed(Request("GET", f"/{kind}/endless").encode())
            assert await connection.read()
            connection.eof()
            while await connection.read():
                pass
            raised.extend(map(repr, connection.exceptions))
        await asyncio.sleep(0.01)

    run(main)
    return [*generators_app.noted], raised


@pytest.mark.parametrize(("kind", "layers"), [("lines", name) for name in LAYERS] + [("events", name) for name in LAYERS if name != "dispatch"])
def test_a_client_that_leaves_ends_the_iterator_and_the_dependencies(kind: str, layers: str) -> None:
    here = left(kind, layers, "none")
    assert here == left(kind, layers, "asgi")
    assert {"ends", "exit"} <= set(here[0])
