"""Applications of every kind, for layers that flags put around them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from both import Setup, application
from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from served_app import SETUPS
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route

HERE = Path(__file__).parent
LARGE = b"".join(b"line %d\n" % number for number in range(40_000))  # 440 KB
FILES = Path(os.environ.get("EDGE_FILES", HERE))


def compiled(setup: Setup = ()) -> FastAPI:
    """FastAPI, with answers of any size and kind."""
    app = application(setup)

    @app.get("/sized/{size}")
    async def sized(size: int, media: str = "text/plain", status: int = 200) -> Response:
        return Response(LARGE[:size], status, {"content-type": media, "vary": "Cookie"})

    @app.get("/json/{size}")
    async def json(size: int) -> Any:
        return [{"n": n} for n in range(size)]

    @app.get("/thread/{size}")
    def thread(size: int) -> Any:
        return "x" * size

    @app.get("/stream/{size}")
    async def stream(size: int) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(4):
                yield b"piece %d " % number
                yield LARGE[:size]
                await asyncio.sleep(0)

        return StreamingResponse(pieces(), media_type="text/plain")

    @app.get("/task/{size}")
    async def task(size: int) -> Response:
        return JSONResponse("x" * size, background=BackgroundTask(lambda: None))

    @app.get("/file/{name}")
    async def file(name: str) -> FileResponse:
        return FileResponse(FILES / name, media_type="text/plain")

    @app.get("/fails")
    async def fails() -> Any:
        raise ValueError("as the test wants it")

    app.mount("/static", StaticFiles(directory=FILES, check_dir=False))
    return app


def native() -> FastAPI:
    """FastAPI, with the same layers itself."""
    return compiled([
        (CORSMiddleware, {"allow_origins": ["https://own.example"], "expose_headers": ["X-Own"]}),
        (GZipMiddleware, {"minimum_size": 700}),
    ])  # fmt: skip


def among() -> FastAPI:
    """FastAPI, with layers of Python."""
    return compiled(SETUPS["among"][2:6])  # type: ignore[arg-type]


class Plain:
    """An ASGI application without a framework."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        name, _, size = scope["path"].strip("/").partition("/")
        content = LARGE[: int(size)] if size.isdecimal() else b"{}"
        fields = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(content))]
        if name == "fails":
            raise ValueError("as the test wants it")
        if name == "nothing":
            return
        if name == "stream":
            await self.stream(send, content)
            return
        start = {"type": "http.response.start", "status": 404 if name == "none" else 200}
        if name != "bare":
            start["headers"] = fields
        await send(start)
        if name == "late":
            raise ValueError("as the test wants it")
        await send({"type": "http.response.body", "body": content})
        if name == "after":
            raise ValueError("as the test wants it")

    async def stream(self, send: Any, content: bytes) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for body in (b"", content, b"more", content):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body"})


async def _hello(request: Any) -> Any:
    return JSONResponse({"path": request.url.path, "x": "y" * 900})


def starlette() -> Starlette:
    return Starlette(routes=[
        Route("/", _hello),
        Mount("/sub", routes=[Route("/hello", _hello)]),
        Mount("/static", StaticFiles(directory=FILES, check_dir=False)),
    ])  # fmt: skip


KINDS: dict[str, Callable[[], Any]] = {
    "compiled": compiled, "native": native, "among": among, "plain": Plain, "starlette": starlette,
}  # fmt: skip
