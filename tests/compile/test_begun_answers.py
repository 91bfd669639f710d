"""An HTTPEndpoint that sends the start of an answer by itself, and then raises: FastAPI's layers
know of that start."""

from __future__ import annotations

from typing import Any

import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI
from fastapi import FastAPI, HTTPException
from passing import Dispatches, Passes
from starlette.endpoints import HTTPEndpoint
from starlette.routing import Route
from wire import Request

pytestmark = pytest.mark.skipif(FASTAPI < (0, 118), reason="no such option")

START = {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]}


class Handled(Exception):
    pass


class Starts(HTTPEndpoint):
    async def get(self, request: Any) -> None:
        await self.send(START)
        how = request.path_params["how"]
        if how == "whole":
            await self.send({"type": "http.response.body", "body": b"whole"})
        raise {"http": HTTPException(404), "handled": Handled(), "whole": ValueError("late")}.get(how, ValueError(how))


def make(layers: str) -> FastAPI:
    app = FastAPI()
    app.add_exception_handler(Handled, lambda request, exc: None)  # type: ignore[arg-type, return-value]
    app.router.routes.append(Route("/{how}", Starts))
    for kind in layers.split():
        if kind == "asgi":
            app.add_middleware(Passes)
        else:
            app.add_middleware(Dispatches)
    return app


@pytest.mark.parametrize("layers", ["", "asgi", "asgi asgi"])
@pytest.mark.parametrize("how", ["http", "handled", "value", "whole"])
def test_a_second_start_is_never_sent(layers: str, how: str) -> None:
    found: list[Answer] = []

    async def main() -> None:
        for mode in ("asgi", "none"):
            with forced(mode):
                found.append(await ask(make(layers), Request("GET", f"/{how}")))

    run(main)
    assert found[0] == found[1]
    assert found[1].compiled or FASTAPI < (0, 165)
