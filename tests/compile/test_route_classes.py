"""Route classes of the application's own: those that leave FastAPI's handler alone are plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from client import ask, forced, run
from declared import bare, listed
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from wire import Request


class Described(APIRoute):
    """Changes what is said of a route."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **{**more, "tags": ["described"], "status_code": 202})


class Noting(APIRoute):
    """Looks at the handler, and hands it on."""

    made = 0

    def get_route_handler(self) -> Any:
        type(self).made += 1
        return super().get_route_handler()


class Wrapping(APIRoute):
    def get_route_handler(self) -> Any:
        inner = super().get_route_handler()

        async def handler(request: Any) -> Any:
            response = await inner(request)
            response.headers["x-wrapped"] = "1"
            return response

        return handler


class Handling(APIRoute):
    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        scope["path_params"] = {"n": "7"}
        await super().handle(scope, receive, send)


CLASSES = {Described: True, Noting: True, Wrapping: False, Handling: False}


def make(kind: type[APIRoute], included: bool) -> FastAPI:
    app, router = bare(), APIRouter(route_class=kind)
    app.router.route_class = kind

    async def endpoint(n: int) -> int:
        return n

    (router if included else app).get("/{n}")(endpoint)
    if included:
        app.include_router(router)
    return app


@pytest.mark.parametrize("included", [False, True])
@pytest.mark.parametrize("kind", CLASSES)
def test_answers_are_those_of_fastapi(kind: type[APIRoute], included: bool) -> None:
    found = []

    async def main(mode: str) -> None:
        with forced(mode):
            app = make(kind, included)
            found.append([await ask(app, Request("GET", target)) for target in ("/3", "/x", "/3/4")])

    run(lambda: main("asgi"))
    run(lambda: main("none"))
    assert found[0] == found[1]


def test_which_are_compiled() -> None:
    for kind, compiled in CLASSES.items():
        line = listed(make(kind, False))[0]
        assert line == f"GET /{{n}} {'compiled' if compiled else f'asgi: custom route class {kind.__name__}'}"
