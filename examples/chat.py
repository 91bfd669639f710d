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


@app.websocket("/rooms/{room:path}")
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
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Chat</title>
<style>
  * { box-sizing: border-box }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; height: 100dvh; margin: 0 auto; padding: 1rem;
         display: flex; flex-direction: column }
  h1 { margin: 0; font-size: 1.5rem }
  form { display: flex; gap: .5rem; margin: .5rem 0 }
  label { flex: 1; min-width: 0; font-size: .8rem; opacity: .8 }
  input { width: 100%; font: inherit; font-size: 1rem; padding: .4rem .6rem }
  button { font: inherit; padding: .4rem 1rem; align-self: end }
  #said { flex: 1; overflow: auto; overflow-wrap: anywhere; padding: .5rem 1rem; border: 1px solid #8886; border-radius: .5rem }
  .event { opacity: .7; font-style: italic }
  .mine b { color: light-dark(#06c, #6bf) }
</style>
<h1>Chat</h1>
<form id="enter">
  <label>Room <input id="room" value="lobby" required></label>
  <label>Your name <input id="name" maxlength="40" autofocus required></label>
  <button>Enter</button>
</form>
<div id="said" role="log" aria-live="polite"></div>
<form id="say">
  <input id="text" placeholder="say something" aria-label="say something" autocomplete="off" maxlength="2000" disabled>
  <button disabled>Send</button>
</form>
<script>
const $ = id => document.getElementById(id)
let socket = null

function show(kind, text, name) {
  const said = $("said"), line = document.createElement("div"), who = document.createElement("b")
  const atEnd = said.scrollHeight - said.scrollTop - said.clientHeight < 50
  if (name) { who.textContent = name + ": "; line.append(who) }
  line.append(text)
  line.className = kind
  said.append(line)
  if (atEnd) said.scrollTop = said.scrollHeight
}

function ready(yes) {
  for (const part of $("say").elements) part.disabled = !yes
  if (yes) $("text").focus()
}

// `tries` are those since the connection was lost.
function enter(room, name, tries = 0) {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://"
  const path = "/rooms/" + encodeURIComponent(room) + "?name=" + encodeURIComponent(name)
  const mine = socket = new WebSocket(scheme + location.host + path)
  mine.onopen = () => { tries = 0; ready(true); show("event", "You are in " + room + ".") }
  mine.onmessage = ({data}) => {
    const said = JSON.parse(data)
    if (said.event) show("event", said.name + " " + said.event)
    else show(said.name === name ? "mine" : "", said.text, said.name)
  }
  mine.onclose = ({code}) => {
    if (mine !== socket) return  // another room was entered
    ready(false)
    if (tries === 0) show("event", code === 1012 ? "The server restarts, one moment." : "The connection is lost, trying again.")
    // Not all at once, and not for ever as often.
    setTimeout(() => mine === socket && enter(room, name, tries + 1), Math.min(200 * 2 ** tries, 10000) * (0.5 + Math.random()))
  }
}

$("enter").onsubmit = event => {
  event.preventDefault()
  if (socket) socket.close(1000)
  ready(false)
  enter($("room").value.trim() || "lobby", $("name").value)
}
$("say").onsubmit = event => {
  event.preventDefault()
  if ($("text").value.trim()) socket.send($("text").value)
  $("text").value = ""
}
</script>
"""
