"""A plain layer that passes on, and a dispatch layer that adds a field, to put around plans."""

from __future__ import annotations

from typing import Any

from fastapi.responses import Response
from starlette.middleware.base import BaseHTTPMiddleware

from fastrapi.compile.dialect import STACKS_IN_SCOPE


class Passes:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Dispatches(BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-dispatch"] = "1"
        return response


LAYERS: dict[str, list[Any]] = {"alone": [], "asgi": [Passes], "dispatch": [Dispatches]}


def compiled_behind(layers: dict[str, list[Any]]) -> list[str]:
    """Which of them plans run behind: an older FastAPI's do not run behind any."""
    return list(layers) if STACKS_IN_SCOPE else ["alone"]
