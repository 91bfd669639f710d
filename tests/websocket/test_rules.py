"""The limits of a route hold for WebSockets, and the access log names their route."""

from __future__ import annotations

import json
import time

from raw import TEXT, Raw, frame
from server import Fastrd

APP = """
import asyncio
from fastapi import FastAPI, WebSocket

app = FastAPI()

@app.websocket("/live/{room}")
async def live(socket: WebSocket, room: str):
    if room == "never":
        await asyncio.sleep(3600)
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)
"""


def lines(server: Fastrd) -> list[dict]:
    found = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
    return [one for one in found if one.get("logger") == "access"]


def test_so_many_at_a_time_and_no_longer_than_that_without_accept(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    rule = "/live/{room} limit_concurrency=2 timeout=1"
    flags = ("--route", rule, "--access-log", "--access-log-format", "json", "--workers", "1")
    with Fastrd("app:app", tmp_path, *flags) as server:
        with Raw(server.port, "/live/never") as never:
            assert never.status == 504
        with Raw(server.port, "/live/a") as first, Raw(server.port, "/live/b") as second:
            assert (first.status, second.status) == (101, 101)
            with Raw(server.port, "/live/c") as third:
                assert third.status == 503
            with Raw(server.port, "/live/never") as fourth:
                assert fourth.status == 503  # by now the first has been open longer than the timeout
            first.send(frame(TEXT, b"still there"))
            assert first.read() == (TEXT, b"still there")

        def again() -> bool:
            with Raw(server.port, "/live/d") as later:
                return later.status == 101

        server.wait(again, "room for another")
        server.wait(lambda: any(one["status"] == 101 for one in lines(server)), "lines")
        assert {one["route"] for one in lines(server) if one["status"] in (101, 504)} == {"/live/{room}"}
