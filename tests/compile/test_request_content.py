"""A Request that a plan gives to user code has read the content, as FastAPI's has: what it
keeps of it, and what is left to be received, alone and behind layers."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any

import pytest
from client import Answer, ask, forced, run
from fastapi import Body, Depends, FastAPI, Form, Query, UploadFile
from fastapi import Request as Asked
from fastapi.responses import JSONResponse
from passing import Passes
from starlette.middleware.base import BaseHTTPMiddleware
from wire import Request

WAIT_S = 0.05
FIELDS = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=X"
FILE = (
    b'--X\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\nhello\r\n'
    b'--X\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--X--\r\n'
)
JSON = b'{"a": 1}'


class Dispatching(BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Any:
        return await call_next(request)


class Reading(BaseHTTPMiddleware):
    """Reads the form itself; what is inside finds no content."""

    async def dispatch(self, request: Any, call_next: Any) -> Any:
        form = await request.form()
        response = await call_next(request)
        response.headers["x-form"] = str(len(form))
        return response


async def outcome(awaitable: Any) -> str:
    try:
        return repr(await asyncio.wait_for(awaitable, WAIT_S))
    except Exception as exc:
        return repr(exc)


async def told(request: Asked) -> list[Any]:
    """What the Request has kept of the content, and what it has left."""
    return [
        repr(request._form),
        request._stream_consumed,
        hasattr(request, "_body"),
        repr((await request.form())._list),
        await outcome(request.body()),
        await outcome(request.receive()),
        await request.is_disconnected(),
    ]


def look(request: Asked) -> str:
    return request.method


Looked = Annotated[str, Depends(look)]


def make(layer: Any) -> FastAPI:
    app = FastAPI()
    if layer is not None:
        app.add_middleware(layer)

    @app.post("/fields")
    async def fields(request: Asked, a: Annotated[str, Form()] = "none") -> Any:
        return [a, await told(request)]

    @app.post("/fields-after")
    async def after(
        request: Asked, seen: Looked, q: str = "", a: Annotated[str, Form()] = "none"
    ) -> Any:
        return [seen, q, a, await told(request)]

    @app.post("/file")
    async def file(request: Asked, f: UploadFile) -> Any:
        form = await request.form()
        return [f.filename, form["f"] is f, form is request._form, await told(request)]

    @app.post("/plain")
    def plain(request: Asked, f: UploadFile, a: Annotated[str, Form()] = "none") -> Any:
        assert request._form is not None
        return [a, repr(request._form.multi_items()), request._form["f"] is f]

    @app.post("/json")
    async def json(request: Asked, a: Annotated[dict[str, int], Body()]) -> Any:
        return [a, await told(request)]

    @app.post("/json-after")
    async def json_after(
        request: Asked, seen: Looked, a: Annotated[dict[str, int], Body()],
        q: Annotated[str, Query()] = "",
    ) -> Any:  # fmt: skip
        return [seen, q, a, await told(request)]

    @app.post("/raising")
    async def raising(request: Asked, a: Annotated[str, Form()] = "none") -> Any:
        raise KeyError(id(request), id(request._form))

    @app.exception_handler(KeyError)
    async def handle(request: Asked, exc: KeyError) -> Any:
        same = exc.args == (id(request), id(request._form))
        return JSONResponse([same, await told(request)])

    return app


REQUESTS = [
    ("/fields", FIELDS, b"a=1&b=2"),
    ("/fields", PARTS, FILE),
    ("/fields", None, b"a=1"),
    ("/fields", "text/plain", b"a=1"),
    ("/fields-after", FIELDS, b"a=1&b=2"),
    ("/fields-after", None, b"a=1"),
    ("/file", PARTS, FILE),
    ("/plain", PARTS, FILE),
    ("/json", "application/json", JSON),
    ("/json-after", "application/json", JSON),
    ("/raising", FIELDS, b"a=1"),
    ("/raising", PARTS, FILE),
]


def without_addresses(answer: Answer) -> bytes:
    return re.sub(rb"0x[0-9a-f]+", b"", answer.data)


@pytest.mark.parametrize("path, kind, content", REQUESTS)
@pytest.mark.parametrize("layer", [None, Passes, Dispatching, Reading])
def test_the_request_has_read_the_content(
    layer: Any, path: str, kind: str | None, content: bytes
) -> None:
    async def main() -> None:
        request = Request("POST", path, (("content-type", kind),) if kind else (), content)
        found = []
        for mode in ("asgi", "none"):
            with forced(mode):
                found.append(await ask(make(layer), request))
        assert without_addresses(found[1]) == without_addresses(found[0])
        assert found[1].exceptions == found[0].exceptions

    run(main)


def test_plans_with_forms_give_a_request_alone() -> None:
    async def main() -> None:
        for layer in (None, Passes, Dispatching):
            answer = await ask(make(layer), Request("POST", "/plain", (("content-type", PARTS),), FILE))
            assert answer.compiled

    run(main)
