"""An application with every kind of route, whose client leaves where a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from awaiting import Points, dependency, make
from fastapi import BackgroundTasks, Depends, FastAPI, Request, UploadFile
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.sse import EventSourceResponse

PIECE = b"x" * 40_000
# What the client sends with each kind of request.
JSON = b'{"name": "chair", "n": 3}'
FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nsome bytes\r\n--b--\r\n'
TYPES = {"upload": "multipart/form-data; boundary=b"}
KINDS = ("plain", "yields", "background", "stream", "plain stream", "events", "file", "upload", "body", "pieces", "polls")


class Place(Points):
    """User code that waits ``at`` this place for the first time sees its client leave."""

    def __init__(self) -> None:
        super().__init__(-1, lambda: None)
        self.at = ""

    def begin(self, at: str, ends: Any) -> None:
        self.at, self.ends, self.log = at, ends, []

    def is_there(self, name: str) -> bool:
        there = name == self.at
        if there:
            self.at = ""
        return there


def content(kind: str) -> tuple[str, bytes]:
    """The type of a request's content, and the content."""
    return TYPES.get(kind, "application/json"), FORM if kind == "upload" else JSON


def build(place: Place, stack: str, file: Path) -> FastAPI:
    app = make(place, stack)
    app.router.routes = [route for route in app.router.routes if getattr(route, "path", "") not in ("/plain", "/background")]
    late, early = dependency(place, "late"), dependency(place, "early")
    held = [Depends(late), Depends(early, scope="function")]

    def plainly() -> Iterator[None]:
        try:
            yield
        finally:
            place.log.append("plain leaves")

    @app.post("/plain")
    async def plain() -> str:
        await place.wait("endpoint")
        return "plain"

    @app.post("/yields", dependencies=[*held, Depends(plainly)])
    async def yields() -> str:
        await place.wait("endpoint")
        return "yields"

    @app.post("/background", dependencies=held)
    async def background(tasks: BackgroundTasks) -> str:
        await place.wait("endpoint")
        tasks.add_task(place.wait, "task 0")
        tasks.add_task(place.wait, "task 1")
        return "background"

    async def iterator(endless: bool) -> AsyncIterator[bytes]:
        try:
            await place.wait("iterator")
            count = 0
            while endless or count < 3:
                count += 1
                yield PIECE
                await asyncio.sleep(0)
        finally:
            place.log.append("iterator ends")

    def plain_iterator(endless: bool) -> Iterator[bytes]:
        count = 0
        while endless or count < 3:
            count += 1
            yield PIECE

    @app.post("/stream", dependencies=held)
    async def stream(tasks: BackgroundTasks, endless: bool = False) -> StreamingResponse:
        await place.wait("endpoint")
        tasks.add_task(place.wait, "task 0")
        return StreamingResponse(iterator(endless))

    @app.post("/plain stream", dependencies=held)
    async def plain_stream(endless: bool = False) -> StreamingResponse:
        await place.wait("endpoint")
        return StreamingResponse(plain_iterator(endless))

    @app.post("/events", dependencies=held, response_class=EventSourceResponse)
    async def events(tasks: BackgroundTasks, endless: bool = False) -> AsyncIterator[str]:
        tasks.add_task(place.wait, "task 0")
        async for piece in iterator(endless):
            yield piece.decode()

    @app.post("/file", dependencies=held)
    async def get_file() -> FileResponse:
        await place.wait("endpoint")
        return FileResponse(file)

    @app.post("/upload", dependencies=held)
    async def upload(file: UploadFile) -> int:
        await place.wait("endpoint")
        return len(await file.read())

    @app.post("/body", dependencies=held)
    async def body(item: dict[str, Any]) -> Any:
        await place.wait("endpoint")
        return item

    @app.post("/pieces", dependencies=held)
    async def pieces(request: Request) -> int:
        await place.wait("endpoint")
        length = 0
        try:
            async for piece in request.stream():
                length += len(piece)
        except BaseException as exc:
            place.log.append(f"endpoint reads: {type(exc).__name__}")
            raise
        return length

    @app.post("/polls", dependencies=held)
    async def polls(request: Request) -> bool:
        await request.body()
        await place.wait("endpoint")
        gone = await request.is_disconnected()
        place.log.append(f"endpoint knows: {gone}")
        return gone

    return app
