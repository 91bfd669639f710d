"""Middleware that comes between a route and its content."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from client import ask, forced, run
from fastapi import FastAPI, Form, HTTPException, UploadFile
from wire import Request

JSON = Request("POST", "/json", (("Content-Type", "application/json"),), b"[1]")
FORM = Request(
    "POST", "/form", (("Content-Type", "application/x-www-form-urlencoded"),), b"numbers=1"
)


class Refusing:
    """Takes the first piece of content, and raises once instead of giving it."""

    def __init__(self, app: Any, error: Exception) -> None:
        self.app, self.error = app, error

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        errors = [self.error]

        async def refuse() -> Any:
            message = await receive()
            if errors:
                raise errors.pop()
            return message

        await self.app(scope, refuse if scope["type"] == "http" else receive, send)


def make(error: Exception) -> FastAPI:
    app = FastAPI()
    app.add_middleware(Refusing, error=error)

    @app.post("/json")
    async def json(numbers: list[int]) -> list[int]:
        return numbers

    @app.post("/form")
    async def form(numbers: Annotated[list[int], Form()]) -> list[int]:
        return numbers

    return app


@pytest.mark.parametrize("request_", [JSON, FORM], ids=["json", "form"])
@pytest.mark.parametrize("error", [ValueError("no"), HTTPException(413, "no"), OSError()], ids=repr)
def test_content_refused_once_is_refused(request_: Request, error: Exception) -> None:
    """It is not asked for again: the rest would be taken for the whole."""

    async def main() -> None:
        with forced("asgi"):
            expected = await ask(make(error), request_)
        with forced("none"):
            assert await asyncio.wait_for(ask(make(error), request_), 10) == expected
        assert b"413 " in expected.data or b"400 " in expected.data

    run(main)


class Counting:
    """Counts how often its content is asked for."""

    def __init__(self, app: Any, asked: list[str]) -> None:
        self.app, self.asked = app, asked

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def counting() -> Any:
            self.asked.append(scope["path"])
            return await receive()

        await self.app(scope, counting if scope["type"] == "http" else receive, send)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "text/plain", "application/json", "multipart/form-data; boundary=B",
     "multipart/form-data; boundary=B; charset=utf-8", "application/x-www-form-urlencoded; x=y"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/form", "/file"])
def test_content_that_starlette_leaves_is_not_asked_for(path: str, content_type: str) -> None:
    """That of a type that is no form's, and that of several parts without a boundary."""

    def counted() -> tuple[FastAPI, list[str]]:
        app, asked = FastAPI(), []
        app.add_middleware(Counting, asked=asked)

        @app.post("/form")
        async def form(name: Annotated[str, Form()] = "none") -> str:
            return name

        @app.post("/file")
        async def file(file: UploadFile | None = None) -> str:
            return file.filename or "" if file else "none"

        return app, asked

    async def main() -> None:
        part = b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--B--\r\n'
        request = Request("POST", path, (("Content-Type", content_type),), part)
        with forced("asgi"):
            app, expected = counted()
            answer = await ask(app, request)
        with forced("none"):
            app, asked = counted()
            assert await asyncio.wait_for(ask(app, request), 10) == answer
        assert asked == expected

    run(main)
