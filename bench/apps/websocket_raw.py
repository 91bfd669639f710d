"""WebSocket by hand, for bench/websocket.py: an echo, and rooms for all who are connected."""

from typing import Any

members: list[Any] = []


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await receive()
    await send({"type": "websocket.accept"})
    if scope["path"] == "/echo":
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    members.append(send)
    try:
        await talk(scope["path"], receive)
    finally:
        members.remove(send)


async def talk(path: str, receive: Any) -> None:
    if path == "/broadcast":
        from fastrapi import broadcast
    while (message := await receive())["type"] == "websocket.receive":
        if path == "/broadcast":
            await broadcast(members, message["text"])
            continue
        answer = {"type": "websocket.send", "text": message["text"]}
        for member in members:
            await member(answer)
