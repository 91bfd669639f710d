"""WebSockets for clients that leave anywhere (dropped.py): an endpoint for each way one is spoken to."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
# The client has left, before send() or at receive(), or has sent bytes where a text is awaited.
GONE = (WebSocketDisconnect, RuntimeError, KeyError)
BIG = "a text that is larger than what a socket takes at once; " * 2000


@app.get("/held")
async def held() -> dict[str, Any]:
    """What this worker has: objects that the collector knows, those of WebSockets, tasks."""
    gc.collect()
    every = gc.get_objects()
    kinds = Counter(type(one).__name__ for one in every if "websocket" in type(one).__name__.lower())
    return {
        "pid": os.getpid(), "objects": len(every), "websockets": dict(kinds), "tasks": len(asyncio.all_tasks()),
    }  # fmt: skip


async def session() -> AsyncIterator[list[int]]:
    await asyncio.sleep(0)
    opened = [1]
    try:
        yield opened
    finally:
        await asyncio.sleep(0)
        opened.clear()


@app.websocket("/text")
async def text(websocket: WebSocket, opened: Annotated[list[int], Depends(session)]) -> None:
    await websocket.accept()
    assert opened
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except GONE:
        pass


@app.websocket("/bytes/{n}")
async def data(websocket: WebSocket, n: int) -> None:
    await websocket.accept(subprotocol=None, headers=[(b"x-n", str(n).encode())])
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            await websocket.send_bytes((message.get("bytes") or message["text"].encode()) * n)
    except GONE:
        pass


@app.websocket("/flood")
async def flood(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(*GONE):
        for _ in range(40):
            await websocket.send_text(BIG)


@app.websocket("/deaf")
async def deaf(websocket: WebSocket) -> None:
    await websocket.accept()
    await asyncio.sleep(0.05)


@app.websocket("/late")
async def late(websocket: WebSocket) -> None:
    await asyncio.sleep(0.02)
    with contextlib.suppress(*GONE):
        await websocket.accept()
        await websocket.send_json({"late": True})
        await websocket.receive_text()


@app.websocket("/denied")
async def denied(websocket: WebSocket) -> None:
    await websocket.close(4000, "no")


@app.websocket("/closes")
async def closes(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.receive()
    with contextlib.suppress(*GONE):
        await websocket.close(4001, "enough")


@app.websocket("/both")
async def both(websocket: WebSocket) -> None:
    """Two tasks, of which one writes whatever the other reads."""
    await websocket.accept()

    async def tell() -> None:
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(0.005)

    teller = asyncio.create_task(tell())
    try:
        while True:
            await websocket.receive_text()
    except GONE:
        pass
    finally:
        teller.cancel()
        await asyncio.wait([teller])
        if not teller.cancelled():
            teller.exception()


async def raw(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


app.mount("/raw", raw)
