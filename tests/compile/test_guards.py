"""A change that makes a plan untrue takes effect with the next request."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import MappingProxyType
from typing import Annotated, Any

import fastapi
import fastapi.routing
import pytest
import starlette.applications
import starlette.endpoints
import starlette.requests
import starlette.routing
from client import run
from declared import FASTAPI
from fastapi import Body, Depends, FastAPI, HTTPException
from fastapi.responses import JSONResponse
from starlette.middleware.gzip import GZipMiddleware
from wire import Request

from fastrapi.compile.guards import Guards
from fastrapi.testclient import MemoryConnection


async def who() -> str:
    return "plan"


async def stranger() -> str:
    return "stranger"


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/who")
    async def get_who(name: Annotated[str, Depends(who)]) -> Any:
        return {"name": name}

    @app.get("/refused")
    async def refused() -> None:
        raise HTTPException(418, "no")

    @app.get("/toggle")
    async def toggle() -> None:
        app.dependency_overrides[who] = stranger
        raise KeyError

    @app.exception_handler(KeyError)
    async def toggled(*_: Any) -> JSONResponse:
        return JSONResponse("toggled")

    @app.post("/echo")
    async def echo(value: Annotated[Any, Body()]) -> Any:
        return value

    return app


WHO = Request("GET", "/who")
REFUSED = Request("GET", "/refused")
ECHO = Request("POST", "/echo", (("Content-Type", "application/json"),), b"[1]")
COMPILED = "compiled"
Change = Callable[[FastAPI, pytest.MonkeyPatch], None]


async def ask(app: FastAPI, request: Request) -> tuple[str, Any]:
    """(how it ran, its JSON answer)"""
    connection = MemoryConnection(app)
    connection.feed(request.encode())
    data = await connection.read()
    connection.eof()
    while await connection.read():
        pass
    how = "compiled" if connection.compiled else next(iter(connection.reasons), "no reason")
    return how, json.JSONDecoder().decode(data.partition(b"\r\n\r\n")[2].decode())


def override(app: FastAPI, _patch: pytest.MonkeyPatch) -> None:
    app.dependency_overrides[who] = stranger


def replace_overrides(app: FastAPI, _patch: pytest.MonkeyPatch) -> None:
    app.dependency_overrides = {who: stranger}


def put_route_first(app: FastAPI, _patch: pytest.MonkeyPatch) -> None:
    async def endpoint() -> Any:
        return {"name": "stranger"}

    app.get("/who")(endpoint)
    app.router.routes.insert(0, app.router.routes.pop())


def patch_loads(_app: FastAPI, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(json, "loads", lambda *_args, **_kwargs: "patched")


def patch_request(_app: FastAPI, patch: pytest.MonkeyPatch) -> None:
    async def body(self: Any) -> bytes:
        return b'"patched"'

    patch.setattr(starlette.requests.Request, "body", body)


def patch_serialisation(_app: FastAPI, patch: pytest.MonkeyPatch) -> None:
    async def serialize_response(**_: Any) -> Any:
        return '"patched"'

    patch.setattr(fastapi.routing, "serialize_response", serialize_response)


def patch_entrance(_app: FastAPI, patch: pytest.MonkeyPatch) -> None:
    async def call(_self: Any, *asgi: Any) -> None:
        await JSONResponse("patched")(*asgi)

    patch.setattr(starlette.applications.Starlette, "__call__", call)


def wrap_router(app: FastAPI, _patch: pytest.MonkeyPatch) -> None:
    async def middleware(*asgi: Any) -> None:
        await JSONResponse("patched")(*asgi)

    app.router.middleware_stack = middleware


def wrap_inside(app: FastAPI, _patch: pytest.MonkeyPatch) -> None:
    async def middleware(*asgi: Any) -> None:
        await JSONResponse("patched")(*asgi)

    app.middleware_stack.app = middleware  # type: ignore[union-attr]


def replace_handlers(app: FastAPI, _patch: pytest.MonkeyPatch) -> None:
    layer: Any = app.middleware_stack
    while not hasattr(layer, "_exception_handlers"):
        layer = layer.app

    async def handler(*_: Any) -> JSONResponse:
        return JSONResponse("handled")

    layer._exception_handlers = {**layer._exception_handlers, HTTPException: handler}


@pytest.mark.parametrize(
    ("request_", "change", "plan", "after"),
    [
        (WHO, override, {"name": "plan"}, {"name": "stranger"}),
        (WHO, replace_overrides, {"name": "plan"}, {"name": "stranger"}),
        (WHO, put_route_first, {"name": "plan"}, {"name": "stranger"}),
        (ECHO, patch_loads, [1], "patched"),
        (ECHO, patch_request, [1], "patched"),
        (ECHO, patch_serialisation, [1], "patched"),
        (WHO, patch_entrance, {"name": "plan"}, "patched"),
        (WHO, wrap_router, {"name": "plan"}, "patched"),
        (WHO, wrap_inside, {"name": "plan"}, "patched"),
        (REFUSED, replace_handlers, {"detail": "no"}, "handled"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_change_takes_effect_with_the_next_request(
    monkeypatch: pytest.MonkeyPatch, request_: Request, change: Change, plan: Any, after: Any
) -> None:
    app = application()

    async def main() -> None:
        assert await ask(app, request_) == (COMPILED, plan)
        change(app, monkeypatch)
        assert (await ask(app, request_))[1] == after

    run(main)


def test_what_is_taken_back_lets_the_plan_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    app = application()

    async def main() -> None:
        for _ in range(3):
            assert await ask(app, WHO) == (COMPILED, {"name": "plan"})
            app.dependency_overrides[who] = stranger
            how, answer = await ask(app, WHO)
            assert (how == COMPILED) == (FASTAPI >= (0, 165)) and answer == {"name": "stranger"}
            app.dependency_overrides.clear()

    run(main)


def test_an_attribute_set_over_and_over_is_noticed_each_time() -> None:
    """From Python 3.12 on the interpreter specialises the store of an attribute."""
    app = application()

    def exchange(overrides: dict[Any, Any]) -> None:
        app.dependency_overrides = overrides

    async def main() -> None:
        assert (await ask(app, WHO))[1] == {"name": "plan"}
        for _ in range(30):
            exchange({who: stranger})
            assert (await ask(app, WHO))[1] == {"name": "stranger"}
            exchange({})
            assert (await ask(app, WHO))[1] == {"name": "plan"}

    run(main)


def test_a_route_added_later_is_served() -> None:
    app = application()

    async def main() -> None:
        assert await ask(app, WHO) == (COMPILED, {"name": "plan"})
        app.get("/late")(stranger)
        assert (await ask(app, Request("GET", "/late")))[1] == "stranger"
        assert await ask(app, WHO) == (COMPILED, {"name": "plan"})

    run(main)


class Overrides(dict[Any, Any]):
    """A dict of somebody's own, which FastAPI asks whether it is true, and for an item."""


@pytest.mark.parametrize("none", [None, {}, Overrides(), MappingProxyType({}), ()])
def test_overrides_that_are_none_of_any_kind(none: Any) -> None:
    """FastAPI looks no further at what is false. Behind dicts the plan runs."""
    app = application()

    async def main() -> None:
        assert await ask(app, WHO) == (COMPILED, {"name": "plan"})
        app.dependency_overrides = none
        how, answer = await ask(app, WHO)
        assert answer == {"name": "plan"}
        assert (how == COMPILED) == (none is None or isinstance(none, dict))
        app.dependency_overrides = {who: stranger}
        assert (await ask(app, WHO))[1] == {"name": "stranger"}

    run(main)


def test_overrides_that_are_no_dict_are_obeyed() -> None:
    app = application()
    app.dependency_overrides = MappingProxyType({who: stranger})  # type: ignore[assignment]

    async def main() -> None:
        how, answer = await ask(app, WHO)
        assert answer == {"name": "stranger"} and how != COMPILED

    run(main)


def test_a_change_by_a_request_that_fails_counts_for_the_next() -> None:
    app = application()

    async def main() -> None:
        assert (await ask(app, WHO))[1] == {"name": "plan"}
        assert (await ask(app, Request("GET", "/toggle")))[1] == "toggled"
        assert [(await ask(app, WHO))[1] for _ in range(2)] == [{"name": "stranger"}] * 2

    run(main)


@pytest.mark.parametrize("layers", [0, 1])
def test_a_change_by_a_layer_counts_for_its_own_request(layers: int) -> None:
    app = application()
    for _ in range(layers):
        app.add_middleware(GZipMiddleware)

    @app.middleware("http")
    async def change(request: Any, call_next: Any) -> Any:
        if "x-fake" in request.headers:
            app.dependency_overrides[who] = stranger
        return await call_next(request)

    async def main() -> None:
        asked = [WHO, Request("GET", "/who", (("X-Fake", "1"),)), WHO, WHO]
        names = [(await ask(app, request))[1]["name"] for request in asked]
        assert names == ["plan", "stranger", "stranger", "stranger"]

    run(main)


@pytest.mark.parametrize("part", ["app", "endpoint", "methods", "path_regex", "matches", "handle"])
def test_a_route_of_other_parts_is_seen_by_the_full_check(part: str) -> None:
    app = application()

    async def other(*_: Any) -> None:
        raise AssertionError

    async def main() -> None:
        await ask(app, WHO)
        found = Guards(app, (), (), (), False, behind=False)
        assert found.check() is None
        setattr(app.router.routes[-1], part, other)
        assert found.check() == "the application changed"

    run(main)


class OtherRequest(starlette.requests.Request):
    pass


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (fastapi.routing, "Request"),
        (starlette.routing, "Request"),
        (starlette.routing, "request_response"),
        (starlette.routing, "run_in_threadpool"),
        (starlette.endpoints, "Request"),
        (starlette.endpoints, "run_in_threadpool"),
        (starlette.endpoints, "is_async_callable"),
    ],
)
def test_names_that_plans_stand_for_are_watched(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    app = application()

    async def main() -> None:
        assert (await ask(app, WHO))[0] == COMPILED
        monkeypatch.setattr(module, name, OtherRequest)
        assert (await ask(app, WHO))[0] != COMPILED

    run(main)


def test_routes_that_change_places_are_seen_by_the_full_check() -> None:
    app = application()

    async def main() -> None:
        await ask(app, WHO)
        found = Guards(app, (), (), (), False, behind=False)
        assert found.check() is None
        routes = app.router.routes
        routes[-1], routes[-2] = routes[-2], routes[-1]
        assert found.check() == "the application changed"

    run(main)
