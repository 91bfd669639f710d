"""Responses whose content is not what their fields or status say."""

from __future__ import annotations

import pytest
from client import ask, forced, run
from fastapi import FastAPI, Response
from wire import Request

app = FastAPI()


@app.get("/field/{said}/{length}")
async def field(said: str, length: int) -> Response:
    return Response(b"x" * length, headers={"content-length": said})


@app.get("/status/{code}/{length}")
async def status(code: int, length: int) -> Response:
    return Response(b"x" * length, code)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [("field/3/3", False), ("field/2/3", True), ("field/4/3", True), ("field/0/1", True),
     ("field/1/0", True), ("field/03/3", False), ("status/204/0", False), ("status/204/1", True),
     ("status/304/0", False), ("status/304/1", True)],
)  # fmt: skip
def test_what_is_wrong_is_the_applications_error(path: str, wrong: bool) -> None:
    request = Request("GET", f"/{path}")

    async def main() -> None:
        with forced("asgi"):
            expected = await ask(app, request)
        assert bool(expected.exceptions) == wrong
        with forced("none"):
            assert await ask(fresh, request) == expected

    fresh = FastAPI(routes=app.routes)
    run(main)
