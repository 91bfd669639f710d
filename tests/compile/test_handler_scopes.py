"""What exception handlers find in the scope, of whatever a plan has raised."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from client import Answer, ask, forced, run
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.middleware.cors import CORSMiddleware
from wire import Request as Asked

TARGETS = (
    "/own/7", "/http/7", "/value/7", "/own/x", "/included/own/7", "/thread/7", "/yields/7", "/asked/7",
    "/nowhere", "/own/7/", "/included/none",
)  # fmt: skip


class Own(Exception):
    pass


async def opened() -> AsyncIterator[int]:
    yield 1


def application(native: bool) -> FastAPI:
    app, router = FastAPI(), APIRouter()
    if native:
        app.add_middleware(CORSMiddleware, allow_origins=["*"])

    async def handler(request: Request, exc: Any) -> JSONResponse:
        # A plan has FastAPI's cancel scopes only where one may be used.
        scope = {key: value for key, value in request.scope.items() if "cleanup" not in key}
        return JSONResponse({
            "params": request.path_params, "route": getattr(scope.get("route"), "path", None),
            "endpoint": getattr(scope.get("endpoint"), "__name__", None), "keys": list(scope),
            "types": [type(value).__name__ for value in scope.values()], "query": str(request.query_params),
        }, 418)  # fmt: skip

    for error in (Own, HTTPException, RequestValidationError, 404, 500):
        app.exception_handler(error)(handler)

    async def own(number: int) -> None:
        raise Own

    for where in (app, router):
        where.get("/own/{number}")(own)

    @app.get("/http/{number}")
    async def http(number: int) -> None:
        raise HTTPException(404)

    @app.get("/value/{number}")
    async def value(number: int) -> None:
        raise ValueError

    @app.get("/thread/{number}")
    def thread(number: int) -> None:
        raise Own

    @app.get("/yields/{number}")
    async def yields(number: int, one: int = Depends(opened)) -> None:
        raise Own

    @app.get("/asked/{number}")
    async def asked(number: int, request: Request) -> None:
        raise Own

    app.include_router(router, prefix="/included")
    return app


async def _answers(native: bool, mode: str) -> list[Answer]:
    app = application(native)
    with forced(mode):
        return [await ask(app, Asked("GET", target + "?q=1", (), b"")) for target in TARGETS]


@pytest.mark.parametrize("native", [False, True])
def test_a_handler_finds_what_fastapi_puts_there(native: bool) -> None:
    async def main() -> None:
        expected, got = await _answers(native, "asgi"), await _answers(native, "none")
        for target, theirs, ours in zip(TARGETS, expected, got, strict=True):
            assert ours == theirs, target
        assert got[0].compiled

    run(main)
