"""A room, into which one comes in several ways, and whose members have messages sent to all of it."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastrapi import broadcast, broadcasting

app = FastAPI()
members: list[Any] = []
relayed: list[str] = []


class Own(WebSocket):
    """Sends in a way of its own."""

    async def send_text(self, data: str) -> None:
        await super().send_text(f"own {data}")


class Broken:
    async def send_text(self, data: str) -> None:
        raise LookupError(data)

    send_bytes = send_text


class Shared(WebSocket):
    """Sends as Starlette's does."""


async def command(member: Any, what: dict[str, Any]) -> str:
    """What is done, and what that came to."""
    everyone = list(members)
    if what.get("broken"):
        everyone[1:1] = [Broken(), Broken()]
    message = what["say"] * what.get("times", 1)
    try:
        sent = await broadcast(
            iter(everyone), message.encode() if what.get("bytes") else message, wait=what.get("wait", True)
        )
    except ExceptionGroup as exc:
        return f"failed {[type(one).__name__ for one in exc.exceptions]}"
    return f"sent {sent}"


async def serve(socket: WebSocket, member: Any) -> None:
    members.append(member)
    try:
        while True:
            what = await socket.receive_json()
            if "echo" in what:
                await socket.send_text(what["echo"])
            else:
                await socket.send_text(await command(member, what))
    except WebSocketDisconnect:
        pass
    finally:
        members.remove(member)


@app.websocket("/member")
async def member(socket: WebSocket) -> None:
    await socket.accept()
    await serve(socket, socket)


async def serve_as(kind: type[WebSocket], socket: WebSocket) -> None:
    """Its member is an object of this class, around the same connection."""
    await socket.accept()
    mine = kind(socket.scope, socket._receive, socket._send)
    mine.application_state, mine.client_state = socket.application_state, socket.client_state
    await serve(socket, mine)


@app.websocket("/own")
async def own(socket: WebSocket) -> None:
    await serve_as(Own, socket)


@app.websocket("/shared")
async def shared(socket: WebSocket) -> None:
    await serve_as(Shared, socket)


@app.websocket("/patched")
async def patched(socket: WebSocket) -> None:
    await socket.accept()
    send_text = socket.send_text
    socket.send_text = lambda data: send_text(f"patched {data}")  # type: ignore[method-assign]
    await serve(socket, socket)


@app.websocket("/lent")
async def lent(socket: WebSocket) -> None:
    """What is sent to it goes to the first member."""
    await socket.accept()
    socket.send_text = members[0].send_text  # type: ignore[method-assign]
    await serve(socket, socket)


@app.websocket("/pending")
async def pending(socket: WebSocket) -> None:
    members.extend([socket, socket._send])
    while not relayed:
        await asyncio.sleep(0.01)
    del members[-2:]
    await socket.accept()
    await socket.close()


@app.websocket("/closed")
async def closed(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()
    members.extend([socket, socket._send])
    while not relayed:
        await asyncio.sleep(0.01)
    del members[-2:]


@app.websocket("/count")
async def count(socket: WebSocket) -> None:
    """How many members there are, whenever one asks."""
    await socket.accept()
    async for how in socket.iter_text():
        if how == "engine":
            engine = sys.modules["fastrapi._engine"]
            said = engine.broadcast(tuple(members), b"hello", True, broadcasting._looks(True))
            await socket.send_json([said[0], len(said[1]), len(said[2])])
        else:
            await socket.send_text(str(len(members)))


@app.websocket("/on")
async def on(socket: WebSocket) -> None:
    """Those who wait go on."""
    await socket.accept()
    relayed.append("on")
    await asyncio.sleep(0.1)
    relayed.clear()


async def raw(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    members.append(send)
    try:
        while (await receive())["type"] == "websocket.receive":
            pass
    finally:
        members.remove(send)


async def wrapped(scope: Any, receive: Any, send: Any) -> None:
    async def relay(message: Any) -> None:
        if "text" in message:
            message = {**message, "text": f"relayed {message['text']}"}
        await send(message)

    await raw(scope, receive, relay)


app.mount("/raw", raw)
app.mount("/wrapped", wrapped)
