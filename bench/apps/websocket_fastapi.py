"""WebSocket as FastAPI's documentation writes it, for bench/websocket.py."""

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
members: list[WebSocket] = []


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


@app.websocket("/room")
async def room(websocket: WebSocket) -> None:
    await websocket.accept()
    members.append(websocket)
    try:
        while True:
            text = await websocket.receive_text()
            for member in members:
                await member.send_text(text)
    except WebSocketDisconnect:
        members.remove(websocket)


@app.websocket("/broadcast")
async def at_once(websocket: WebSocket) -> None:
    from fastrapi import broadcast

    await websocket.accept()
    members.append(websocket)
    try:
        while True:
            await broadcast(members, await websocket.receive_text())
    except WebSocketDisconnect:
        members.remove(websocket)
