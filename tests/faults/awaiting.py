"""An application whose user code awaits in every place where it can, and says what it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware

KINDS = ("plain", "raises", "background", "nothing")
STACKS = (
    "", "asgi", "dispatch", "dispatch asgi", "asgi dispatch", "dispatch dispatch",
    "native", "native dispatch", "dispatch native",
)  # fmt: skip


class Points:
    """Where user code awaits. At the ``at``-th await of a request ``ends`` is called, and then
    waited a little."""

    def __init__(self, at: int, ends: Callable[[], Any]) -> None:
        self.left = at
        self.ends = ends
        self.log: list[str] = []
        self.layers: list[asyncio.Task[Any] | None] = []

    @property
    def reached(self) -> bool:
        return self.left < 0

    def is_there(self, name: str) -> bool:
        """Is this await, which has its turn behind it, the one?"""
        self.left -= 1
        return self.left == -1

    async def wait(self, name: str) -> None:
        self.log.append(name)
        try:
            await asyncio.sleep(0)
            if self.is_there(name):
                self.ends()
                for _ in range(20):
                    await asyncio.sleep(0.001)
        except BaseException as exc:
            self.log.append(f"{name}: {type(exc).__name__}")
            raise
        self.log.append(f"{name}: done")


class Layer:
    """A middleware without BaseHTTPMiddleware."""

    def __init__(self, app: Any, points: Points, name: str) -> None:
        self.app, self.points, self.name = app, points, name

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def waiting_send(message: Any) -> None:
            await self.points.wait(f"{self.name} sends")
            await send(message)

        await self.points.wait(f"{self.name} before")
        try:
            await self.app(scope, receive, waiting_send)
        finally:
            await self.points.wait(f"{self.name} after")


class Dispatch(BaseHTTPMiddleware):
    def __init__(self, app: Any, points: Points, name: str) -> None:
        super().__init__(app)
        self.points, self.name = points, name

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        await self.points.wait(f"{self.name} before")
        try:
            response: Response = await call_next(request)
        finally:
            await self.points.wait(f"{self.name} after")
        return response


def dependency(points: Points, name: str) -> Any:
    async def opened() -> AsyncIterator[str]:
        await points.wait(f"{name} enters")
        try:
            yield name
        except BaseException as exc:
            points.log.append(f"{name} sees: {type(exc).__name__}")
            raise
        finally:
            await points.wait(f"{name} leaves")

    return opened


def make(points: Points, stack: str, outermost: Any = None) -> FastAPI:
    """``stack``: its layers, the outermost first. ``outermost``: a class around all of them."""
    app = FastAPI()
    names = stack.split()
    for number, kind in reversed(list(enumerate(names))):
        if kind == "native":
            app.add_middleware(GZipMiddleware, minimum_size=3)
            app.add_middleware(SessionMiddleware, secret_key="secret")
        else:
            layer: Any = Layer if kind == "asgi" else Dispatch
            app.add_middleware(layer, points=points, name=f"{kind} {number}")
    if outermost is not None:
        app.add_middleware(outermost)
    late, early = dependency(points, "late"), dependency(points, "early")
    both = [Depends(late), Depends(early, scope="function")]

    @app.get("/plain", dependencies=both)
    async def plain() -> str:
        await points.wait("endpoint")
        return "plain"

    @app.get("/nothing")
    async def nothing() -> str:
        return "nothing"

    @app.get("/raises", dependencies=both)
    async def raises() -> None:
        await points.wait("endpoint")
        raise HTTPException(409, "no")

    @app.get("/background", dependencies=both)
    async def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(points.wait, "task 0")
        tasks.add_task(points.wait, "task 1")
        return "background"

    return app
