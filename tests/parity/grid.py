"""An app that crosses FastAPI's features systematically; the oracle's second subject.

No ``from __future__ import annotations`` here: the annotations are built in loops.
"""

import contextvars
import datetime
import decimal
import enum
import inspect
import uuid
from typing import Annotated, Any, Literal

from fastapi import (
    APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, Header, HTTPException, Path,
    Query, Request, Response, Security,
)  # fmt: skip
from fastapi import security as sec
from fastapi.exceptions import RequestValidationError
from fastapi.responses import (
    HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse,
)  # fmt: skip
from fastapi.routing import APIRoute
from grid_changes import router as changes
from grid_forms import router as forms
from grid_request import router as requests
from grid_validators import router as validators
from pydantic import BaseModel, ConfigDict, Field


class Color(enum.Enum):
    red = "red"
    blue = "blue"


class Inner(BaseModel):
    n: int
    when: datetime.date | None = None


class Model(BaseModel):
    name: str = Field(max_length=5)
    size: float = 1.5
    inner: Inner | None = None
    tags: list[str] = []
    alias: int = Field(0, alias="an-alias")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int
    b: list[int] = []


class Boom(Exception):
    pass


app = FastAPI()
TYPES: dict[str, Any] = {
    "str": str, "int": int, "float": float, "bool": bool, "uuid": uuid.UUID,
    "date": datetime.date, "datetime": datetime.datetime, "decimal": decimal.Decimal,
    "color": Color, "literal": Literal["a", "1"], "bytes": bytes, "delta": datetime.timedelta,
}  # fmt: skip
PLACES: dict[str, Any] = {"query": Query, "header": Header, "cookie": Cookie}


def echo_of(annotation: Any, default: Any = ..., sync: bool = False) -> Any:
    """An endpoint with one parameter `v`."""

    async def endpoint(v):  # type: ignore[no-untyped-def]
        return {"v": v, "type": type(v).__name__}

    def plain(v):  # type: ignore[no-untyped-def]
        return {"v": v, "type": type(v).__name__}

    chosen = plain if sync else endpoint
    chosen.__annotations__["v"] = annotation
    if default is not ...:
        chosen.__defaults__ = (default,)
    return chosen


for name, kind in TYPES.items():
    app.get(f"/path/{name}/{{v}}")(echo_of(Annotated[kind, Path()]))
    for place, marker in PLACES.items():
        app.get(f"/{place}/{name}")(echo_of(Annotated[kind, marker()]))
        app.get(f"/{place}/{name}/default")(echo_of(Annotated[kind | None, marker()], None))
    app.get(f"/query/{name}/list")(echo_of(Annotated[list[kind], Query()], []))
    app.post(f"/body/{name}")(echo_of(Annotated[kind, Body()]))
    app.post(f"/body/{name}/embed")(echo_of(Annotated[kind, Body(embed=True)]))
for convertor in ("str", "int", "float", "uuid", "path"):
    app.get(f"/conv/{convertor}/{{v:{convertor}}}")(echo_of(Annotated[str, Path()]))
app.get("/alias/query")(echo_of(Annotated[str, Query(alias="an-alias", min_length=2)]))
app.get("/alias/header")(echo_of(Annotated[str, Header(alias="X_Odd")]))
app.get("/alias/raw")(echo_of(Annotated[list[str], Header()]))
app.get("/limits")(echo_of(Annotated[int, Query(gt=1, le=9, multiple_of=2)], 4, sync=True))
app.get("/pattern")(echo_of(Annotated[str, Query(pattern="^a+$")], "a"))
app.get("/wrongdefault")(echo_of(Annotated[int, Query(ge=5)], 1))
app.get("/textdefault")(echo_of(Annotated[int, Header()], "7"))
app.get("/factory")(echo_of(Annotated[list[int], Query(default_factory=lambda: [7])]))
app.get("/model/query")(echo_of(Annotated[Strict, Query()]))
app.get("/model/header")(echo_of(Annotated[Strict, Header()]))
app.get("/model/cookie")(echo_of(Annotated[Strict, Cookie()]))
app.post("/json/model")(echo_of(Model))
app.post("/json/sync")(echo_of(Model, sync=True))
app.post("/json/strict")(echo_of(Strict))
app.post("/json/list")(echo_of(list[Inner]))
app.post("/json/dict")(echo_of(dict[str, int]))
app.post("/json/any")(echo_of(Annotated[Any, Body()]))
app.post("/json/default")(echo_of(Model | None, None))
app.post("/json/union")(echo_of(Strict | Inner))


@app.post("/json/two")
async def two(a: Model, b: Inner, q: int, c: Annotated[int, Body()] = 3):  # type: ignore[no-untyped-def]
    return {"a": a, "b": b, "c": c, "q": q}


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {}, "unset": {"response_model_exclude_unset": True},
    "defaults": {"response_model_exclude_defaults": True},
    "none": {"response_model_exclude_none": True}, "include": {"response_model_include": {"name"}},
    "exclude": {"response_model_exclude": {"size", "inner"}},
    "byname": {"response_model_by_alias": False}, "code": {"status_code": 202},
}  # fmt: skip


async def some_model() -> Any:
    return {"name": "é", "inner": {"n": 1}}


async def wrong_model() -> Any:
    return {"size": "no"}


for name, options in OPTIONS.items():
    app.get(f"/out/{name}", response_model=Model, **options)(some_model)
app.get("/out/list", response_model=list[Model])(lambda: [{"name": "a"}])
app.get("/out/wrong", response_model=Model)(wrong_model)
VALUES: dict[str, Any] = {
    "none": None, "text": "é", "number": 1.0, "nan": float("nan"), "huge": 10**30, "list": [1, None],
    "nested": {"a": {"b": [{}]}, "_sa_x": 1}, "date": datetime.date(2020, 1, 2), "enum": Color.red,
    "model": Model(name="m"), "set": {1}, "tuple": (1, "a"), "bytes": b"raw", "bad": object(),
}  # fmt: skip
for name, value in VALUES.items():
    app.get(f"/value/{name}")(lambda value=Depends(lambda value=value: value): value)  # type: ignore[misc]
RETURNED: dict[str, Any] = {
    "plain": lambda: PlainTextResponse("é"), "html": lambda: HTMLResponse("<p>"),
    "json": lambda: JSONResponse({"a": "é"}, 418, {"X-Case": "é"}), "empty": lambda: Response(),
    "redirect": lambda: RedirectResponse("/a b?c=é"), "bare": lambda: Response(b"x", 299),
    "stream": lambda: StreamingResponse(iter(["a", "", "b"])), "gone": lambda: Response(status_code=204),
}  # fmt: skip
for name, make in RETURNED.items():
    app.get(f"/returned/{name}")(make)
for code in (200, 201, 204, 205, 299, 304, 404, 500):
    app.get(f"/status/{code}", status_code=code)(lambda: None)
for cls in (PlainTextResponse, HTMLResponse, JSONResponse):
    app.get(f"/class/{cls.__name__}", response_class=cls)(lambda: "text")

SCHEMES: dict[str, Any] = {
    "basic": sec.HTTPBasic(), "basicrealm": sec.HTTPBasic(realm="r"), "bearer": sec.HTTPBearer(),
    "digest": sec.HTTPDigest(), "keyquery": sec.APIKeyQuery(name="key"),
    "keyheader": sec.APIKeyHeader(name="x-key"), "keycookie": sec.APIKeyCookie(name="key"),
    "password": sec.OAuth2PasswordBearer(tokenUrl="t"), "openid": sec.OpenIdConnect(openIdConnectUrl="u"),
    "optional": sec.HTTPBearer(auto_error=False),
}  # fmt: skip
for name, scheme in SCHEMES.items():
    app.get(f"/security/{name}")(echo_of(Annotated[Any, Security(scheme, scopes=["a"])]))

log: list[str] = []
current: contextvars.ContextVar[str] = contextvars.ContextVar("current", default="unset")


async def counted(q: int = 0) -> int:
    log.append(f"counted {q}")
    return len(log)


async def again(c: Annotated[int, Depends(counted)]) -> int:
    return c


def set_context() -> None:
    current.set("sync")


async def set_context_async() -> None:
    current.set("async")


async def guarded(n: int = 0):  # type: ignore[no-untyped-def]
    log.append("enter")
    try:
        yield n
        log.append("exit")
    except Exception as exc:
        log.append(f"saw {type(exc).__name__}")
        raise
    finally:
        log.append("finally")


def guarded_sync(n: int = 0):  # type: ignore[no-untyped-def]
    log.append("enter sync")
    yield n
    log.append("exit sync")


@app.get("/log")
async def take_log() -> list[str]:
    taken, log[:] = list(log), []
    return taken


Cached = Annotated[int, Depends(counted)]
Fresh = Annotated[int, Depends(counted, use_cache=False)]


@app.get("/deps/cache")
async def cached(a: Cached, b: Annotated[int, Depends(again)], c: Fresh) -> list[int]:
    return [a, b, c]


@app.get("/deps/context")
async def context(_a: Annotated[None, Depends(set_context)]) -> str:
    return current.get()


@app.get("/deps/context/async")
def context_async(_a: Annotated[None, Depends(set_context_async)]) -> str:
    return current.get()


def fail_with(kind: str | None) -> None:
    if kind == "http":
        raise HTTPException(418, {"why": ["é"]}, {"X-Why": "tea"})
    if kind == "empty":
        raise HTTPException(204)
    if kind == "boom":
        raise Boom("boom")
    if kind == "value":
        raise ValueError("unhandled")
    if kind == "validation":
        raise RequestValidationError([{"loc": ("here",), "msg": "m", "type": "t"}])


@app.exception_handler(KeyError)
async def on_key(request: Request, exc: KeyError) -> JSONResponse:
    return JSONResponse([str(exc), request.state.kept, (await request.body()).decode("latin-1")], 410)


@app.exception_handler(Boom)
def on_boom(request: Request, exc: Boom) -> JSONResponse:
    return JSONResponse({"boom": str(exc), "path": request.url.path}, 409)


def failing(kind: str | None = None) -> None:
    fail_with(kind)


async def failing_async(kind: str | None = None) -> None:
    fail_with(kind)


async def failing_after(kind: str | None = None):  # type: ignore[no-untyped-def]
    yield
    fail_with(kind)


for name, dep in {"sync": failing, "async": failing_async, "after": failing_after}.items():
    app.get(f"/fail/{name}", dependencies=[Depends(dep)])(lambda: "fine")
# FastAPI 0.121 and later let a dependency choose when its exit code runs.
SCOPES: dict[str, dict[str, Any]] = {"default": {}}
if "scope" in inspect.signature(Depends).parameters:
    SCOPES = {scope: {"scope": scope} for scope in ("function", "request")}
    app.get("/fail/function", dependencies=[Depends(failing_after, scope="function")])(lambda: "fine")
for scope, chosen in SCOPES.items():
    for name, dep in {"async": guarded, "sync": guarded_sync}.items():

        async def use(kind: str | None = None, n: int = Depends(dep, **chosen)) -> int:  # type: ignore[assignment,arg-type]
            fail_with(kind)
            return n

        app.get(f"/yield/{scope}/{name}")(use)


@app.get("/tasks")
async def tasks(tasks: BackgroundTasks, response: Response, n: Annotated[int, Depends(guarded)]) -> str:
    for i in range(3):
        tasks.add_task(log.append, f"task {i} {n}")
    response.headers["X-Set"] = "a"
    response.set_cookie("c", "v")
    response.status_code = 203
    return "queued"


@app.get("/request")
async def request_seen(request: Request) -> dict[str, Any]:
    headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw]
    return {"url": str(request.url), "headers": headers, "params": request.path_params,
            "raw": request.scope["raw_path"].decode("latin-1"), "method": request.method,
            "query": request.query_params.multi_items(), "http": request.scope["http_version"]}  # fmt: skip


@app.api_route("/query-method", methods=["GET", "QUERY"])
async def query_method(request: Request, q: int = 0):  # type: ignore[no-untyped-def]
    return {"method": request.method, "q": q}


@app.api_route("/query-method/any", methods=["QUERY"])
async def query_only(q: int = 0):  # type: ignore[no-untyped-def]
    return {"q": q}


@app.api_route("/many", methods=["GET", "POST", "DELETE"])
async def many(request: Request) -> str:
    return request.method + (await request.body()).decode("latin-1")


class Timed(APIRoute):
    def get_route_handler(self) -> Any:
        inner = super().get_route_handler()

        async def handler(request: Request) -> Response:
            response = await inner(request)
            response.headers["X-Timed"] = "yes"
            return response

        return handler


custom = APIRouter(route_class=Timed, prefix="/custom")
custom.get("/{v}")(echo_of(int))
leaf = APIRouter(prefix="/leaf/{a}", dependencies=[Depends(counted)])


@leaf.get("/{b}")
async def leaf_get(a: int, b: str, q: int = 1) -> list[Any]:
    return [a, b, q]


middle = APIRouter(prefix="/middle", dependencies=[Depends(failing)])
middle.include_router(leaf)
sub = FastAPI()
sub.get("/{v}")(echo_of(int))
app.include_router(changes)
app.include_router(forms)
app.include_router(requests)
app.include_router(validators)
app.include_router(custom)
app.include_router(middle, prefix="/top")
app.mount("/sub", sub)
