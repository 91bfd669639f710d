"""An application with others mounted in it, of every kind; what their routes see of the scope."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Form, HTTPException, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.applications import Starlette
from starlette.routing import Mount, Route

# Different in every request, or FastAPI's own note of the dependencies it has entered itself.
UNSEEN = ("headers", "client", "server", "extensions", "fastapi_async_cleanup_scopes")
noted: list[str] = []


class Custom(Exception):
    pass


async def leaf(q: int = 1) -> int:
    return q


async def resource() -> AsyncIterator[str]:
    noted.append("enter")
    yield "held"
    noted.append("exit")


def seen(request: Request) -> Any:
    """Everything in the scope that tells where the request is."""
    scope = request.scope
    kinds = {name: type(value).__name__ for name, value in sorted(scope.items()) if name not in UNSEEN}
    found = {name: scope.get(name) for name in ("path", "root_path", "app_root_path", "path_params")}
    urls = [str(request.url), str(request.base_url), str(request.url_for("here")), request.app.title, request.app.url_path_for("here")]
    names = [getattr(scope["endpoint"], "__name__", None), scope["router"] is request.app.router, scope["route"].path]
    handlers = [sorted(str(getattr(key, "__name__", key)) for key in one) for one in scope["starlette.exception_handlers"]]
    return [kinds, found, urls, names, handlers]


def fill(app: FastAPI) -> None:
    """Routes that every application has."""

    @app.get("/here")
    async def here(request: Request) -> Any:
        return seen(request)

    @app.get("/here/{n}")
    def plain_here(n: int, request: Request, held: Annotated[str, Depends(resource)]) -> Any:
        return [n, held, seen(request)]

    @app.get("/items/{n:int}")
    async def item(n: int, q: Annotated[int, Depends(leaf)], tasks: BackgroundTasks) -> Any:
        tasks.add_task(noted.append, "task")
        return [n, q]

    @app.post("/items/{n:int}")
    async def post(n: int, body: list[int]) -> Any:
        return [n, body]

    @app.post("/form")
    async def form(name: Annotated[str, Form()]) -> Any:
        if name == "raise":
            raise Custom(name)
        return name

    @app.get("/raise/{what}")
    async def raises(what: str, held: Annotated[str, Depends(resource)]) -> Any:
        raise {"http": HTTPException(404, "no"), "custom": Custom("c"), "else": ValueError("e")}[what]

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    @app.get("/lines")
    async def lines(request: Request) -> AsyncIterator[Any]:
        yield seen(request)
        yield 2

    @app.get("/response")
    async def response(request: Request) -> Response:
        return PlainTextResponse(str(request.url_for("item", n=3)))


def handled(text: str) -> Any:
    async def handler(request: Request, exc: Exception) -> JSONResponse:
        return JSONResponse([text, repr(exc), request.scope["root_path"], request.url.path], 418)

    return handler


def make() -> FastAPI:
    noted.clear()
    app = FastAPI(openapi_url=None, title="main")
    fill(app)
    app.add_exception_handler(Custom, handled("main"))

    own = FastAPI(title="own", exception_handlers={Custom: handled("own"), HTTPException: handled("own http")})
    fill(own)
    inner = FastAPI(title="inner")
    fill(inner)
    router = APIRouter(prefix="/r", dependencies=[Depends(resource)])
    fill(router)  # type: ignore[arg-type]
    inner.include_router(router)
    own.mount("/inner", inner)

    plain = FastAPI(title="plain", openapi_url=None)
    fill(plain)

    with_middleware = FastAPI(title="with middleware")
    fill(with_middleware)

    @with_middleware.middleware("http")
    async def add(request: Request, call_next: Any) -> Any:
        answer = await call_next(request)
        answer.headers["x-middleware"] = "1"
        return answer

    starlette = Starlette(routes=[Route("/here", lambda request: PlainTextResponse(str(request.url)))])
    limited = FastAPI(title="limited", root_path="/other")
    fill(limited)

    app.mount("/own", own)
    app.mount("/plain", plain, name="plain")
    app.mount("/again", plain)
    app.mount("/middleware", with_middleware)
    app.mount("/starlette", starlette)
    app.mount("/limited", limited)
    app.router.routes.append(Mount("/{name}/params", plain))

    @app.get("/plain/shadowed")
    async def shadowed() -> str:
        return "never"

    app.mount("", inner)
    return app


PREFIXES = ["", "/own", "/own/inner", "/own/inner/r", "/plain", "/again", "/middleware", "/starlette", "/limited", "/x/params", "/r"]
PATHS = [
    ("GET", "/here"), ("GET", "/here/3"), ("GET", "/here/x"), ("GET", "/items/3?q=2"), ("GET", "/items/3?q=x"), ("GET", "/items/x"),
    ("POST", "/items/3"), ("PUT", "/items/3"), ("POST", "/form"), ("GET", "/raise/http"), ("GET", "/raise/custom"), ("GET", "/raise/else"),
    ("GET", "/stream"), ("GET", "/lines"), ("GET", "/response"), ("GET", "/nowhere"), ("GET", "/here/"), ("GET", ""), ("GET", "/"),
    ("GET", "/docs"), ("GET", "/openapi.json"), ("HEAD", "/here"), ("GET", "/shadowed"), ("GET", "//here"), ("GET", "/own/here"),
]  # fmt: skip
