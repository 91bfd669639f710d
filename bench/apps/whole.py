"""One application as people write them; whole_raw.py has the same endpoints by hand."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from databases import postgres_pool
from fastapi import FastAPI, Request
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.staticfiles import StaticFiles
from files import STATIC
from whole_items import dicts
from starlette.middleware.base import BaseHTTPMiddleware


class Served(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-served-by"] = "bench"
        return response


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await postgres_pool() if "BENCH_POSTGRES" in os.environ else None
    yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=1)
app.add_middleware(Served)
app.mount("/static", StaticFiles(directory=STATIC))


@app.api_route("/text", methods=["GET", "POST"])
async def text(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {request.query_params['name']} {request.query_params['n']}")


@app.get("/json/{count}")
async def json_of(count: int) -> JSONResponse:
    return JSONResponse({"items": dicts(count)})


@app.post("/stream")
async def stream(request: Request) -> JSONResponse:
    return JSONResponse({"bytes": sum([len(piece) async for piece in request.stream()])})


@app.get("/rows")
async def rows() -> JSONResponse:
    found = await app.state.pool.fetch("SELECT id, name, price FROM item ORDER BY id")
    return JSONResponse({"rows": [dict(row) for row in found]})
