"""A WebSocket handshake for a route that the application declares is refused in one way,
however the application is served; any other is a request like others."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute

from fastrapi.loop import EventLoop
from fastrapi.testclient import MemoryConnection


UPGRADE = (
    "GET {} HTTP/1.1\r\nHost: a\r\nConnection: {}\r\nUpgrade: {}\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n"
)
DECLARED = ["/ws", "/in/room/7", "/deeper/in/room/7", "/sub/ws", "/both"]
OTHERS = {"/page": 200, "/none": 404, "/in/none": 404, "/sub/none": 404, "/in/room/x/y": 404}


class Passing:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


async def socket(websocket: WebSocket) -> None:
    raise AssertionError("not to be called")


async def page() -> str:
    return "page"


def make() -> FastAPI:
    app, inner, sub = FastAPI(), APIRouter(prefix="/in"), FastAPI()
    app.websocket("/ws")(socket)
    inner.websocket("/room/{room}")(socket)
    app.include_router(inner)
    outer = APIRouter(prefix="/deeper")
    outer.include_router(inner)
    app.include_router(outer)
    sub.websocket("/ws")(socket)
    app.get("/page")(page)
    app.get("/both")(page)
    app.websocket("/both")(socket)
    app.mount("/sub", sub)
    return app


def starlettes() -> Any:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    declared = [
        *(WebSocketRoute(path, socket) for path in DECLARED[:3]),
        Mount("/sub", routes=[WebSocketRoute("/ws", socket)]),
        Route("/both", Passing(answer)), WebSocketRoute("/both", socket),
        Route("/page", Passing(answer)),
    ]  # fmt: skip
    return Passing(Starlette(routes=declared))


def middled() -> FastAPI:
    app = make()
    app.add_middleware(Passing)
    return app


async def ask(app: Any, data: str) -> tuple[int, str]:
    connection = MemoryConnection(app)
    connection.feed(data.encode())
    head, _, content = (await connection.read()).decode().partition("\r\n\r\n")
    assert connection.exceptions == []
    return int(head.split()[1]), content


@pytest.mark.parametrize("app", [make, middled, starlettes])
@pytest.mark.parametrize("mode", ["none", "asgi"])
def test_a_handshake_is_refused_where_the_application_has_a_websocket(
    app: Any, mode: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FASTRD_FORCE", mode)

    async def main() -> None:
        served = app()
        for path in DECLARED:
            for connection, upgrade in (("Upgrade", "websocket"), ("keep-alive, upgrade", "WebSocket")):
                found = await ask(served, UPGRADE.format(path, connection, upgrade))
                assert found == (501, "WebSocket is not served yet"), path
        for path, status in OTHERS.items():
            found = await ask(served, UPGRADE.format(path, "Upgrade", "websocket"))
            assert found[0] == status, path
        for connection, upgrade in (("close", "websocket"), ("Upgrade", "h2c")):
            assert (await ask(served, UPGRADE.format("/both", connection, upgrade)))[0] == 200

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
    told = [record.getMessage() for record in caplog.records]
    assert len([text for text in told if "a handshake for /ws was answered with 501" in text]) == 1


def test_what_knows_no_routes_answers_itself() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps([scope["type"], scope["path"]]).encode()
        length = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 418, "headers": length})
        await send({"type": "http.response.body", "body": body})

    async def main() -> None:
        found = await ask(app, UPGRADE.format("/ws", "Upgrade", "websocket"))
        assert found == (418, '["http", "/ws"]')

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
