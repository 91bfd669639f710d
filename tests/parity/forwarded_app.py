"""Every kind of route that tells who asks and how."""

import os
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request

app = FastAPI()


def told(request: Request) -> list[Any]:
    client = request.client
    if client is not None and str(client.port) == request.headers.get("x-own-port"):
        client = client._replace(port=1)
    return [client, request.url.scheme, str(request.url), str(request.base_url)]


def from_plain(request: Request) -> list[Any]:
    return told(request)


class Passing:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@app.get("/request")
async def request(request: Request) -> Any:
    return [*told(request), str(request.url_for("dependency"))]


@app.get("/dependency")
async def dependency(found: Annotated[Any, Depends(from_plain)]) -> Any:
    return found


@app.get("/plain")
def plain(request: Request) -> Any:
    return told(request)


@app.post("/replayed")
async def replayed(request: Request, numbers: list[int]) -> Any:
    return told(request)


@app.get("/slash/")
async def slash() -> Any:
    return None


async def raw(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    text = f"{scope['scheme']} {scope['client'][0] if scope['client'] else None}"
    await send({"type": "http.response.body", "body": text.encode()})


app.mount("/raw", raw)
if os.environ.get("BEHIND") == "middleware":
    app.add_middleware(Passing)
