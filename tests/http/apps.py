"""The applications behind the wire tests: one plain ASGI, one FastAPI."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.requests import Request

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

seen = {"disconnects": 0, "running": 0, "requests": 0}


async def _answer(send: Send, body: bytes, status: int = 200, more: Any = ()) -> None:
    headers = [(b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _content(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            seen["disconnects"] += 1
            raise ConnectionError("client left")
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def _stream(send: Send, total: int) -> None:
    chunk = b"x" * 65536
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while total > 0:
        part = chunk[:total]
        total -= len(part)
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    seen["disconnects"] += 1


async def _poll(receive: Receive, times: int) -> bytes:
    """Ask whether the client has left; how many futures that left behind."""
    request = Request({"type": "http"}, receive)
    for _ in range(times):
        assert not await request.is_disconnected()
    return str(sum(isinstance(o, asyncio.Future) for o in gc.get_objects())).encode()


async def _failmid(send: Send) -> None:
    headers = [(b"content-length", b"10")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("in the middle")


async def _begin(send: Send, pause_ms: int) -> None:
    """An answer without a length: the head, a pause (0: none), two bytes, a failure."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if pause_ms:
        await asyncio.sleep(pause_ms / 1000)
    await send({"type": "http.response.body", "body": b"ab", "more_body": True})
    await asyncio.sleep(0.05)
    raise RuntimeError("in the middle")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        what = (await receive())["type"]
        await send({"type": f"{what}.complete"})
        if what == "lifespan.shutdown":
            return


async def _route(path: str, receive: Receive, send: Send) -> None:
    verb, _, number = path[1:].partition("/")
    if verb == "echo":
        await _answer(send, await _content(receive))
    elif verb == "count":
        await _answer(send, str(len(await _content(receive))).encode())
    elif verb == "stream":
        await _stream(send, int(number))
    elif verb == "status":
        await _answer(send, b"text", int(number))
    elif verb == "late":
        await asyncio.sleep(int(number) / 1000)
        await _answer(send, b"late")
    elif verb == "wait":
        await asyncio.sleep(3)  # without reading
        await _until_left(receive)
    elif verb == "until-left":
        await _until_left(receive)
    elif verb == "poll":
        await _answer(send, await _poll(receive, int(number)))
    elif verb == "fail":
        raise RuntimeError("before the answer")
    elif verb == "failmid":
        await _failmid(send)
    elif verb == "begin":
        await _begin(send, int(number))
    elif verb == "plus":
        headers = [(b"content-length", b"+5")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"hello"})
    elif verb == "short":
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]}
        )
        await send({"type": "http.response.body", "body": b"short"})
    elif verb == "split":
        await _answer(send, b"", more=[(b"x-split", b"a\r\nx-evil: b")])
    elif verb == "seen":
        await _answer(send, json.dumps(seen).encode())
    else:
        await _answer(send, b"hello")


async def plain(scope: Message, receive: Receive, send: Send) -> None:
    """Behaves as the first word of the path says; see _route."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    seen["running"] += 1
    seen["requests"] += 1
    try:
        await _route(scope["path"], receive, send)
    except ConnectionError:
        pass
    finally:
        seen["running"] -= 1


class Item(BaseModel):
    name: str
    price: float


fast = FastAPI()


@fast.get("/hello")
async def hello() -> dict[str, str]:
    return {"message": "hello"}


@fast.get("/plain-function/{number}")
def plain_function(number: int, q: str = "none") -> dict[str, Any]:
    return {"number": number, "q": q}


@fast.post("/items")
async def create(item: Item) -> Item:
    return item
