"""Limits of forms, set in every place that FastAPI takes them, and content without a type."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI, Item
from fastapi import APIRouter, FastAPI, File, Form, Request, UploadFile
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse
from passing import Passes
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from wire import Request as Asked

pytestmark = pytest.mark.skipif(FASTAPI < (0, 165), reason="no such option")
URLENCODED = (("content-type", "application/x-www-form-urlencoded"),)
MULTIPART = (("content-type", "multipart/form-data; boundary=b"),)


class Refused(Exception):
    pass


def read(name: Annotated[list[str], Form()], file: Annotated[list[UploadFile], File()] = []) -> Any:  # noqa: B006
    if "raise" in name:
        raise Refused
    return [name, [one.filename for one in file]]


async def read_twice(request: Request, name: Annotated[list[str], Form()]) -> Any:
    return [name, len(await request.form())]


async def dispatch(request: Request, call_next: Any) -> Any:
    return await call_next(request)


LAYERS: dict[str, list[Middleware]] = {
    "none": [],
    "native": [Middleware(GZipMiddleware, minimum_size=10_000)],
    "asgi": [Middleware(Passes)],
    "dispatch": [Middleware(BaseHTTPMiddleware, dispatch=dispatch)],
    "all": [Middleware(GZipMiddleware, minimum_size=10_000), Middleware(Passes), Middleware(BaseHTTPMiddleware, dispatch=dispatch)],
}


def make(layers: str) -> FastAPI:
    app = FastAPI(middleware=LAYERS[layers], openapi_url=None, form_limits={"max_fields": 3, "max_part_size": 50})
    inner = APIRouter(prefix="/inner", form_limits={"max_files": 1})
    outer = APIRouter(prefix="/outer", form_limits={"max_fields": 5})
    for router in (app, inner):
        router.post("/plain")(read)
        router.post("/own", form_limits={"max_part_size": 8, "max_files": 2})(read)
        router.post("/none", form_limits={"max_fields": 0})(read)
        router.post("/many", form_limits={"max_fields": 2000, "max_files": 10**30})(read)
        router.post("/request")(read_twice)
    outer.include_router(inner, form_limits={"max_files": 2, "max_part_size": 20})
    app.include_router(outer)
    app.include_router(inner, prefix="/again")

    @app.exception_handler(Refused)
    async def refused(request: Request, exc: Refused) -> JSONResponse:
        return JSONResponse([len(await request.form())], 418)

    return app


def multipart(texts: int, files: int, size: int) -> bytes:
    part = 'Content-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    parts = [part % ("name", "", "x" * size)] * texts + [part % ("file", '; filename="f"', "y" * 100)] * files
    return "".join(f"--b\r\n{one}" for one in parts).encode() + b"--b--\r\n"


def asked() -> list[Asked]:
    paths = [f"{router}/{name}" for router in ("", "/outer/inner", "/again/inner") for name in ("plain", "own", "none", "many", "request")]
    found = []
    for path in paths:
        for n in (1, 3, 4, 5, 6, 1001):
            found.append(Asked("POST", path, URLENCODED, urlencode([("name", "x")] * n).encode()))
        for size in (4, 5, 16, 17, 46, 47):
            found.append(Asked("POST", path, URLENCODED, urlencode([("name", "x" * size)]).encode()))
        for texts, files, size in ((1, 1, 8), (1, 2, 9), (1, 3, 20), (1, 0, 21), (1, 0, 50), (1, 0, 51), (4, 1, 1), (6, 1, 1)):
            found.append(Asked("POST", path, MULTIPART, multipart(texts, files, size)))
        found.append(Asked("POST", path, URLENCODED, b"name=raise&name=1"))
    return found


def arriving() -> list[Asked]:
    """Forms that are too large to be read at once, within the limits and beyond them."""
    found = []
    large = b'--b\r\nContent-Disposition: form-data; name="file"; filename="l"\r\n\r\n' + b"z" * 1_100_000 + b"\r\n"
    for path in ("/plain", "/outer/inner/own", "/again/inner/none", "/many", "/request"):
        for texts, files, size in ((1, 0, 8), (1, 1, 9), (2, 2, 3), (4, 0, 1), (0, 1, 1), (1100, 0, 1), (1, 0, 51)):
            found.append(Asked("POST", path, MULTIPART, large + multipart(texts, files, size)))
        found.append(Asked("POST", path, MULTIPART, large + multipart(1, 0, 1).replace(b"x", b"raise")))
        found.append(Asked("POST", path, MULTIPART, large + b"--b\r\n:"))
    return found


def answers(mode: str, layers: str, requests: list[Asked]) -> list[Answer]:
    found: list[Answer] = []

    async def main() -> None:
        with forced(mode):
            app = make(layers)
            found.extend([await ask(app, one) for one in requests])

    run(main)
    return found


@pytest.mark.parametrize("layers", LAYERS)
def test_forms_that_are_read_while_they_arrive(layers: str) -> None:
    requests = arriving()
    there, here = answers("asgi", layers, requests), answers("none", layers, requests)
    different = [(one[0].target, one[0].body[-300:], *one[1:]) for one in zip(requests, there, here, strict=True) if one[1] != one[2]]
    assert not different, different[:3]
    left = [request.target for request, one in zip(requests, here, strict=True) if one.data[9:12] in (b"200", b"418") and not one.compiled]
    assert left == ["/many"]  # more fields than a plan reads
    assert {one.data[9:12] for one in here} == {b"200", b"400", b"418", b"422"}


@pytest.mark.parametrize("layers", LAYERS)
def test_answers_are_those_of_fastapi(layers: str) -> None:
    there, here = answers("asgi", layers, asked()), answers("none", layers, asked())
    different = [one for one in zip(asked(), there, here, strict=True) if one[1] != one[2]]
    assert not different, different[:3]
    statuses = {(one.data[9:12], one.compiled) for one in here}
    assert (b"200", True) in statuses and (b"418", True) in statuses and (b"400", False) in statuses
    # More fields than a plan reads.
    left = [request for request, one in zip(asked(), here, strict=True) if one.data[9:12] == b"200" and not one.compiled]
    assert not left


@pytest.mark.parametrize("strict", [True, False])
def test_content_without_a_type(strict: bool) -> None:
    def build() -> FastAPI:
        app = FastAPI(openapi_url=None, strict_content_type=strict)

        @app.post("/")
        async def endpoint(item: Item) -> Any:
            return item

        return app

    bodies = (b'{"name": "a"}', b'{"nam": 1}', b"{", b"", b"null", b"\xff")
    requests = [Asked("POST", "/", fields, body) for fields in ((), (("content-type", ""),), (("content-type", "text/plain"),)) for body in bodies]
    found: list[list[Answer]] = []

    async def main(mode: str) -> None:
        with forced(mode):
            app = build()
            found.append([await ask(app, one) for one in requests])

    run(lambda: main("asgi"))
    run(lambda: main("none"))
    assert found[0] == found[1]
    assert [one.compiled for one in found[1] if one.data[9:12] == b"200"] == ([] if strict else [True, True])
