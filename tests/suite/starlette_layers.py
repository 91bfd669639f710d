"""pytest plugin for Starlette's own tests: its middleware as fastrapi runs it.

    --layers=fastapi    an application of these tests is a FastAPI: its middleware are the
                        layers of a compiled application
    --layers=direct     each BaseHTTPMiddleware, wherever it stands, is a dispatch layer

Both run tests that are coroutines on fastrapi's event loop.
"""

from __future__ import annotations

import functools
from typing import Any

import fastapi
import pytest
import starlette.applications
from starlette.exceptions import HTTPException, WebSocketException
from starlette.middleware.base import BaseHTTPMiddleware

import fastrapi.compile
from fastrapi import EventLoop
from fastrapi.compile.dispatch import application_of

_NOT_STARLETTES = (
    HTTPException,
    WebSocketException,
    fastapi.exceptions.RequestValidationError,
    fastapi.exceptions.WebSocketRequestValidationError,
)


class Application(fastapi.FastAPI):
    """A FastAPI that answers as a Starlette does: without routes and handlers of its own."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options["routes"] = list(options.get("routes") or ())
        own = options.get("exception_handlers") or {}
        super().__init__(*args, openapi_url=None, **options)
        for error in _NOT_STARLETTES:
            if error not in own:
                self.exception_handlers.pop(error, None)


@functools.cache
def _untouched(cls: type) -> type:
    """``cls`` with Starlette's own __call__."""
    return type(cls.__name__, (cls,), {"__call__": _original})


_original = BaseHTTPMiddleware.__call__


async def _call(self: BaseHTTPMiddleware, scope: Any, receive: Any, send: Any) -> None:
    layer = object.__new__(_untouched(type(self)))
    layer.__dict__ = self.__dict__
    await application_of(layer)(scope, receive, send)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    if request.param == "asyncio":
        return "asyncio", {"loop_factory": EventLoop}
    return request.param


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--layers", choices=("fastapi", "direct"), required=True)


def pytest_configure(config: pytest.Config) -> None:
    assert fastrapi.compile  # has taken Starlette's own classes by now
    if config.getoption("layers") == "fastapi":
        starlette.applications.Starlette = Application  # type: ignore[misc]
    else:
        BaseHTTPMiddleware.__call__ = _call  # type: ignore[method-assign]
