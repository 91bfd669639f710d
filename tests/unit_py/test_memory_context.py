"""The context variables of whoever sends a request in memory are seen in the application,
as with Starlette's TestClient."""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import sys
from contextvars import ContextVar
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI

from fastrapi.loop import EventLoop
from fastrapi.testclient import MemoryConnection

user: ContextVar[str] = ContextVar("user", default="nobody")


def depends() -> str:
    return user.get()


async def waits() -> str:
    await asyncio.sleep(0)
    return user.get()


class Passing:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


def make() -> FastAPI:
    app = FastAPI()

    @app.get("/async")
    async def at_once() -> str:
        return user.get()

    @app.get("/plain")
    def plain() -> str:
        seen = user.get()
        user.set("changed")
        return seen

    @app.get("/waits")
    async def waiting(seen: Annotated[str, Depends(waits)]) -> str:
        user.set("changed")
        return seen

    @app.get("/mixed")
    async def mixed(a: Annotated[str, Depends(depends)]) -> str:
        return a

    return app


async def ask(connection: MemoryConnection, path: str) -> bytes:
    connection.feed(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    return await connection.read()


@pytest.mark.parametrize("way", ["compiled", "nested", "asgi"])
@pytest.mark.parametrize("path", ["/async", "/plain", "/waits", "/mixed"])
def test_each_request_sees_its_senders_variables(
    path: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "asgi":
        monkeypatch.setenv("FASTRD_FORCE", "asgi")
    app = make()
    if way == "nested":
        app.add_middleware(Passing)

    async def main() -> None:
        connection = MemoryConnection(app)
        assert (await ask(connection, path)).endswith(b'"nobody"')
        for name in ("first", "second"):
            user.set(name)
            assert (await ask(connection, path)).endswith(f'"{name}"'.encode())
            assert user.get() == name

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())


def test_a_context_that_is_left_open_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender's context cannot be left then, which stays no exception of anybody's."""
    opened = contextvars.copy_context()
    reported: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda found: reported.append(found.exc_type))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        ctypes.pythonapi.PyContext_Enter(ctypes.py_object(opened))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"sent"})

    async def main() -> None:
        connection = MemoryConnection(app)
        assert b"sent" in await ask(connection, "/")

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
    assert RuntimeError in reported
