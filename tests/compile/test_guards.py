"""A change that makes a plan untrue takes effect with the next request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any

import fastapi
import fastapi.routing
import pytest
import starlette.applications
import starlette.requests
from client import run
from fastapi import Body, Depends, FastAPI
from fastapi.responses import JSONResponse
from wire import Request

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

    @app.post("/echo")
    async def echo(value: Annotated[Any, Body()]) -> Any:
        return value

    return app


WHO = Request("GET", "/who")
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
            assert how != COMPILED and answer == {"name": "stranger"}
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
