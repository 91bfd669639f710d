"""Applications that are served by uvicorn and by fastrd; each scenario is a path. What an application
sees goes to its answer for ``/seen``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import (
    APIRouter, Cookie, Depends, FastAPI, Header, HTTPException, Path, Query, WebSocket,
    WebSocketDisconnect, WebSocketException,
)
from fastapi.responses import PlainTextResponse
from starlette.endpoints import WebSocketEndpoint
from starlette.websockets import WebSocketState

seen: list[Any] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    yield {"from_lifespan": 1}


app = FastAPI(lifespan=lifespan)


@app.get("/seen")
async def get_seen() -> list[Any]:
    await asyncio.sleep(0.05)
    taken = list(seen)
    seen.clear()
    return taken


def note(*what: Any) -> None:
    seen.append([repr(part) for part in what])


@app.websocket("/echo")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    try:
        while True:
            message = await socket.receive()
            note(message)
            if message["type"] == "websocket.disconnect":
                break
            if message.get("text") is not None:
                await socket.send_text(message["text"])
            else:
                await socket.send_bytes(message["bytes"])
    finally:
        note("left")


@app.websocket("/scope/{item}")
async def scope(socket: WebSocket, item: int) -> None:
    left_out = ("app", "router", "endpoint", "client", "server", "headers", "route", "asgi")
    kept = {
        key: value for key, value in socket.scope.items()
        if key not in left_out and "astack" not in key
    }  # fmt: skip
    kept["headers"] = [
        pair for pair in socket.scope["headers"] if pair[0] not in (b"host", b"sec-websocket-key")
    ]
    kept["asgi"] = socket.scope["asgi"]
    note(list(socket.scope)[:14])
    own = {key: repr(value) for key, value in kept.items() if "fastapi" not in key}
    note({key: value for key, value in own.items() if "starlette" not in key})
    offered = socket.scope["subprotocols"]
    await socket.accept(
        subprotocol=offered[-1] if offered else None,
        headers=[(b"X-Own", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")],
    )
    url = str(socket.url).replace(str(socket.url.port), "PORT")
    await socket.send_json({"item": item, "url": url})
    await socket.close(3001, "done")
    note(socket.client_state, socket.application_state)


@app.websocket("/json")
async def json_(socket: WebSocket) -> None:
    await socket.accept()
    async for data in socket.iter_json():
        await socket.send_json(data)
        await socket.send_json(data, mode="binary")


@app.websocket("/never")
async def never(socket: WebSocket) -> None:
    note("never accepted")


@app.websocket("/refuse")
async def refuse(socket: WebSocket) -> None:
    await socket.close(4000, "no")
    note(await socket.receive())


@app.websocket("/deny")
async def deny(socket: WebSocket) -> None:
    await socket.send_denial_response(PlainTextResponse("you may not", 418, {"x-why": "tea"}))


@app.websocket("/raise-before")
async def raise_before(socket: WebSocket) -> None:
    raise ValueError("before")


@app.websocket("/http-exception")
async def http_exception(socket: WebSocket) -> None:
    raise HTTPException(403, "no")


@app.websocket("/websocket-exception")
async def websocket_exception(socket: WebSocket) -> None:
    await socket.accept()
    raise WebSocketException(4005, "because")


@app.websocket("/websocket-exception-before")
async def websocket_exception_before(socket: WebSocket) -> None:
    raise WebSocketException(4005, "because")


@app.websocket("/raise-after")
async def raise_after(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("one")
    raise ValueError("after")


@app.websocket("/return-after")
async def return_after(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("one")


@app.websocket("/close-plain")
async def close_plain(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()
    note(socket.client_state is WebSocketState.CONNECTED, socket.application_state)


@app.websocket("/send-after-close")
async def send_after_close(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close(1001)
    try:
        await socket.send_text("late")
    except Exception as exc:
        note(type(exc), str(exc))
    try:
        await socket.send({"type": "websocket.send", "text": "late"})
    except Exception as exc:
        note(type(exc), str(exc))


@app.websocket("/gone")
async def gone(socket: WebSocket) -> None:
    """The client closes at once: what do sends say?"""
    await socket.accept()
    try:
        await socket.receive_text()
    except WebSocketDisconnect as exc:
        note(exc.code, exc.reason)
    await asyncio.sleep(0.02)
    try:
        await socket.send_text("late")
    except Exception as exc:
        note(type(exc), getattr(exc, "code", None))


@app.websocket("/close-when-gone")
async def close_when_gone(socket: WebSocket) -> None:
    await socket.accept()
    try:
        await socket.receive_text()
    except WebSocketDisconnect as exc:
        note(exc.code, exc.reason)
        try:
            await socket.close()
        except Exception as raised:
            note(type(raised), str(raised))


@app.websocket("/two-accepts")
async def two_accepts(socket: WebSocket) -> None:
    await socket.accept()
    try:
        await socket.send({"type": "websocket.accept"})
    except Exception as exc:
        note(type(exc), str(exc))
    await socket.close()


async def yields(socket: WebSocket) -> AsyncIterator[str]:
    note("entered")
    try:
        yield "value"
    except Exception as exc:
        note("dependency saw", type(exc))
        raise
    finally:
        note("exited")


@app.websocket("/depends/{room}")
async def depends(
    socket: WebSocket, room: Annotated[int, Path(ge=1)], q: Annotated[int, Query()] = 3,
    token: Annotated[str | None, Cookie()] = None, x_name: Annotated[str | None, Header()] = None,
    value: str = Depends(yields),
) -> None:  # fmt: skip
    await socket.accept()
    await socket.send_json([room, q, token, x_name, value])
    note(await socket.receive_text())
    if q == 9:
        raise ValueError("inside")


router = APIRouter(prefix="/in")


@router.websocket("/route/{path:path}")
async def routed(socket: WebSocket, path: str) -> None:
    await socket.accept()
    await socket.send_text(path)
    await socket.close()


app.include_router(router)


@app.websocket_route("/endpoint")
class Endpoint(WebSocketEndpoint):
    encoding = "json"

    async def on_connect(self, websocket: Any) -> None:
        note("connect")
        await websocket.accept()

    async def on_receive(self, websocket: Any, data: Any) -> None:
        note(data)
        await websocket.send_json(data)

    async def on_disconnect(self, websocket: Any, close_code: int) -> None:
        note("disconnect", close_code)


async def raw(scope: Any, receive: Any, send: Any) -> None:
    """A mounted ASGI application that follows ``?say=``."""
    if scope["type"] != "websocket":
        return
    note(await receive())
    for what in scope["query_string"].decode().split(","):
        message: dict[str, Any] = {"type": f"websocket.{what}"}
        if what == "accept-bad":
            message = {"type": "websocket.accept", "headers": [(b"a", b"b\r\nc: d")]}
        if what == "both":
            message = {"type": "websocket.send", "text": "t", "bytes": b"b"}
        if what == "neither":
            message = {"type": "websocket.send"}
        if what == "none-text":
            message = {"type": "websocket.send", "bytes": b"b", "text": None}
        if what == "bytearray":
            message = {"type": "websocket.send", "bytes": bytearray(b"ba")}
        if what == "start":
            message = {"type": "websocket.http.response.start", "status": 401}
            message["headers"] = [(b"x-a", b"1")]
        if what == "body":
            message = {"type": "websocket.http.response.body", "body": b"part ", "more_body": True}
        if what == "last":
            message = {"type": "websocket.http.response.body", "body": b"end"}
        if what == "start-bad":
            message = {"type": "websocket.http.response.start", "status": 99, "headers": []}
        if what == "send":
            message["text"] = "text"
        if what == "close-none":
            message = {"type": "websocket.close", "code": 1000, "reason": None}
        if what == "receive":
            note(await receive())
            continue
        if what == "return":
            return
        try:
            note(what, await send(message))
        except Exception as exc:
            note(what, type(exc).__name__, str(exc), isinstance(exc, OSError))


app.mount("/raw", raw)
