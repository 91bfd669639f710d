"""No request looks at a function's signature, source or annotations: that costs more than
the rest of it. What a plan has to know of functions is asked once, when it is compiled or
at the first request."""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import pytest
from client import ask, run
from fastapi import BackgroundTasks, Depends, FastAPI, Form, HTTPException, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import AfterValidator, BaseModel
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from wire import Request

JSON = (("Content-Type", "application/json"),)
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
REQUESTS = [
    Request("GET", "/model"),
    Request("GET", "/plain"),
    Request("GET", "/function"),
    Request("GET", "/html"),
    Request("GET", "/response"),
    Request("GET", "/yield"),
    Request("GET", "/both"),
    Request("GET", "/background"),
    Request("GET", "/raises"),
    Request("GET", "/breaks"),
    Request("GET", "/validator?n=1"),
    Request("GET", "/validator?n=2"),
    Request("GET", "/validator?n=x"),
    Request("GET", "/missing"),
    Request("POST", "/json", JSON, b'{"name": "a"}'),
    Request("POST", "/json", JSON, b'{"name": 1}'),
    Request("POST", "/form", FORM, b"name=a"),
]


class Item(BaseModel):
    name: str = "a"


async def opened() -> AsyncIterator[int]:
    yield 1


def plain() -> int:
    return 2


def odd(n: int) -> int:
    if n % 2 == 0:
        raise ValueError("even")
    return n


class Pure:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


async def passing(request: Any, call_next: Any) -> Any:
    return await call_next(request)


def make(*layers: tuple[Any, dict[str, Any]]) -> FastAPI:
    app = FastAPI()
    for layer, options in layers:
        app.add_middleware(layer, **options)

    @app.get("/model", response_model=Item)
    async def model() -> Any:
        return {"name": "a"}

    @app.get("/plain", response_model=None)
    async def plain_data() -> Any:
        return {"name": Item()}

    @app.get("/function")
    def function(value: Annotated[int, Depends(plain)]) -> int:
        return value

    @app.get("/html", response_class=HTMLResponse)
    async def html() -> str:
        return "a"

    @app.get("/response")
    async def response(response: Response) -> Item:
        response.headers["x-a"] = "b"
        return Item()

    @app.get("/yield")
    async def with_yield(value: Annotated[int, Depends(opened)]) -> int:
        return value

    @app.get("/both")
    async def both(
        a: Annotated[int, Depends(opened)], b: Annotated[int, Depends(plain)]
    ) -> PlainTextResponse:
        return PlainTextResponse(f"{a}{b}")

    @app.get("/background")
    async def background(tasks: BackgroundTasks) -> Item:
        tasks.add_task(plain)
        return Item()

    @app.get("/raises")
    async def raises() -> None:
        raise HTTPException(404)

    @app.get("/breaks")
    async def breaks() -> Item:
        return typing.cast(Item, "no item")

    @app.get("/validator")
    async def validator(n: Annotated[int, AfterValidator(odd)]) -> int:
        return n

    @app.post("/json")
    async def json(item: Item) -> Item:
        return item

    @app.post("/form")
    async def form(name: Annotated[str, Form()]) -> str:
        return name

    return app


@contextmanager
def introspection(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is asked for meanwhile."""
    asked: list[str] = []

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **kwargs: Any) -> Any:
            asked.append(f"{function.__name__}({args[:1]})")
            return function(*args, **kwargs)

        return count

    with monkeypatch.context() as patch:
        for owner, name in (
            (inspect, "_signature_from_callable"),  # signature() and Signature.from_callable()
            (inspect, "getsource"),
            (inspect, "getsourcelines"),
            (inspect, "getfullargspec"),
            (inspect, "get_annotations"),
            (typing, "get_type_hints"),
        ):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        yield asked


@pytest.mark.parametrize(
    "layers",
    [
        (),
        ((Pure, {}),),
        ((CORSMiddleware, {"allow_origins": ["*"]}),),
        ((BaseHTTPMiddleware, {"dispatch": passing}),),
    ],
    ids=["alone", "pure", "cors", "base"],
)
def test_no_request_but_the_first_introspects(
    layers: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        app = make(*layers)
        for request in REQUESTS:
            await ask(app, request)
        for request in REQUESTS:
            with introspection(monkeypatch) as asked:
                await ask(app, request)
            assert asked == [], request

    run(main)
