"""Plans that run behind the user's own middleware, without FastAPI's layers and router."""

from __future__ import annotations

import asyncio
import copy
import inspect
import os
import re
from typing import Any

import fastapi
import pytest
import starlette
from client import Answer, ask, calls, forced, run
from fastapi import FastAPI
from dispatch_layers import Dispatches, Heads, by_function, kinds
from layers import KINDS, TYPES, UPLOADED, Adds, Catches, Layer, Log, Looks, make, requests
from starlette.middleware.exceptions import ExceptionMiddleware
from wire import Request

from fastrapi.compile.junctions import junctions_of


def _request(method: str, target: str, content: bytes) -> Request:
    kind = TYPES.get(target.partition("?")[0], "application/json")
    fields = (("Content-Type", kind),) if content else ()
    return Request(method, target, fields, content)


EVERY = KINDS | {f"dispatch: {name}": layers for name, layers in kinds().items()}


def _log_of(kind: str, target: str, log: Log) -> list[str]:
    """What happened. Behind a dispatch layer a stream's own tasks take other turns of the
    loop than under Starlette."""
    if kind == "Pieces" and target.startswith("/upload"):
        return []  # a malformed form is read to its end; FastAPI stops at the fault
    lines = [re.sub(r"0x[0-9a-f]+", "", repr(line)) for line in log]
    return sorted(lines) if target == "/stream" and kind.startswith("dispatch") else lines


async def _all(kind: str, mode: str) -> list[tuple[Answer, list[str]]]:
    """The answer of each request, and what happened."""
    app, log = make(EVERY[kind])
    found = []
    with forced(mode):
        for method, target, content in requests():
            answer = await asyncio.wait_for(ask(app, _request(method, target, content)), 10)
            await asyncio.sleep(0)
            found.append((answer, _log_of(kind, target, log)))
            log.clear()
    return found


@pytest.mark.parametrize("kind", EVERY)
def test_a_request_runs_as_behind_fastapis_own_layers(kind: str) -> None:
    """The same answer, the same exceptions at the server, the same messages, scopes and
    order of events."""

    async def main() -> None:
        expected, got = await _all(kind, "asgi"), await _all(kind, "none")
        for request, theirs, ours in zip(requests(), expected, got, strict=True):
            # How an application that cancels itself ends is a race under Starlette, and so is
            # the end of a stream that raises.
            raced = request[1] == "/raise/cancelled" or request[1].startswith("/stream/")
            if not raced or not kind.startswith("dispatch"):
                assert ours == theirs, request

    run(main)


COMPILED = [
    ("GET", "/hello", b""), ("GET", "/plain", b""), ("GET", "/items/a/7?q=1", b""),
    ("GET", "/params/a/b", b""), ("GET", "/response", b""), ("POST", "/model", b'{"name": "a"}'),
    ("POST", "/checked", b'{"name": "a"}'), ("GET", "/odd", b""), ("GET", "/yield", b""),
    ("GET", "/background", b""), ("GET", "/stream", b""), ("GET", "/raise/http", b""), ("GET", "/items/a/x", b""),
    ("POST", "/model", b'{"price": "x"}'), ("POST", "/model", b'{"name": '),
    ("POST", "/checked", b'{"name": "bad"}'), ("GET", "/nowhere", b""), ("GET", "/hello/", b""),
    ("POST", "/form", b"name=a&tags=b"), ("POST", "/form", b""), ("POST", "/upload", UPLOADED),
    ("POST", "/upload?fails=yes", UPLOADED), ("GET", "/in/slash", b""), ("DELETE", "/hello", b""), ("DELETE", "/items/a/7", b""),
]  # fmt: skip


def _frames(app: FastAPI, request: Request) -> tuple[Answer, set[str]]:
    """The answer to the second of two requests, and the functions of FastAPI and
    Starlette that ran in the loop's thread for it."""
    own = tuple(os.path.dirname(str(package.__file__)) for package in (fastapi, starlette))
    made = []

    async def main() -> None:
        made.append(await calls(app, request))

    run(main)
    answer, frames = made[0]
    return answer, {
        f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_code.co_qualname}"
        for frame in frames
        if frame.f_code.co_filename.startswith(own)
    }


@pytest.mark.parametrize("layers", [[Layer], [Adds, Layer], [Catches, Looks]], ids=str)
def test_nothing_of_fastapis_layers_runs_on_success(layers: list[type[Layer]]) -> None:
    app, _ = make([(cls, {}) for cls in layers])
    answer, frames = _frames(app, _request("GET", "/hello", b""))
    assert answer.compiled and frames == set()


@pytest.mark.parametrize("request_", COMPILED, ids=lambda row: row[1])
def test_no_layer_and_no_router_of_fastapis_runs_on_success(
    request_: tuple[str, str, bytes],
) -> None:
    app, _ = make([(Layer, {})])
    answer, frames = _frames(app, _request(*request_))
    assert answer.compiled
    around = r"(formparsers|applications|errors|exceptions|asyncexitstack|routing|_exception_handler|_asgi|" \
        r"_body_limit)\.py:(?!serialize_response|_extract|_normalize|HTTPException|Validation|Request)"
    assert not [name for name in frames if re.match(around, name)]


def test_no_signature_is_looked_at_for_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = make([(Layer, {}), (Adds, {})])
    asked: Log = []

    async def main() -> None:
        await ask(app, _request("GET", "/hello", b""))
        for name in ("signature", "iscoroutinefunction", "isgeneratorfunction", "getmembers"):
            original = getattr(inspect, name)
            monkeypatch.setattr(
                inspect, name, lambda *a, _f=original, **k: asked.append(a) or _f(*a, **k)
            )
        for method, target, content in COMPILED:
            if target != "/background":  # its endpoint asks, with add_task()
                await ask(app, _request(method, target, content))

    run(main)
    assert asked == []


def _served(app: FastAPI) -> None:
    run(lambda: _ask_hello(app))


async def _ask_hello(app: FastAPI) -> None:
    await ask(app, _request("GET", "/hello", b""))


def test_layers_made_in_another_way_are_left_alone() -> None:
    class Own(FastAPI):
        def build_middleware_stack(self) -> Any:
            return Layer(super().build_middleware_stack(), [])

    class Calls(FastAPI):
        async def __call__(self, *args: Any) -> None:
            await super().__call__(*args)

    for cls in (Own, Calls, FastAPI):
        app = cls()
        app.add_middleware(Layer, log=[])
        _served(app)
        assert (junctions_of(app) is not None) == (cls is FastAPI)
    app = FastAPI()
    app.add_middleware(Layer, log=[])
    app.middleware_stack = app.build_middleware_stack()
    _served(app)
    assert junctions_of(app) is None


def test_a_layer_is_made_once_and_sees_the_applications_own_list() -> None:
    app, made = FastAPI(), []

    class Counts(Layer):
        def __init__(self, inner: Any) -> None:
            super().__init__(inner, [])
            made.append([entry.cls for entry in app.user_middleware])

    app.add_middleware(Counts)
    _served(app)
    assert made == [[Counts]]


@pytest.mark.parametrize(
    "change",
    [
        lambda app: app.dependency_overrides.update({len: len}),
        lambda app: setattr(app.middleware_stack, "app", Adds(app.middleware_stack.app, [])),
        lambda app: setattr(app, "middleware_stack", app.build_middleware_stack()),
        lambda app: setattr(app, "root_path", "/root"),
        lambda app: app.add_api_route("/later", lambda: 1),
        lambda app: setattr(app.router, "redirect_slashes", False),
    ],
    ids=["overrides", "own layer", "stack", "root_path", "route", "router"],
)
def test_a_change_while_it_serves_counts(change: Any) -> None:
    async def main() -> None:
        found = []
        for mode in ("asgi", "none"):
            app, log = make([(Looks, {})])
            app.debug = False
            with forced(mode):
                answers = [await ask(app, _request("GET", "/hello", b""))]
                change(app)
                for target in ("/hello", "/hello/", "/later", "/raise/value"):
                    answers.append(await ask(app, _request("GET", target, b"")))
            found.append((answers, re.sub(r"0x[0-9a-f]+", "", repr(log))))
        assert found[0] == found[1]

    run(main)


def test_a_copied_application_has_layers_of_its_own() -> None:
    app = FastAPI()
    app.add_middleware(Layer, log=[])
    _served(app)
    other = copy.copy(app)
    assert junctions_of(other) is None
    within = junctions_of(app).within  # type: ignore[union-attr]
    assert type(within) is not type(copy.copy(within)) is ExceptionMiddleware


def test_receive_of_a_layer_finds_the_route_in_the_scope() -> None:
    found: list[Any] = []

    class Limits:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def limited() -> Any:
                found.append([scope["route"].path, scope["path_params"]])
                return await receive()

            await self.app(scope, limited, send)

    def application() -> FastAPI:
        app = FastAPI()
        app.add_middleware(Limits)

        @app.post("/echo/{n}")
        async def echo(n: int, value: list[int]) -> Any:
            return [n, value]

        return app

    async def main() -> None:
        for content in (b"[1]", b"[x", b'["y"]'):
            answers = []
            for mode in ("asgi", "none"):
                with forced(mode):
                    answers.append(await ask(application(), _request("POST", "/echo/1", content)))
            assert answers[0].data == answers[1].data
        assert found == [["/echo/{n}", {"n": "1"}]] * len(found) and len(found) >= 6

    run(main)
