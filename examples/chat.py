"""A chat with rooms. People of a room may be connected to different workers, or machines: what one says goes
through Redis to all of them.

    fastrd --workers 2 --app-dir examples chat:app

uvicorn serves it, too. Needs Redis at redis://localhost, or where REDIS_URL says, and `pip install redis`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

from fastapi import FastAPI, Query, WebSocket
from fastapi.responses import HTMLResponse
from fastrapi import broadcast
from redis.asyncio import Redis

PREFIX = "chat:"


class Rooms:
    """Who is connected to this worker, by room."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._members: dict[str, set[WebSocket]] = defaultdict(set)

    async def say(self, room: str, **what: Any) -> None:
        """To everybody in the room, whichever worker has them."""
        await self._redis.publish(PREFIX + room, json.dumps(what))

    async def hand_on(self) -> None:
        """What is said anywhere goes to those who are connected here, until cancelled."""
        async with self._redis.pubsub() as said:
            await said.psubscribe(PREFIX + "*")
            async for message in said.listen():
                if message["type"] == "pmessage":
                    room = message["channel"].decode().removeprefix(PREFIX)
                    await self._send(room, message["data"].decode())

    async def _send(self, room: str, text: str) -> None:
        # Who is so slow that much waits for it misses this: the others do not wait.
        await broadcast(self._members.get(room, ()), text, wait=False)

    @asynccontextmanager
    async def member(self, room: str, socket: WebSocket) -> AsyncIterator[None]:
        """A member of the room while the block runs."""
        self._members[room].add(socket)
        try:
            yield
        finally:
            self._members[room].discard(socket)
            if not self._members[room]:
                del self._members[room]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    async with Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost")) as redis:
        rooms = Rooms(redis)
        task = asyncio.create_task(rooms.hand_on())
        yield {"rooms": rooms}
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


app = FastAPI(title="Chat", lifespan=lifespan)


@app.websocket("/rooms/{room}")
async def chat(
    socket: WebSocket, room: str, name: Annotated[str, Query(min_length=1, max_length=40)]
) -> None:
    """What a member says is sent to all members as ``{"name": ..., "text": ...}``."""
    rooms: Rooms = socket.state.rooms
    await socket.accept()
    async with rooms.member(room, socket):
        await rooms.say(room, name=name, event="came")
        try:
            async for text in socket.iter_text():
                await rooms.say(room, name=name, text=text[:2000])
        finally:
            await rooms.say(room, name=name, event="left")


@app.get("/", response_class=HTMLResponse)
async def page() -> str:
    return PAGE


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Chat</title>
<style>
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem }
  #said { border: 1px solid #ccc; border-radius: .5rem; height: 20rem; overflow: auto; padding: .5rem 1rem }
  #said .event { color: #666 }
  form { display: flex; gap: .5rem; margin: .5rem 0 }
  input { flex: 1; font: inherit; padding: .3rem .5rem; min-width: 0 }
  button { font: inherit }
</style>
<h1>Chat</h1>
<form id="enter">
  <input id="room" value="lobby" aria-label="room" required>
  <input id="name" placeholder="your name" aria-label="your name" maxlength="40" required>
  <button>Enter</button>
</form>
<div id="said" role="log" aria-live="polite"></div>
<form id="say">
  <input id="text" placeholder="say something" aria-label="say something" autocomplete="off" disabled>
  <button disabled>Send</button>
</form>
<script>
const $ = id => document.getElementById(id)
let socket = null

function show(text, kind) {
  const line = document.createElement("div")
  line.textContent = text
  line.className = kind
  $("said").append(line)
  line.scrollIntoView()
}

function ready(yes) {
  for (const part of $("say").elements) part.disabled = !yes
}

function enter() {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://"
  const room = encodeURIComponent($("room").value), name = encodeURIComponent($("name").value)
  const mine = socket = new WebSocket(scheme + location.host + "/rooms/" + room + "?name=" + name)
  mine.onopen = () => { ready(true); $("text").focus() }
  mine.onmessage = ({data}) => {
    const {name, text, event} = JSON.parse(data)
    show(event ? name + " " + event : name + ": " + text, event ? "event" : "text")
  }
  mine.onclose = ({code}) => {
    if (mine !== socket) return
    ready(false)
    show("connection closed (" + code + ")", "event")
    if (code === 1012 || code === 1006) setTimeout(enter, 1000)  // the server is restarted
  }
}

$("enter").onsubmit = event => { event.preventDefault(); if (socket) socket.close(1000); enter() }
$("say").onsubmit = event => { event.preventDefault(); socket.send($("text").value); $("text").value = "" }
</script>
"""
