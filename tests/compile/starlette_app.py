"""An application with Starlette's own routes everywhere: its own, of included routers, and of what
it mounts. What their functions see of the scope."""

from __future__ import annotations

import functools
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount, Route, Router

# Different in every request, or FastAPI's own note of the dependencies it has entered itself.
UNSEEN = ("headers", "client", "server", "extensions", "fastapi_async_cleanup_scopes")
noted: list[str] = []


class Custom(Exception):
    pass


def _url(request: Request, name: str, **values: Any) -> str:
    try:
        return str(request.url_for(name, **values))
    except Exception as exc:
        return repr(exc)


def about(request: Request) -> Any:
    """Everything in the scope that tells where the request is."""
    scope = request.scope
    kinds = {name: type(value).__name__ for name, value in sorted(scope.items()) if name not in UNSEEN}
    found = {name: scope.get(name) for name in ("path", "root_path", "app_root_path", "path_params")}
    urls = [str(request.url), str(request.base_url), _url(request, "about_it"), _url(request, "named:about_it"), _url(request, "numbered", n=3)]
    route = scope.get("route")
    fastapi_s = {name: type(value).__name__ for name, value in scope.get("fastapi", {}).items()}
    names = [getattr(scope["endpoint"], "__name__", None), getattr(request.app, "title", "starlette"), getattr(request.app.state, "name", None)]
    where = [scope["router"] is request.app.router, type(route).__name__, getattr(route, "path", None), fastapi_s, len(scope["router"].routes)]
    handlers = [sorted(str(getattr(key, "__name__", key)) for key in one) for one in scope["starlette.exception_handlers"]]
    return [kinds, found, urls, names, where, handlers]


async def about_it(request: Request) -> Response:
    return JSONResponse(about(request))


def numbered(request: Request) -> Response:
    return JSONResponse(about(request), 201, background=BackgroundTask(noted.append, "task"))


async def content(request: Request) -> Response:
    await request.send_push_promise("/never")
    return PlainTextResponse(await request.body())


def raised(what: str) -> Exception:
    return {"http": HTTPException(409, "no", {"x-own": "1"}), "none": HTTPException(304), "custom": Custom("c")}.get(what, ValueError(what))


async def raises(request: Request) -> Response:
    noted.append("raises")
    await request.body()
    raise raised(request.path_params["what"])


async def fails_late(request: Request) -> Response:
    def fail() -> None:
        raise Custom("late")

    return PlainTextResponse("answer", background=BackgroundTask(fail))


async def stream(request: Request) -> Response:
    return StreamingResponse(iter(["a", request.url.path]))


async def nothing(request: Request) -> Any:
    return None


class Endpoint(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return JSONResponse([about(request), self._allowed_methods, self.scope is request.scope])

    def post(self, request: Request) -> Response:
        return PlainTextResponse(f"posted {request.method}")

    async def put(self, request: Request) -> Response:
        await request.body()
        raise raised(request.query_params.get("what", "http"))

    async def patch(self, request: Request) -> Response:
        return StreamingResponse(iter(["a", "b"]))


class Refusing(HTTPEndpoint):
    async def get(self, request: Request) -> Response:
        return PlainTextResponse("refusing", background=BackgroundTask(noted.append, "task"))

    async def method_not_allowed(self, request: Request) -> Response:
        return PlainTextResponse("not that", 418)


class Own(HTTPEndpoint):
    async def dispatch(self) -> None:
        await PlainTextResponse(f"own {self.scope['path']}")(self.scope, self.receive, self.send)


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    await JSONResponse([scope["path"], scope["root_path"]])(scope, receive, send)


def routes() -> list[BaseRoute]:
    """Routes that every router has."""
    return [
        Route("/about", about_it),
        Route("/numbered/{n:int}", numbered, methods=["GET", "POST"]),
        Route("/content", content, methods=["POST"]),
        Route("/raises/{what}", raises, methods=["GET", "POST"]),
        Route("/late", fails_late),
        Route("/stream", stream),
        Route("/nothing", nothing),
        Route("/endpoint", Endpoint),
        Route("/endpoint/{n:int}", Endpoint, methods=["GET", "PUT"]),
        Route("/refusing", Refusing),
        Route("/own", Own),
        Route("/partial", functools.partial(numbered)),
        Route("/zipped", about_it, middleware=[Middleware(GZipMiddleware, minimum_size=1)]),
        Route("/slash/", about_it, name="slash"),
        Mount("/asgi", asgi),
    ]


def handled(text: str, status: int = 418) -> Any:
    async def handler(request: Request, exc: Exception) -> JSONResponse:
        body = (await request.body()).decode() if text == "own" and request.method == "GET" else ""
        return JSONResponse([text, repr(exc), body, about(request)], status)

    return handler


class Overridden(Starlette):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["overridden"] = True
        await super().__call__(scope, receive, send)


class Patched(Router):
    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        scope["patched"] = True
        await super().app(scope, receive, send)


class Passes:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        noted.append("passes")
        await self.app(scope, receive, send)


def starlette(name: str, **options: Any) -> Starlette:
    app = Starlette(routes=routes(), **options)
    app.state.name = name
    return app


def make() -> FastAPI:
    noted.clear()
    app = FastAPI(openapi_url=None, title="main")
    app.router.routes += routes()
    app.add_exception_handler(Custom, handled("main"))
    included, deeper = APIRouter(), APIRouter()
    included.routes += routes()
    deeper.include_router(included, prefix="/much")
    app.include_router(included, prefix="/included")
    app.include_router(deeper, prefix="/included")

    own = starlette("own", exception_handlers={Custom: handled("own"), HTTPException: handled("own http"), 500: handled("own 500", 500)})
    inner = FastAPI(title="inner")
    inner.router.routes += routes()
    inner.get("/api/{n}", name="numbered")(api)
    own.mount("/inner", inner)
    own.routes.append(APIRoute("/api/{n}", api))
    own.mount("/again", starlette("again"))
    own.router.routes.append(Mount("/routes", routes=routes(), name="named"))

    app.mount("/star", own)
    app.mount("/named", starlette("named"), name="named")
    app.mount("/router", Router(routes()))
    app.router.routes.append(Mount("/routes", routes=routes()))
    app.mount("/default", Router(routes(), default=asgi, redirect_slashes=False))
    app.mount("/layered", starlette("layered", middleware=[Middleware(Passes)]))
    app.mount("/wrapped", Router(routes(), middleware=[Middleware(Passes)]))
    app.mount("/patched", Patched(routes()))
    app.mount("/overridden", Overridden(routes=routes()))
    app.router.routes.append(Mount("/around", starlette("around"), middleware=[Middleware(Passes)]))
    app.mount("", Router(routes()))
    return app


async def api(n: int, request: Request) -> Any:
    return [n, about(request)]


COMPILED = ["", "/included", "/included/much", "/star", "/star/inner", "/star/again", "/star/routes", "/named", "/router", "/routes", "/default"]
PREFIXES = [*COMPILED, "/layered", "/wrapped", "/patched", "/overridden", "/around"]
PATHS = [
    ("GET", "/about?q=1"), ("HEAD", "/about"), ("POST", "/about"), ("GET", "/numbered/3"), ("POST", "/numbered/3"), ("GET", "/numbered/x"),
    ("PUT", "/numbered/3"), ("POST", "/content"), ("GET", "/raises/http"), ("GET", "/raises/custom"), ("POST", "/raises/custom"), ("GET", "/raises/none"),
    ("GET", "/raises/else"), ("GET", "/late"), ("GET", "/stream"), ("GET", "/nothing"), ("GET", "/endpoint"), ("HEAD", "/endpoint"), ("POST", "/endpoint"),
    ("PUT", "/endpoint"), ("PUT", "/endpoint?what=custom"), ("PUT", "/endpoint?what=else"), ("PATCH", "/endpoint"), ("DELETE", "/endpoint"),
    ("GET", "/endpoint/3"), ("PUT", "/endpoint/3?what=custom"), ("POST", "/endpoint/3"), ("GET", "/refusing"), ("POST", "/refusing"), ("GET", "/own"),
    ("GET", "/partial"), ("GET", "/zipped"), ("GET", "/slash"), ("GET", "/slash/"), ("GET", "/about/"), ("GET", "/nowhere"), ("GET", ""), ("GET", "/"),
    ("GET", "/asgi/x"), ("GET", "/api/3"), ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/redoc"), ("GET", "/docs/oauth2-redirect"), ("GET", "//about"),
]  # fmt: skip
# What plans answer wherever they may.
PLANS = ("/about?q=1", "/numbered/3", "/content", "/stream", "/endpoint", "/endpoint/3", "/refusing", "/partial", "/slash/")
