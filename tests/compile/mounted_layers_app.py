"""Mounted applications with middleware of every kind, FastAPI's and Starlette's."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import mounts_app
import starlette_app
from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

noted = mounts_app.noted


class Noting:
    """A layer of the user's that says what it sees, and ends some requests itself."""

    def __init__(self, app: Any, name: str) -> None:
        self.app = app
        self.name = name

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        seen = {key: scope.get(key) for key in ("type", "path", "root_path", "app_root_path", "path_params")}
        kinds = sorted((key, type(value).__name__) for key, value in scope.items() if key not in mounts_app.UNSEEN)
        noted.append(f"{self.name} {seen} {kinds} {type(scope['app']).__name__} {sorted(map(str, scope['starlette.exception_handlers'][0]))}")
        if scope["path"].endswith("/ended"):
            await PlainTextResponse(self.name, 203)(scope, receive, send)
            return
        if scope["path"].endswith("/moved"):
            scope["path"] = scope["path"].removesuffix("/moved") + "/here/3"

        async def noting(message: Any) -> None:
            noted.append(message["type"])
            if message["type"] == "http.response.start" and scope["path"].endswith("/stopped"):
                raise mounts_app.Custom("stopped")
            await send(message)

        await self.app(scope, receive, noting)
        if scope["path"].endswith("/after"):
            raise ValueError("after")


async def dispatch(request: Any, call_next: Any) -> Any:
    noted.append(f"dispatch {request.url} {request.scope['root_path']} {request.path_params}")
    response = await call_next(request)
    response.headers["x-dispatch"] = str(response.status_code)
    return response


async def waits(x: int = 1) -> int:
    await asyncio.sleep(0)
    return x


LAYERS: dict[str, list[Middleware]] = {
    "noting": [Middleware(Noting, name="noting")],
    "dispatch": [Middleware(BaseHTTPMiddleware, dispatch=dispatch)],
    "cors": [Middleware(CORSMiddleware, allow_origins=["*"], expose_headers=["x-a"])],
    "gzip": [Middleware(GZipMiddleware, minimum_size=1)],
    "host": [Middleware(TrustedHostMiddleware, allowed_hosts=["parity.test"])],
    "https": [Middleware(HTTPSRedirectMiddleware)],
    "many": [
        Middleware(CORSMiddleware, allow_origins=["*"]), Middleware(Noting, name="first"), Middleware(GZipMiddleware, minimum_size=1),
        Middleware(BaseHTTPMiddleware, dispatch=dispatch), Middleware(Noting, name="second"),
    ],
}  # fmt: skip


def fill(app: FastAPI) -> None:
    mounts_app.fill(app)

    @app.get("/waits")
    async def waiting(n: Annotated[int, Depends(waits)]) -> int:
        return n

    @app.get("/after")
    async def after() -> str:
        return "after"

    @app.get("/stopped")
    async def stopped() -> str:
        return "stopped"


def make() -> FastAPI:
    noted.clear()
    app = FastAPI(openapi_url=None, title="main")
    fill(app)
    app.add_exception_handler(mounts_app.Custom, mounts_app.handled("main"))
    for name, layers in LAYERS.items():
        mounted = FastAPI(title=name, middleware=list(layers))
        fill(mounted)
        app.mount(f"/{name}", mounted)
    handlers = {mounts_app.Custom: mounts_app.handled("own"), 404: mounts_app.handled("own 404")}
    inner = FastAPI(title="inner", middleware=list(LAYERS["noting"]), exception_handlers=handlers)
    fill(inner)
    outer = FastAPI(title="outer", middleware=list(LAYERS["noting"]))
    fill(outer)
    outer.mount("/inner", inner)
    app.mount("/outer", outer)
    app.mount("/again", inner)
    app.mount("/star", Starlette(routes=starlette_app.routes(), middleware=list(LAYERS["many"])))

    class Failing:
        def __init__(self, app: Any) -> None:
            raise RuntimeError("cannot be made")

    failing = FastAPI(title="failing", middleware=[Middleware(Failing)])
    fill(failing)
    app.mount("/failing", failing)
    return app


PREFIXES = [*(f"/{name}" for name in LAYERS), "/outer", "/outer/inner", "/again", "/star", "/failing", ""]
PATHS = [
    *mounts_app.PATHS, ("GET", "/waits?x=3"), ("GET", "/after"), ("GET", "/stopped"), ("GET", "/ended"), ("GET", "/moved"), ("OPTIONS", "/here"),
    ("GET", "/about"), ("GET", "/endpoint"), ("PUT", "/endpoint?what=custom"), ("POST", "/content"), ("GET", "/raises/http"), ("GET", "/late"),
]  # fmt: skip
PLANS = ("/here", "/here/3", "/items/3?q=2", "/stream", "/lines", "/response", "/waits?x=3", "/docs")
