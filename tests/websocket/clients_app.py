"""What the real clients talk to: it echoes, closes when it is told to, prints what it hears of the end, and
answers ``/`` with an empty page."""

from __future__ import annotations

import json
import os
from typing import Any


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        fields = [(b"content-type", b"text/html; charset=utf-8")]
        await send({"type": "http.response.start", "status": 200, "headers": fields})
        await send({"type": "http.response.body", "body": b"<!doctype html><title>page</title>"})
    else:
        await receive()
        if scope["path"] == "/refused":
            await send({"type": "websocket.close"})
            return
        offered = scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": offered[-1] if offered else None})
        await converse(scope, receive, send)


async def converse(scope: Any, receive: Any, send: Any) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text") or ""
        if text.startswith("close "):
            _, code, reason = text.split(" ", 2)
            await send({"type": "websocket.close", "code": int(code), "reason": reason})
        elif text == "scope":
            seen = {key: scope[key] for key in ("client", "scheme", "path", "query_string")}
            seen["pid"] = os.getpid()
            await send({"type": "websocket.send", "text": json.dumps(seen, default=bytes.decode)})
        else:
            await send({**message, "type": "websocket.send"})
    print("disconnect", message.get("code"), message.get("reason"), flush=True)
