"""One application for WebSockets in many surroundings, for test_plan.py: alone, included, mounted, behind
layers. What its functions see goes to its answer for ``/seen``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Annotated, Any
from uuid import UUID

import fastapi
from fastapi import (
    APIRouter, BackgroundTasks, Cookie, Depends, FastAPI, Header, HTTPException, Path, Query, Response, Security,
    WebSocket, WebSocketDisconnect, WebSocketException,
)
from fastapi.exceptions import WebSocketRequestValidationError
from fastapi.responses import PlainTextResponse
from fastapi.security import SecurityScopes
from fastrapi.compile.dialect import OVERRIDES_ARE_KNOWN
from pydantic import AfterValidator, BaseModel
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import Mount, WebSocketRoute

VERSION = tuple(int(number) for number in fastapi.__version__.split(".")[:2])
seen: list[Any] = []
ways: list[bool] = []
kept: list[asyncio.Task[None]] = []
var: ContextVar[str] = ContextVar("var", default="unset")


def note(*what: Any) -> None:
    seen.append([repr(part) for part in what])


def note_way() -> None:
    """Does no code of Starlette's router stand around this function?"""
    frame, names = sys._getframe(), set()
    while frame is not None:
        names.add(frame.f_code.co_filename)
        frame = frame.f_back
    ways.append(not any(name.endswith("starlette/routing.py") for name in names))


class Own(Exception):
    """Has a handler that closes."""


class Answered(Exception):
    """Has a handler that returns a Response."""


def plain() -> str:
    note("plain")
    return "plain"


async def cached(one: Annotated[str, Depends(plain)], connection: HTTPConnection) -> str:
    note("cached", type(connection).__name__, connection.url.path)
    return one + "!"


async def entered(websocket: WebSocket) -> AsyncIterator[str]:
    var.set("entered")
    note("enter")
    try:
        yield "entered"
    except BaseException as exc:
        note("entered saw", type(exc).__name__, str(exc))
        raise
    finally:
        note("leave", websocket.application_state.name, var.get())


# Older versions leave all at the same time.
LEFT_EARLY = Depends(entered, use_cache=False, **({"scope": "function"} if VERSION >= (0, 121) else {}))


def entered_plain() -> Iterator[str]:
    note("enter plain")
    try:
        yield "entered plain"
    finally:
        note("leave plain")


async def swallows() -> AsyncIterator[None]:
    try:
        yield
    except Exception as exc:
        note("swallowed", type(exc).__name__)


async def raises_at_exit() -> AsyncIterator[None]:
    yield
    raise Own("at exit")


async def changes(websocket: WebSocket) -> None:
    websocket.scope["query_string"] = b"q=8"
    websocket.scope["path_params"]["item"] = "changed"


async def pushes(websocket: WebSocket) -> None:
    async def noted() -> None:
        note("pushed")

    for name in ("fastapi_inner_astack", "fastapi_function_astack", "fastapi_middleware_astack"):
        websocket.scope[name].push_async_callback(noted)


async def pushes_at_exit(websocket: WebSocket) -> AsyncIterator[None]:
    async def noted(name: str) -> None:
        note("pushed at exit", name)

    yield
    for name in ("fastapi_inner_astack", "fastapi_function_astack"):
        websocket.scope[name].push_async_callback(noted, name)


def scopes(wanted: SecurityScopes) -> list[str]:
    return wanted.scopes


def raises(exc: BaseException) -> Any:
    async def dependency() -> None:
        raise exc

    return Depends(dependency)


def replaced() -> str:
    return "replaced"


class Filter(BaseModel):
    size: int = 3
    tag: list[str] = []


def odd(value: int) -> int:
    note("odd", value)
    if value % 2 == 0:
        raise ValueError("even")
    return value


def fill(router: Any) -> None:
    """Give it the routes."""

    async def told(websocket: WebSocket, *what: Any) -> None:
        note_way()
        await websocket.accept()
        await websocket.send_text(repr(what))
        await websocket.close(3000, "told")

    @router.websocket("/bare")
    async def bare(websocket: WebSocket) -> None:
        await told(websocket)

    @router.websocket("/scope/{item}")
    async def scope(websocket: WebSocket, item: str) -> None:
        shown = sorted(key for key in websocket.scope if key not in ("session", "layer"))
        fastapi = sorted(websocket.scope.get("fastapi", {}))
        route = websocket.scope.get("route")
        await told(
            websocket, shown, fastapi, websocket.scope["root_path"], websocket.scope["path_params"],
            getattr(route, "path", None), type(route).__name__, websocket.scope["endpoint"].__name__,
            type(websocket.app).__name__, str(websocket.url_for("scope", item="z")).partition("/")[2][1:],
        )  # fmt: skip

    @router.websocket("/types/{a:int}/{b:float}/{c:uuid}/{d:path}")
    async def types(websocket: WebSocket, a: int, b: float, c: UUID, d: str) -> None:
        await told(websocket, a, b, c, d)

    @router.websocket("/params/{item}")
    async def params(
        websocket: WebSocket,
        item: Annotated[int, Path(gt=0)],
        q: int = 5,
        many: Annotated[list[str] | None, Query(alias="m")] = None,
        x_name: Annotated[str | None, Header()] = None,
        token: Annotated[str, Cookie()] = "none",
        one: Annotated[str, Depends(cached)] = "",
        two: Annotated[str, Depends(plain)] = "",
        three: Annotated[str, Depends(plain, use_cache=False)] = "",
    ) -> None:
        await told(websocket, item, q, many, x_name, token, one, two, three)

    @router.websocket("/model")
    async def model(websocket: WebSocket, query: Annotated[Filter, Query()], d: Annotated[str, Depends(entered)]) -> None:
        await told(websocket, query, d)

    @router.websocket("/odd/{number}")
    async def validated(
        websocket: WebSocket, d: Annotated[str, Depends(entered)], number: Annotated[int, AfterValidator(odd)]
    ) -> None:
        await told(websocket, number, d)

    @router.websocket("/injected")
    async def injected(
        websocket: WebSocket, response: Response, background: BackgroundTasks,
        wanted: Annotated[list[str], Security(scopes, scopes=["a", "b"])],
    ) -> None:
        background.add_task(note, "never")
        await told(websocket, type(response).__name__, response.status_code, wanted)

    @router.websocket("/entered")
    async def both(
        websocket: WebSocket, a: Annotated[str, Depends(entered)], b: Annotated[str, Depends(entered_plain)],
        c: Annotated[str, LEFT_EARLY],
    ) -> Any:
        note("endpoint", var.get())
        await told(websocket, a, b, c)
        return "goes nowhere"

    @router.websocket("/swallowed", dependencies=[Depends(entered), Depends(swallows)])
    async def swallowed(websocket: WebSocket) -> None:
        note_way()
        await websocket.accept()
        raise Own("inside")

    @router.websocket("/at-exit", dependencies=[Depends(entered), Depends(raises_at_exit), Depends(entered_plain)])
    async def at_exit(websocket: WebSocket) -> None:
        await told(websocket)

    @router.websocket("/changed/{item}", dependencies=[Depends(changes)])
    async def changed(websocket: WebSocket, item: str, q: int = 1) -> None:
        await told(websocket, item, q)

    @router.websocket("/pushed", dependencies=[Depends(pushes), Depends(entered)])
    async def pushed(websocket: WebSocket) -> None:
        await told(websocket)

    @router.websocket("/pushed-raises", dependencies=[Depends(entered), Depends(pushes)])
    async def pushed_raises(websocket: WebSocket) -> None:
        raise Own("pushed")

    @router.websocket("/pushed-at-exit", dependencies=[Depends(pushes_at_exit)])
    async def pushed_at_exit(websocket: WebSocket) -> None:
        await told(websocket)

    @router.websocket("/task")
    async def task(websocket: WebSocket) -> None:
        note_way()
        await websocket.accept()
        kept.append(asyncio.create_task(goes_on(websocket)))

    @router.websocket("/overridden")
    async def overridden(websocket: WebSocket, value: Annotated[str, Depends(to_replace)]) -> None:
        await told(websocket, value)

    wrong = {
        "own": Own("own"), "answered": Answered("answered"), "http": HTTPException(418, "tea"),
        "websocket": WebSocketException(4001, "wrong"), "runtime": RuntimeError("wrong"),
        "disconnect": WebSocketDisconnect(1001, "gone"), "cancelled": asyncio.CancelledError(),
        "validation": WebSocketRequestValidationError([{"type": "x", "loc": (), "msg": "m", "input": 1}]),
    }  # fmt: skip
    for name, exc in wrong.items():

        @router.websocket(f"/dependency/{name}", dependencies=[Depends(entered), raises(exc)])
        async def never(websocket: WebSocket) -> None:
            note("never")

        @router.websocket(f"/before/{name}", dependencies=[Depends(entered)])
        async def before(websocket: WebSocket, exc: Any = Depends(lambda exc=name: wrong[exc])) -> None:
            note_way()
            raise exc

        @router.websocket(f"/after/{name}")
        async def after(websocket: WebSocket, exc: Any = Depends(lambda exc=name: wrong[exc])) -> None:
            note_way()
            await websocket.accept()
            await websocket.send_text("x")
            raise exc

    @router.websocket("/talk")
    async def talk(websocket: WebSocket, d: Annotated[str, Depends(entered)]) -> None:
        note_way()
        await websocket.accept("a", [(b"x-own", b"1")])
        async for text in websocket.iter_text():
            await websocket.send_text(text)
        note("iterated", websocket.client_state.name)

    @router.websocket("/gone")
    async def gone(websocket: WebSocket, d: Annotated[str, Depends(entered)]) -> None:
        await websocket.accept()
        while True:
            await websocket.receive_text()

    @router.websocket("/deny")
    async def deny(websocket: WebSocket) -> None:
        await websocket.send_denial_response(PlainTextResponse("no", 402, {"x-why": "because"}))

    @router.websocket("/close")
    async def close(websocket: WebSocket) -> None:
        await websocket.close()

    @router.websocket("/returns")
    async def returns(websocket: WebSocket) -> None:
        note_way()

    @router.websocket("/no-coroutine")
    def no_coroutine(websocket: WebSocket) -> None:
        note("called")

    @router.websocket("/content")
    async def content(websocket: WebSocket, body: Filter) -> None:
        note("never")

    @router.get("/both/{item}")
    async def both_get(item: int) -> dict[str, int]:
        return {"item": item}

    @router.websocket("/both/{item}")
    async def both_ways(websocket: WebSocket, item: int) -> None:
        await told(websocket, item)

    @router.post("/both/{item}")
    async def both_post(item: int) -> dict[str, int]:
        return {"posted": item}


async def goes_on(websocket: WebSocket) -> None:
    """Outlives the endpoint."""
    await asyncio.sleep(0.02)
    try:
        await websocket.send_text("late")
    except Exception as exc:
        note("late send", type(exc).__name__)
    note("late receive", await websocket.receive())


def to_replace() -> str:
    return "as declared"


async def of_starlette(websocket: WebSocket) -> None:
    note_way()
    await websocket.accept()
    await websocket.send_text(repr([websocket.scope["path_params"], sorted(websocket.scope.get("fastapi", {}))]))
    await websocket.close()


class Endpoint(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        note_way()
        await websocket.accept()

    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        if data == "raise":
            raise Own("endpoint")
        await websocket.send_text(data)

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        note("disconnect", close_code)


async def own_handler(websocket: WebSocket, exc: Own) -> None:
    note("handler", type(websocket).__name__, str(exc), websocket.application_state.name)
    await websocket.close(4000, str(exc))


def answered_handler(websocket: WebSocket, exc: Answered) -> PlainTextResponse:
    note("handler", str(exc))
    return PlainTextResponse("answered", 409)


async def get_seen() -> dict[str, Any]:
    await asyncio.sleep(0.05)
    taken = {"seen": list(seen), "ways": list(ways)}
    seen.clear()
    ways.clear()
    return taken


def make(**arguments: Any) -> FastAPI:
    app = FastAPI(**arguments)
    app.exception_handler(Own)(own_handler)
    app.exception_handler(Answered)(answered_handler)
    if OVERRIDES_ARE_KNOWN:  # otherwise there are no plans while any is replaced
        app.dependency_overrides[to_replace] = replaced
    return app


def whole(**arguments: Any) -> FastAPI:
    app = make(**arguments)
    app.get("/seen")(get_seen)
    fill(app)
    app.router.add_websocket_route("/starlette/{item}", of_starlette)
    app.router.add_websocket_route("/class", Endpoint)
    app.router.routes.append(WebSocketRoute("/again/{item:int}", of_starlette))
    return app


class Layer:
    """Notes what passes, and has a ``receive`` and a ``send`` of its own."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return

        async def noting_receive() -> Any:
            message = await receive()
            note("in", message["type"])
            return message

        async def noting_send(message: Any) -> None:
            note("out", message["type"])
            await send(message)

        scope["layer"] = 1
        try:
            await self.app(scope, noting_receive, noting_send)
        except Exception as exc:
            # Of a reason that is no text, as FastAPI's own handler has it, servers complain in their ways.
            misuse = isinstance(exc, TypeError | AttributeError)
            note("layer saw", "misuse" if misuse else type(exc).__name__)
            raise


async def dispatch(request: Any, call_next: Any) -> Any:
    return await call_next(request)


alone = whole()
native = whole()
native.add_middleware(GZipMiddleware)
native.add_middleware(SessionMiddleware, secret_key="a secret of some length")
native.add_middleware(CORSMiddleware, allow_origins=["*"])
layered = whole()
layered.add_middleware(Layer)
dispatched = whole()
dispatched.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
dispatched.add_middleware(Layer)
outer_router = APIRouter(prefix="/outer", dependencies=[Depends(plain)])
inner_router = APIRouter(prefix="/inner")
fill(inner_router)
inner_router.add_websocket_route("/starlette/{item}", of_starlette)
outer_router.include_router(inner_router, dependencies=[Depends(entered_plain)])
included = make()
included.get("/seen")(get_seen)
included.include_router(outer_router)
mounted = make()
mounted.get("/seen")(get_seen)
mounted.mount("/sub", whole())
mounted_layered = make()
mounted_layered.get("/seen")(get_seen)
within = whole()
within.add_middleware(Layer)
mounted_layered.mount("/sub", within)
of_starlettes = make()
of_starlettes.get("/seen")(get_seen)
of_starlettes.mount("/sub", Starlette(routes=[
    WebSocketRoute("/starlette/{item}", of_starlette), Mount("/deep", routes=[WebSocketRoute("/class", Endpoint)]),
]))  # fmt: skip
