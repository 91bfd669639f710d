"""Applications whose router has every kind of route, for requests that no route takes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi.routing import APIRoute
from starlette.routing import Host, Mount, Route, WebSocketRoute


async def endpoint() -> str:
    return "endpoint"


def plain() -> str:
    return "plain"


async def text(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("text")


async def socket(_websocket: Any) -> None: ...


class Timed(APIRoute):
    """Answers as its base does, so that only the base could tell."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "DELETE":
            await PlainTextResponse("Timed", 418)(scope, receive, send)
        else:
            await super().handle(scope, receive, send)


class Whole:
    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asgi = scope, receive, send

    def __await__(self) -> Any:
        return PlainTextResponse("whole")(*self.asgi).__await__()


def add_routes(router: Any) -> None:
    """The same to an application and to a router."""
    router.get("/get")(endpoint)
    router.post("/get")(plain)
    router.api_route("/many", methods=["PUT", "PATCH", "DELETE", "GET"])(endpoint)
    router.api_route("/brew", methods=["BREW"])(endpoint)
    router.get("/slash/")(endpoint)
    router.put("/twice")(endpoint)
    router.get("/twice/")(endpoint)
    router.get("/items/{number:int}")(endpoint)
    router.post("/items/{name}")(endpoint)
    router.put("/items/{name}/")(endpoint)
    router.get("/files/{path:path}")(endpoint)
    router.get("/caf\xe9")(endpoint)
    router.get("/a b")(endpoint)
    router.get("/{one}/{two}-{three}/end")(endpoint)
    router.routes.append(Route("/starlette", text, methods=["GET", "PURGE"]))
    router.routes.append(Route("/whole", Whole))
    router.routes.append(WebSocketRoute("/socket", socket))
    router.routes.append(Mount("/mounted", FastAPI(openapi_url=None)))
    timed = APIRouter(route_class=Timed)
    timed.get("/timed")(endpoint)
    router.include_router(timed)


flat = FastAPI()
add_routes(flat)

included = FastAPI()
inner, outer = APIRouter(prefix="/in"), APIRouter()
add_routes(inner)
outer.include_router(inner, prefix="/deep")
included.post("/deep/in/get/{rest}")(endpoint)
included.include_router(outer)
included.include_router(inner)
included.delete("/in/get")(endpoint)

strict = FastAPI(redirect_slashes=False)
add_routes(strict)

hosts = FastAPI()
hosts.get("/get")(endpoint)
hosts.router.routes.append(Host("other.test", FastAPI(openapi_url=None)))
hosts.get("/late")(endpoint)

handled = FastAPI()
add_routes(handled)


@handled.exception_handler(404)
async def not_found(request: Request, _exc: Any) -> JSONResponse:
    return JSONResponse({"nothing at": request.url.path}, 404)


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("nothing", 410)(scope, receive, send)


own_end = FastAPI()
add_routes(own_end)
own_end.router.default = nothing

NAMES = ["flat", "included", "strict", "hosts", "handled", "own_end"]
