"""Large or special content on its way in and out: streams, files, uploads, models."""

from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, UploadFile
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from files import STATIC
from pydantic import BaseModel, TypeAdapter


class Item(BaseModel):
    id: int
    name: str
    price: float
    tags: list[str]


ITEMS = [Item(id=i, name=f"item number {i}", price=i * 1.25, tags=["a", "b"]) for i in range(100)]
_ADAPTER = TypeAdapter(list[Item])

app = FastAPI()
app.mount("/static", StaticFiles(directory=STATIC))


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for i in range(10):
            yield b"piece %d of the answer\n" % i

    return StreamingResponse(pieces(), media_type="text/plain")


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(STATIC / "page.txt")


@app.post("/upload")
async def upload(file: UploadFile) -> dict[str, object]:
    return {"name": file.filename, "bytes": len(await file.read())}


@app.post("/body")
async def body(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@app.get("/models")
async def models() -> list[Item]:
    return ITEMS


def models_by_pydantic() -> bytes:
    """What pydantic itself does for /models."""
    return _ADAPTER.dump_json(_ADAPTER.validate_python(ITEMS, from_attributes=True))


gzipped = FastAPI()
gzipped.mount("/static", StaticFiles(directory=STATIC))
gzipped.add_middleware(GZipMiddleware)
