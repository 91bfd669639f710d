"""A hello behind the middleware that applications have, one application for each set-up."""

from collections.abc import AsyncIterator

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.sessions import SessionMiddleware

ORIGIN = "https://shop.example"


async def hello() -> dict[str, str]:
    return {"message": "Hello World"}


async def rows() -> dict[str, list[dict[str, object]]]:
    """About 5 kB of JSON."""
    return {"rows": [{"id": i, "name": f"row number {i}", "price": i * 1.25, "tags": ["a", "b"]}
                     for i in range(75)]}


async def read_stream(request: Request) -> dict[str, int]:
    return {"bytes": sum([len(piece) async for piece in request.stream()])}


async def stream_out() -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for i in range(10):
            yield b"piece %d of the answer\n" % i

    return StreamingResponse(pieces(), media_type="text/plain")


def make_app() -> FastAPI:
    app = FastAPI()
    app.add_api_route("/", hello)
    app.add_api_route("/rows", rows)
    app.add_api_route("/stream", read_stream, methods=["POST"])
    app.add_api_route("/stream", stream_out, methods=["GET"], response_model=None)
    return app


class Tagged:
    """The ASGI middleware of the textbook: it adds a field to every answer."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def tagging_send(message):
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-tag", b"bench"))
            await send(message)

        await self.app(scope, receive, tagging_send)


class Served(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        response.headers["x-served-by"] = "bench"
        return response


cors = make_app()
cors.add_middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_credentials=True)

four = make_app()
four.add_middleware(SessionMiddleware, secret_key="known to everybody")
four.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1"])
four.add_middleware(GZipMiddleware)
four.add_middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_credentials=True)

session = FastAPI()
session.add_middleware(SessionMiddleware, secret_key="known to everybody", max_age=None)


@session.get("/user")
async def user(request: Request) -> dict[str, int]:
    return {"user": request.session["user"]}


@session.get("/seen")
async def seen(request: Request) -> dict[str, int]:
    request.session["seen"] += 1
    return {"seen": request.session["seen"]}


asgi = make_app()
asgi.add_middleware(Tagged)

http = make_app()


@http.middleware("http")
async def add_served_by(request: Request, call_next):
    response = await call_next(request)
    response.headers["x-served-by"] = "bench"
    return response


both = make_app()
both.add_middleware(GZipMiddleware)
both.add_middleware(Served)

cors_http = make_app()
cors_http.middleware("http")(add_served_by)
cors_http.add_middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_credentials=True)

around_asgi = make_app()
around_asgi.add_middleware(Tagged)
around_asgi.add_middleware(GZipMiddleware)
around_asgi.add_middleware(CORSMiddleware, allow_origins=[ORIGIN], allow_credentials=True)
