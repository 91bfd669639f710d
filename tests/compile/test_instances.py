"""Routes whose methods are replaced on the instance, and answers that user code has begun by itself."""

from __future__ import annotations

from typing import Any

import passing
import pytest
from client import Answer, ask, forced, run
from declared import bare
from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, field_serializer
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Host, Match, Mount, Route, Router
from wire import Request as Wire


async def text(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("text")


async def instead(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("instead")(scope, receive, send)


def none(_scope: Any) -> tuple[Match, dict[str, Any]]:
    return Match.NONE, {}


class Sends(HTTPEndpoint):
    async def get(self, _request: Request) -> PlainTextResponse:
        await self.send({"type": "http.response.start", "status": 202, "headers": []})
        return PlainTextResponse("second")


def application() -> FastAPI:
    app = bare()

    @app.get("/fastapi")
    async def fastapi() -> str:
        return "fastapi"

    app.router.routes += [
        Route("/route", text),
        Route("/sends", Sends),
        Mount("/mount", Router([Route("/inner", text)])),
        Host("host.test", Router([Route("/hosted", text)])),
    ]
    return app


PATHS = ("/fastapi", "/route", "/mount/inner", "/hosted", "/fastapi/", "/nowhere")


async def answers(mode: str, which: int, name: str, value: Any) -> list[Answer]:
    with forced(mode):
        app = application()
        setattr(app.router.routes[which], name, value)
        fields = (("Host", "host.test"),)
        return [await ask(app, Wire("GET", path, fields)) for path in PATHS]


@pytest.mark.parametrize(("name", "value"), [("handle", instead), ("matches", none)])
@pytest.mark.parametrize("which", range(5))
def test_methods_of_an_instance_are_obeyed(which: int, name: str, value: Any) -> None:
    async def main() -> None:
        assert await answers("none", which, name, value) == await answers("asgi", which, name, value)

    run(main)


async def twice(mode: str, layers: Any) -> Answer:
    with forced(mode):
        app = application()
        for layer in layers:
            app.add_middleware(layer)
        return await ask(app, Wire("GET", "/sends", (("Host", "host.test"),)))


@pytest.mark.parametrize("layers", passing.LAYERS)
def test_an_answer_that_an_endpoint_has_begun_is_not_replaced(layers: str) -> None:
    """Whatever comes of a second start; the first one is not forgotten."""

    async def main() -> None:
        there = await twice("asgi", passing.LAYERS[layers])
        here = await twice("none", passing.LAYERS[layers])
        assert (here.data, len(here.exceptions)) == (there.data, len(there.exceptions))

    run(main)


def test_a_model_is_serialised_once_when_the_session_cannot_be() -> None:
    seen = []

    class Model(BaseModel):
        n: int

        @field_serializer("n")
        def count(self, n: int) -> int:
            seen.append(n)
            return n

    def make() -> FastAPI:
        app = bare()
        app.add_middleware(SessionMiddleware, secret_key="secret")

        @app.get("/", response_model=Model)
        async def root(request: Request) -> Any:
            request.session["x"] = object()
            return Model(n=1)

        return app

    async def count(mode: str) -> int:
        with forced(mode):
            seen.clear()
            await ask(make(), Wire("GET", "/"))
            return len(seen)

    async def main() -> None:
        assert await count("none") == await count("asgi") == 1

    run(main)

