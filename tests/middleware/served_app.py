"""Applications behind native middleware, chosen by the environment, for real servers."""

from __future__ import annotations

import os

from typing import Any

from both import application
from fastapi import Request
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware



class Tagged:
    """An ASGI middleware of the application's own."""

    def __init__(self, app: Any, value: bytes) -> None:
        self.app, self.value = app, value

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def tag(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"vary", self.value))
            await send(message)

        await self.app(scope, receive, tag)


async def look(request: Request, call_next: Any) -> Any:
    response = await call_next(request)
    response.headers["x-length"] = response.headers.get("content-length", "none")
    return response


SETUPS = {
    "cors": [
        (CORSMiddleware, {
            "allow_origins": ["https://a.example"], "allow_origin_regex": r"https://\d+\.example",
            "allow_headers": ["X-Token"], "allow_credentials": True,
        }),
        (TrustedHostMiddleware, {"allowed_hosts": ["*.test", "www.b.example"]}),
    ],
    "among": [
        (TrustedHostMiddleware, {"allowed_hosts": ["*.test", "www.b.example"]}),
        (CORSMiddleware, {"allow_origins": ["https://a.example"], "allow_headers": ["X-Token"]}),
        (Tagged, {"value": b"Outer"}),
        (SessionMiddleware, {"secret_key": "secret"}),
        (CORSMiddleware, {"allow_origin_regex": r"https://\d+\.example", "allow_credentials": True}),
        (BaseHTTPMiddleware, {"dispatch": look}),
        (GZipMiddleware, {"minimum_size": 1}),
        (Tagged, {"value": b"Inner"}),
    ],
    "https": [(CORSMiddleware, {"allow_origins": ["*"]}), (HTTPSRedirectMiddleware, {})],
}  # fmt: skip

app = application(SETUPS[os.environ.get("SETUP", "cors")])  # type: ignore[arg-type]
