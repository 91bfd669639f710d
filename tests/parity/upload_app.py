"""Uploaded files in every place that FastAPI takes them, and what becomes of them."""

from __future__ import annotations

import asyncio
import copy
import zlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import AfterValidator, AliasChoices, BaseModel
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware

app = FastAPI()
SEEN: list[UploadFile] = []
DONE: list[str] = []


class Refused(Exception):
    def __init__(self, file: UploadFile) -> None:
        self.file = file


def note(*files: UploadFile | None) -> None:
    SEEN.extend(file for file in files if file is not None)


async def described(file: UploadFile | None) -> Any:
    if file is None:
        return None
    note(file)
    at, content = file.file.tell(), await file.read()
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in file.headers.raw]
    kinds = [type(file).__module__, type(file.file).__name__, file._in_memory, file._max_mem_size]
    return [file.filename, file.size, file.content_type, headers, at, len(content), zlib.crc32(content), *kinds]


@app.post("/one")
async def one(file: UploadFile) -> Any:
    return await described(file)


@app.post("/optional")
async def optional(file: UploadFile | None = None, name: Annotated[str, Form()] = "none") -> Any:
    return [await described(file), name]


@app.post("/list")
async def several(files: list[UploadFile], file: Annotated[UploadFile | None, File()] = None) -> Any:
    return [[await described(one) for one in files], await described(file)]


@app.post("/list-optional")
async def several_optional(files: list[UploadFile] | None = None) -> Any:
    return files and [await described(one) for one in files]


@app.post("/bytes")
async def contents(file: Annotated[bytes, File()], name: Annotated[str | None, Form()] = None) -> Any:
    return [len(file), zlib.crc32(file), name]


@app.post("/bytes-optional")
async def contents_optional(file: Annotated[bytes | None, File(max_length=300)] = None) -> Any:
    return file and [len(file), zlib.crc32(file)]


@app.post("/bytes-list")
def contents_list(files: Annotated[list[bytes], File()]) -> Any:
    return [[len(file), zlib.crc32(file)] for file in files]


@app.post("/bytes-set")
async def contents_set(files: Annotated[set[bytes], File(max_length=2)]) -> Any:
    return sorted(file.decode("latin-1") for file in files)


@app.post("/bytes-tuple")
async def contents_tuple(
    files: Annotated[tuple[bytes, ...] | None, File(validation_alias=AliasChoices("files", "file"))] = None,
) -> Any:
    return files and [[len(file), zlib.crc32(file)] for file in files]


@app.post("/same-twice")
async def same_twice(file: UploadFile, also: Annotated[bytes, File(alias="file")]) -> Any:
    return [await described(file), len(also)]


@app.post("/mixed")
async def mixed(
    file: UploadFile,
    name: Annotated[str, Form(min_length=1)],
    files: Annotated[list[UploadFile] | None, File()] = None,
    tags: Annotated[list[str] | None, Form()] = None,
    n: Annotated[int, Form()] = 1,
) -> Any:
    return [await described(file), name, files and [await described(one) for one in files], tags, n]


class Shape(BaseModel):
    name: str
    file: UploadFile | None = None
    tags: list[str] = []


class Open(BaseModel, extra="allow"):
    name: str = "none"


class Closed(BaseModel, extra="forbid"):
    name: str
    files: Annotated[list[bytes], File()] = []
    tags: Annotated[frozenset[bytes], File()] = frozenset()


@app.post("/model")
async def model(form: Annotated[Shape, Form()]) -> Any:
    return [form.name, await described(form.file), form.tags]


@app.post("/open-model")
async def open_model(form: Annotated[Open, Form()]) -> Any:
    extra = form.model_extra or {}
    return [form.name, {k: str(getattr(v, "filename", v)) for k, v in extra.items()}]


@app.post("/closed-model")
async def closed_model(form: Annotated[Closed, Form()]) -> Any:
    return [form.name, [len(file) for file in form.files], len(form.tags)]


@app.post("/text")
async def text(name: Annotated[str, Form()], tags: Annotated[list[str] | None, Form()] = None) -> Any:
    return [name, tags]


@app.post("/def")
def plain(file: UploadFile) -> Any:
    note(file)
    return [file.filename, len(file.file.read())]


def small(file: UploadFile) -> UploadFile:
    if (file.size or 0) > 500:
        raise ValueError("too large")
    return file


@app.post("/validated")
async def validated(file: Annotated[UploadFile, AfterValidator(small)], name: Annotated[str, Form()] = "") -> Any:
    return [await described(file), name]


async def first(file: UploadFile) -> str:
    note(file)
    return (await file.read(3)).decode("latin-1")


@app.post("/dependency")
async def dependency(file: UploadFile, begins: Annotated[str, Depends(first)]) -> Any:
    return [begins, (await file.read()).decode("latin-1")]


@app.post("/read-before")
async def read_before(begins: Annotated[str, Depends(first)], file: Annotated[bytes, File()]) -> Any:
    return [begins, file.decode("latin-1")]


async def resource(file: UploadFile) -> AsyncIterator[UploadFile]:
    yield file
    DONE.append(f"exit: {file.filename} closed={file.file.closed}")


@app.post("/yield")
async def with_yield(file: Annotated[UploadFile, Depends(resource)]) -> Any:
    return await described(file)


@app.post("/request")
async def with_request(file: UploadFile, request: Request) -> Any:
    form = await request.form()
    return [await described(file), form["file"] is file, list(form)]


@app.post("/raise")
async def raising(file: UploadFile) -> Any:
    note(file)
    raise HTTPException(418, f"{file.filename}")


@app.exception_handler(Refused)
async def refused(request: Request, exc: Refused) -> JSONResponse:
    form = await request.form()
    same = [value is exc.file for value in form.getlist("file")]
    return JSONResponse([exc.file.filename, exc.file.file.closed, same, list(form)], 409)


@app.post("/refuse")
async def refusing(file: UploadFile) -> Any:
    note(file)
    raise Refused(file)


@app.post("/background")
async def background(file: UploadFile, tasks: BackgroundTasks) -> str:
    note(file)

    async def later() -> None:
        DONE.append(f"{file.filename} closed={file.file.closed} {len(await file.read())}")

    tasks.add_task(later)
    return "begun"


@app.post("/stream")
async def stream(file: UploadFile) -> StreamingResponse:
    note(file)

    async def pieces() -> AsyncIterator[bytes]:
        while piece := await file.read(100):
            yield piece

    return StreamingResponse(pieces(), media_type="application/x-pieces")


@app.post("/response")
async def response(file: UploadFile) -> PlainTextResponse:
    note(file)
    return PlainTextResponse(await file.read())


@app.post("/write")
async def write(file: UploadFile) -> Any:
    note(file)
    await file.write(b"x" * 2_000_000)
    return [file.size, file._in_memory]


@app.post("/close")
async def close(file: UploadFile) -> Any:
    note(file)
    await file.close()
    return file.file.closed


@app.get("/after")
async def after() -> Any:
    """What has become of the files of the requests before. Those on the disk are closed in
    threads, which have some time for it."""
    for _ in range(500):
        if all(file.file.closed for file in SEEN):
            break
        await asyncio.sleep(0.01)
    answer = [[file.file.closed for file in SEEN], list(DONE)]
    SEEN.clear()
    DONE.clear()
    return answer


PATHS = [route.path for route in app.routes if "POST" in getattr(route, "methods", set())]


class Layer:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class Dispatches(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: Any) -> Any:
        return await call_next(request)


def behind(layer: Any) -> FastAPI:
    """The same application behind a layer."""
    other = copy.copy(app)
    other.user_middleware = [Middleware(layer)]
    return other


layered, dispatched = behind(Layer), behind(Dispatches)
