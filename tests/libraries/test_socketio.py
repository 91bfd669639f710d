"""python-socketio, around an application and mounted in it, by WebSocket at once and from polling on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import socketio
from server import PATIENCE, Fastrd

APP = """
import socketio
from fastapi import FastAPI

def hub():
    hub = socketio.AsyncServer(async_mode="asgi")

    @hub.event
    async def connect(sid, environ, auth):
        assert auth == {"token": 1}

    @hub.event
    async def disconnect(sid, reason):
        print("disconnect:", reason, flush=True)

    @hub.event
    async def echo(sid, data):
        return data

    @hub.event
    async def say(sid, data):
        await hub.emit("said", data)

    @hub.event
    async def leave(sid, data):
        await hub.disconnect(sid)

    @hub.on("*", namespace="/other")
    async def anything(event, sid, data):
        await hub.emit("said", [event, data], namespace="/other", to=sid)

    return hub

api = FastAPI()
around = socketio.ASGIApp(hub(), api)
mounted = FastAPI()
mounted.mount("/socket.io", socketio.ASGIApp(hub(), socketio_path=""))

@mounted.get("/hello")
@api.get("/hello")
async def hello():
    return "hello"
"""


@pytest.fixture(scope="module", params=["around", "mounted"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fastrd]:
    directory = tmp_path_factory.mktemp("socketio")
    (directory / "app.py").write_text(APP)
    with Fastrd(f"app:{request.param}", directory) as server:
        yield server


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
def test_events_calls_bytes_and_namespaces(served, transports):
    async def talk() -> None:
        said: asyncio.Queue[Any] = asyncio.Queue()
        client = socketio.AsyncClient(reconnection=False)
        for namespace in ("/", "/other"):
            client.on("said", said.put_nowait, namespace=namespace)
        client.on("disconnect", lambda reason: said.put_nowait(reason))

        async def hear() -> Any:
            return await asyncio.wait_for(said.get(), 30 * PATIENCE)

        address = f"http://127.0.0.1:{served.port}"
        options = {"transports": transports, "namespaces": ["/", "/other"], "wait_timeout": 30 * PATIENCE}
        await client.connect(address, auth={"token": 1}, **options)
        assert client.transport() == transports[-1]
        assert await client.call("echo", {"a": [1, "ü", None]}) == {"a": [1, "ü", None]}
        blob = bytes(range(256)) * 100
        await client.emit("say", {"blob": blob})
        assert await hear() == {"blob": blob}
        await client.emit("what", 5, namespace="/other")
        assert await hear() == ["what", 5]
        await client.emit("leave", "now")
        assert await hear() == client.reason.SERVER_DISCONNECT
        await client.disconnect()

    asyncio.run(talk())
    assert served.get("/hello") == (200, b'"hello"')
    assert "Traceback" not in served.log()
