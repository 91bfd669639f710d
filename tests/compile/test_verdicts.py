"""What the compiler says of each thing that it compiles, in the words that
``fastrd explain`` prints: how a route runs."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

import fastapi
import pytest
import starlette
from declared import (
    FASTAPI, Build, Callable_, Checked, Color, Item, Point, Private, Strange, bare, dependency, endpoint, explained,
    generator, get, listed, plain_dependency, plain_generator, post, returning, sleeps, stream, text, waiting,
)  # fmt: skip
from fastapi import (
    APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, File, Form, Header, Path, Query,
    Request, Response, Security, UploadFile, WebSocket,
)  # fmt: skip
from fastapi import security as sec
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from fastapi.staticfiles import StaticFiles
from pydantic import AfterValidator
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.routing import Route

from fastrapi.compile import dialect, dispatch
from fastrapi.compile.layers import layers_of
from fastrapi.compile.report import IN_PART

LOOP = "compiled: runs on the loop, it cannot suspend"
TASK = "compiled: runs in a task of its own"
THREAD = "compiled: runs on a pool thread"


def inside(said: str) -> str:
    """The same within FastAPI's own function."""
    return said.replace("compiled", "compiled in part") + ", inside FastAPI's request_response"


def scoped(said: str) -> str:
    """Where a Request is handed out: older versions keep their exit stacks elsewhere."""
    return said if FASTAPI >= (0, 121) else inside(said)



GENERATOR = LOOP if FASTAPI >= (0, 135) else "asgi: the endpoint is a generator function"
# Until FastAPI 0.136 an included route is a copy, which has made its handler.
TIMED = "asgi: custom route class Timed" if FASTAPI >= (0, 137) else "compiled"
STARLETTE = "compiled" if dialect.STACKS_IN_SCOPE else "asgi: plain Starlette route whose function is none, or wrapped"
WEBSOCKET = "compiled" if dialect.STACKS_IN_SCOPE else "asgi: a WebSocket, in this version of FastAPI"
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
    ("the Request", get(Request), scoped(LOOP)),
    ("the HTTPConnection", get(HTTPConnection), scoped(LOOP)),
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
    ("file", post(UploadFile), FORM),
    ("files", post(list[UploadFile]), FORM),
    ("optional file", post(UploadFile | None, v=None), FORM),
    ("file as bytes", post(Annotated[bytes, File()]), FORM),
    ("files as bytes", post(Annotated[list[bytes], File()]), FORM),
]  # fmt: skip

def yields(said: str) -> str:
    """Before, FastAPI itself left a dependency before it sent the answer."""
    return scoped(said) if FASTAPI >= (0, 118) else "asgi: dependency with yield (needs FastAPI 0.118)"



DEPENDENCIES: list[tuple[str, Build, str]] = [
    ("dependency", get(Annotated[int, Depends(dependency)]), LOOP),
    ("dependency twice, cached", get(*[Annotated[int, Depends(dependency)]] * 2), LOOP),
    ("dependency twice, not cached", get(*[Annotated[int, Depends(dependency, use_cache=False)]] * 2), LOOP),
    ("dependency of the decorator", get(dependencies=[Depends(dependency)]), LOOP),
    ("dependency that waits", get(Annotated[bytes, Depends(waiting)]), scoped(TASK)),
    ("plain dependency, coroutine", get(Annotated[int, Depends(plain_dependency)]), TASK),
    ("plain dependency, plain function", get(Annotated[int, Depends(plain_dependency)], plain=True), THREAD),
    ("class as dependency", get(Annotated[Point, Depends(Point)]), TASK),
    ("instance as dependency", get(Annotated[str, Depends(Callable_())]), LOOP),
    ("dependency with yield", get(Annotated[int, Depends(generator)]), yields(TASK)),
    ("plain dependency with yield", get(Annotated[int, Depends(plain_generator)]), yields(TASK)),
    ("plain dependency with yield, plain function",
     get(Annotated[int, Depends(plain_generator)], plain=True), yields(THREAD)),
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
    ("generator endpoint", returning(stream, response_class=StreamingResponse), GENERATOR),
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
    lines = explained(app, "GET", "/r")
    assert lines[1] == TASK
    assert "left before the answer is sent" in lines[2]


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
    left = [TIMED, STARLETTE, WEBSOCKET].count("compiled")
    assert listed(app) == [
        "GET,PUT /many compiled",
        "GET /in/{v} compiled",
        "GET /deeper/in/{v} compiled",
        f"GET /timed {TIMED}",
        f"WS /socket {WEBSOCKET}",
        "* /sub/{path:path} asgi: mounted application",
        f"GET,HEAD /plain {STARLETTE}",
        "GET /last compiled",
        f"{4 + left} compiled, {4 - left} through ASGI, 1 of them WebSocket",
    ]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda app, files: None, ""),
        (lambda app, files: setattr(files, "extra", 1), " has attributes of its own"),
        (lambda app, files: setattr(files, "html", 1), " has options that are no bool"),
        (lambda app, files: files.all_directories.append(b"x"), " has a directory that is no plain path"),
    ],
)
def test_a_mounted_directory_is_served_by_c_unless_there_is_a_reason(change: Any, why: str) -> None:
    app, files = bare(), StaticFiles(directory=".")
    app.mount("/static", files)
    change(app, files)
    if starlette.__version__ != "1.10.0":
        why = " is another version of Starlette's than the native one"
    words = f"asgi: mounted StaticFiles{why}" if why else "compiled"
    assert listed(app)[0] == f"* /static/{{path:path}} {words}"
    (_, line) = explained(app, "GET", "/static/a.txt")
    assert line == (words if why else "compiled: a file of a mounted directory, without Python")


def test_a_mounted_directory_behind_middleware_is_served_in_part() -> None:
    app = bare()
    app.mount("/static", StaticFiles(directory="."))
    app.add_middleware(Layer)
    native = starlette.__version__ == "1.10.0"
    expected = "compiled in part: behind Layer" if native else "asgi: mounted StaticFiles is another version"
    assert listed(app)[0].startswith(f"* /static/{{path:path}} {expected}")
    if native:
        (_, line) = explained(app, "GET", "/static/a.txt")
        assert line == "compiled in part: a file of a mounted directory, behind Layer"


def test_a_mounted_directory_of_a_class_of_its_own_is_left() -> None:
    class Own(StaticFiles):
        pass

    app = bare()
    app.mount("/static", Own(directory="."))
    assert listed(app)[0] == "* /static/{path:path} asgi: mounted application"


class Layer:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.mark.skipif(FASTAPI < (0, 121), reason="dependencies have no scope")
def test_what_python_runs_around_a_plan_is_not_called_compiled() -> None:
    """Neither in the list, nor in the sum, nor where it is explained; FastAPI's own routes
    are listed and not counted."""
    app = FastAPI(redoc_url=None)
    app.get("/plain")(endpoint())
    get(Annotated[int, Depends(generator)])(app)
    *_, plain, yields, total = listed(app)
    assert plain == "GET /plain compiled"
    assert yields == "GET /r compiled"
    assert total == "2 compiled, 0 through ASGI; 3 of FastAPI's documentation not counted"
    app.add_middleware(Layer)
    first, *_, plain, yields, layer, _, total = listed(app)
    assert first == "GET,HEAD /openapi.json compiled in part: behind Layer"
    assert plain == "GET /plain compiled in part: behind Layer"
    assert yields == "GET /r compiled in part: behind Layer"
    assert layer == "middleware Layer runs in Python: is not Starlette's own class"
    assert total.startswith("0 compiled, 2 in part (behind Layer), 0 through ASGI; ")
    assert explained(app, "GET", "/plain")[1] == "compiled in part: runs in a task of its own, behind Layer"


def test_layers_that_are_not_declared_are_told() -> None:
    """Observability packages put theirs around what ``build_middleware_stack()`` has made."""
    app = bare()
    app.get("/plain")(endpoint())
    app.mount("/static", StaticFiles(directory="."))
    make = app.build_middleware_stack
    app.build_middleware_stack = lambda: Layer(make())  # type: ignore[method-assign, assignment]
    for who in ("a build_middleware_stack() of its own", "layers that it does not declare"):
        plain, files, layer, _, total = listed(app)
        assert files.startswith("* /static/{path:path} asgi: mounted StaticFiles ")
        assert files.endswith((f" behind {who}", " another version of Starlette's than the native one"))
        assert plain == f"GET /plain compiled in part: behind {who}"
        assert layer == f"middleware of {who} runs in Python"
        assert total == f"0 compiled, 1 in part (behind {who}), 1 through ASGI"
        assert explained(app, "GET", "/plain")[1] == f"compiled in part: runs in a task of its own, behind {who}"
        app.middleware_stack = app.build_middleware_stack()
    app.middleware_stack = make()
    assert listed(app)[0] == "GET /plain compiled"


def test_a_dispatch_layer_is_told_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app = bare()
    app.get("/plain")(endpoint())
    app.middleware("http")(look)
    monkeypatch.setattr(dispatch, "is_known", lambda: True)
    _, line, *_ = listed(app)
    assert line == (
        "middleware BaseHTTPMiddleware: its dispatch() runs in Python, without Starlette's task group"
    )
    monkeypatch.setattr(dispatch, "is_known", lambda: False)
    _, line, *_ = listed(app)
    assert line == "middleware BaseHTTPMiddleware runs in Python: is not Starlette's own class"


def test_native_middleware_is_named_where_it_runs() -> None:
    """It takes nothing from what is compiled; only the other layers are Python around it."""
    app = bare()
    app.get("/plain")(endpoint())
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["a.example"])
    assert listed(app) == [
        "GET /plain compiled",
        "1 compiled (behind native TrustedHostMiddleware, CORSMiddleware), 0 through ASGI",
    ]
    assert explained(app, "GET", "/plain")[1] == f"{LOOP}, behind native TrustedHostMiddleware, CORSMiddleware"
    if any(layer.older for layer in layers_of(app)):
        pytest.skip("reasons of the newest version")
    app.add_middleware(Layer)
    assert listed(app) == [
        "GET /plain compiled in part: behind Layer",
        "middleware Layer runs in Python: is not Starlette's own class",
        "middleware TrustedHostMiddleware runs natively",
        "middleware CORSMiddleware runs natively",
        IN_PART,
        "0 compiled, 1 in part (behind Layer; native TrustedHostMiddleware, CORSMiddleware), "
        "0 through ASGI",
    ]
    assert explained(app, "GET", "/plain")[1] == (
        "compiled in part: runs in a task of its own, behind Layer, and native "
        "TrustedHostMiddleware, CORSMiddleware"
    )


def test_a_session_runs_natively_where_another_layer_stands() -> None:
    app = bare()
    app.get("/plain")(endpoint())
    app.add_middleware(SessionMiddleware, secret_key="secret")
    app.add_middleware(Layer)
    session = layers_of(app)[1]
    if not dialect.STACKS_IN_SCOPE or session.reason.startswith("is older"):
        pytest.skip("reasons of the newest version")
    assert session.native
    assert "middleware SessionMiddleware runs natively" in listed(app)


def test_layers_that_were_made_in_another_way_have_no_twins() -> None:
    class Own(FastAPI):
        def build_middleware_stack(self) -> Any:
            return super().build_middleware_stack()

    app = Own(openapi_url=None)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.add_middleware(Layer)
    cors = layers_of(app)[1]
    assert cors.reason == "stands between layers that were made in another way"


def test_a_session_runs_natively_where_user_code_gets_the_request_as_well() -> None:
    app = bare()
    app.get("/plain")(endpoint())
    app.get("/request")(endpoint(Request))
    app.add_middleware(SessionMiddleware, secret_key="secret")
    if not dialect.STACKS_IN_SCOPE:
        pytest.skip("reasons of the newest version")
    plain, request, *_ = listed(app)
    assert plain == "GET /plain compiled"
    assert request == "GET /request compiled"
    for path in ("/plain", "/request"):
        assert explained(app, "GET", path)[1] == f"{LOOP}, behind native SessionMiddleware"


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
    assert explained(app, "GET", "/3") == [
        "GET /3: no route matches; the table has FastAPI's own answer, unless the application "
        "handles it itself"
    ]
    app.add_middleware(Layer)
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
