"""What the compiler says of each thing that it compiles, in the words that
``fastrd explain`` prints: how a route runs."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

import fastapi
import pytest
from declared import (
    FASTAPI, Build, Callable_, Checked, Color, Item, Point, Private, Strange, bare, dependency, endpoint, explained,
    generator, get, listed, plain_dependency, post, returning, sleeps, stream, text, waiting,
)  # fmt: skip
from fastapi import (
    APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, File, Form, Header, Path, Query,
    Request, Response, Security, WebSocket,
)  # fmt: skip
from fastapi import security as sec
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from pydantic import AfterValidator
from starlette.requests import HTTPConnection
from starlette.routing import Route

LOOP = "compiled: runs on the loop, it cannot suspend"
TASK = "compiled: runs in a task of its own"
THREAD = "compiled: runs on a pool thread"
INSIDE = ", inside FastAPI's request_response"
# Where a Request is handed out: older versions keep their exit stacks elsewhere.
SCOPED = "" if FASTAPI >= (0, 121) else INSIDE

FACTORY = LOOP if FASTAPI >= (0, 148) else "asgi: parameter 'v' has a default_factory (needs FastAPI 0.148)"
# Name of the case, its route, what is said of it.
PARAMETERS: list[tuple[str, Build, str]] = [
    ("no parameters", get(), LOOP),
    ("a plain function", get(plain=True), THREAD),
    ("a coroutine that waits", returning(sleeps), TASK),
    ("path text", get(Annotated[str, Path()], path="/{v}"), LOOP),
    ("path int", get(Annotated[int, Path(gt=1)], path="/{v}"), LOOP),
    ("path convertor int", get(Annotated[int, Path()], path="/{v:int}"), LOOP),
    ("path convertor path", get(Annotated[str, Path()], path="/{v:path}"), LOOP),
    ("path convertor uuid", get(Annotated[uuid.UUID, Path()], path="/{v:uuid}"), LOOP),
    ("query scalar", get(int, v=1), LOOP),
    ("query with constraints", get(Annotated[str, Query(min_length=2, pattern="^a")]), LOOP),
    ("query enum and literal", get(Color, Literal["a"]), LOOP),
    ("query list", get(Annotated[list[int], Query()]), LOOP),
    ("query alias", get(Annotated[str, Query(alias="an-alias")]), LOOP),
    ("mutable default", get(Annotated[list[int], Query()], v=[1]), LOOP),
    ("default_factory", get(Annotated[int, Query(default_factory=int)]), FACTORY),
    ("default_factory of the application's", get(Annotated[int, Query(default_factory=lambda: 1)]), FACTORY),
    ("default with __deepcopy__", get(Annotated[Any, Query()], v=Strange()), LOOP),
    ("header", get(Annotated[str, Header()]), LOOP),
    ("header list, underscores kept", get(Annotated[list[str], Header(convert_underscores=False)]), LOOP),
    ("cookie that cannot be", get(Annotated[str, Cookie(alias="\u4e2d")]), "asgi: no header or cookie can have the name '\u4e2d'"),
    ("cookie", get(Annotated[str | None, Cookie()], v=None), LOOP),
    ("validator in Python", get(Annotated[int, AfterValidator(abs), Query()]), LOOP),
    ("validator in Python, plain function", get(Annotated[int, AfterValidator(abs), Query()], plain=True), THREAD),
    ("validator in Python after a dependency",
     get(Annotated[int, Depends(plain_dependency)], Annotated[int, AfterValidator(abs), Query()], plain=True), TASK),
    ("the Request", get(Request), LOOP + SCOPED),
    ("the HTTPConnection", get(HTTPConnection), LOOP + SCOPED),
    ("the Response", get(Response), LOOP),
    ("BackgroundTasks", get(BackgroundTasks), LOOP),
    ("SecurityScopes", get(SecurityScopes), LOOP),
]  # fmt: skip

MODEL = LOOP if FASTAPI >= (0, 148) else "asgi: parameter 'v' is a model (needs FastAPI 0.148)"
CHECKED = LOOP if FASTAPI >= (0, 151) else "asgi: parameter 'v' has a validator written in Python (needs FastAPI 0.151)"
FORM = LOOP if FASTAPI >= (0, 165) else f"asgi: form (not compiled for FastAPI {fastapi.__version__})"
BODIES: list[tuple[str, Build, str]] = [
    ("query model", get(Annotated[Item, Query()]), MODEL),
    ("header model", get(Annotated[Item, Header()]), MODEL),
    ("cookie model", get(Annotated[Item, Cookie()]), MODEL),
    ("body model", post(Item), LOOP),
    ("optional body", post(Item | None, v=None), LOOP),
    ("embedded body", post(Annotated[Item, Body(embed=True)]), LOOP),
    ("two bodies and a query", post(Item, Annotated[int, Body()]), LOOP),
    ("body list", post(list[Item]), LOOP),
    ("body dict", post(dict[str, Item]), LOOP),
    ("body dataclass", post(Point), LOOP),
    ("body of any kind", post(Annotated[Any, Body()]), LOOP),
    ("body model with private attributes", post(Private), CHECKED),
    ("body model with a validator", post(Checked), CHECKED),
    ("form", post(Annotated[str, Form()]), FORM),
    ("form model", post(Annotated[Item, Form()]), FORM),
    ("form field with a list", post(Annotated[list[int], Form()], v=[1]), FORM),
    ("file", post(Annotated[bytes, File()]), "asgi: file upload" if FORM == LOOP else FORM),
]  # fmt: skip

YIELD = TASK + INSIDE if FASTAPI >= (0, 118) else "asgi: dependency with yield (needs FastAPI 0.118)"
DEPENDENCIES: list[tuple[str, Build, str]] = [
    ("dependency", get(Annotated[int, Depends(dependency)]), LOOP),
    ("dependency twice, cached", get(*[Annotated[int, Depends(dependency)]] * 2), LOOP),
    ("dependency twice, not cached", get(*[Annotated[int, Depends(dependency, use_cache=False)]] * 2), LOOP),
    ("dependency of the decorator", get(dependencies=[Depends(dependency)]), LOOP),
    ("dependency that waits", get(Annotated[bytes, Depends(waiting)]), TASK + SCOPED),
    ("plain dependency, coroutine", get(Annotated[int, Depends(plain_dependency)]), TASK),
    ("plain dependency, plain function", get(Annotated[int, Depends(plain_dependency)], plain=True), THREAD),
    ("class as dependency", get(Annotated[Point, Depends(Point)]), TASK),
    ("instance as dependency", get(Annotated[str, Depends(Callable_())]), LOOP),
    ("dependency with yield", get(Annotated[int, Depends(generator)]), YIELD),
    ("bearer token", get(Annotated[Any, Depends(sec.HTTPBearer())]), LOOP),
    ("basic credentials", get(Annotated[Any, Depends(sec.HTTPBasic())]), LOOP),
    ("API key", get(Annotated[Any, Depends(sec.APIKeyHeader(name="x"))]), LOOP),
    ("OAuth2 with scopes", get(Annotated[Any, Security(sec.OAuth2PasswordBearer("t"), scopes=["a"])]), LOOP),
]  # fmt: skip

RESPONSES: list[tuple[str, Build, str]] = [
    ("response model", returning(text, response_model=Item), LOOP),
    ("response model, unset left out", returning(text, response_model=Item, response_model_exclude_unset=True), LOOP),
    ("status code", returning(text, status_code=201), LOOP),
    ("response class", returning(text, response_class=PlainTextResponse), LOOP),
    ("response class JSON", returning(text, response_class=JSONResponse), LOOP),
    ("response class streaming", returning(text, response_class=StreamingResponse), LOOP),
    ("generator endpoint", returning(stream, response_class=StreamingResponse),
     "asgi: the endpoint is a generator function"),
]  # fmt: skip

ROUTES = PARAMETERS + BODIES + DEPENDENCIES + RESPONSES


# A request target for each path template of the table.
TARGETS = {
    "/r": "/r", "/{v}": "/7", "/{v:int}": "/7", "/{v:path}": "/a/b", "/{v:uuid}": f"/{uuid.uuid4()}",
}  # fmt: skip


@pytest.mark.parametrize(("build", "said"), [row[1:] for row in ROUTES], ids=[row[0] for row in ROUTES])
def test_a_route_runs_as_said(build: Build, said: str) -> None:
    app = bare()
    build(app)
    (route,) = app.routes
    (method,) = route.methods
    assert explained(app, method, TARGETS[route.path])[1] == said
    assert explained(app, method, TARGETS[route.path])[1] == said, "said again"


def test_a_dependency_of_the_request_before_the_response_is_left() -> None:
    if FASTAPI < (0, 121):
        pytest.skip("dependencies have no scope")
    app = bare()
    get(Annotated[int, Depends(generator, scope="function")])(app)
    assert explained(app, "GET", "/r")[1] == TASK + INSIDE


class Timed(APIRoute):
    def get_route_handler(self) -> Any:
        return super().get_route_handler()


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


def test_routes_are_listed_in_the_order_in_which_they_match() -> None:
    app, inner, timed = bare(), APIRouter(prefix="/in"), APIRouter(route_class=Timed)
    inner.get("/{v}")(endpoint(Annotated[int, Path()]))
    timed.get("/timed")(endpoint())
    app.api_route("/many", methods=["GET", "PUT"])(endpoint())
    app.include_router(inner)
    app.include_router(inner, prefix="/deeper")
    app.include_router(timed)
    app.websocket("/socket")(socket)
    app.mount("/sub", bare())
    app.router.routes.append(Route("/plain", text))
    app.get("/last", response_class=PlainTextResponse)(endpoint())
    assert listed(app) == [
        "GET,PUT /many compiled",
        "GET /in/{v} compiled",
        "GET /deeper/in/{v} compiled",
        "GET /timed asgi: custom route class Timed",
        "* /sub/{path:path} asgi: mounted application",
        "GET,HEAD /plain asgi: plain Starlette route",
        "GET /last compiled",
        "WS /socket not served: WebSocket is not available yet",
        "4 compiled, 3 through ASGI",
    ]


def test_a_route_that_is_never_reached_is_pointed_out() -> None:
    app = bare()
    app.get("/items/{v}")(endpoint(Annotated[str, Path()]))
    app.get("/items/mine")(endpoint())
    app.get("/items/{v}")(endpoint(Annotated[str, Path()]))
    assert [line for line in listed(app) if line.startswith("warning")] == [
        "warning: /items/mine is never reached: /items/{v} comes first, a path that covers it",
        "warning: /items/{v} is never reached: /items/{v} comes first, the same path again",
    ]


def test_a_plan_is_explained_step_by_step() -> None:
    app = bare()
    app.put("/{v}")(shelve)
    assert explained(app, "put", "/3") == [
        "PUT /3 -> /{v}",
        TASK,
        "  1. parse the content as JSON",
        "  2. read query q, optional",
        "  3. read path v, required",
        "  4. read header x-tag list, optional",
        "  5. read cookie session, required",
        "  6. validate the content",
        "  7. await dependency dependency  (user code from here)",
        "  8. in a thread dependency plain_dependency",
        "  9. make the Response",
        " 10. await endpoint shelve",
        " 11. validate and serialise with pydantic"
        if FASTAPI >= (0, 130)
        else " 11. let FastAPI build the response",
    ]
    assert explained(app, "GET", "/3") == ["GET /3: no route matches; the application answers"]


async def shelve(
    v: int,
    item: Item,
    response: Response,
    a: Annotated[int, Depends(dependency)],
    b: Annotated[int, Depends(plain_dependency)],
    session: Annotated[str, Cookie()],
    x_tag: Annotated[list[str], Header()] = [],  # noqa: B006
) -> Item:
    return item
