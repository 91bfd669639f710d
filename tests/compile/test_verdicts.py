"""What the compiler says of each thing that it recognises, in the words that
``fastrd explain`` prints: how a route runs, or why it stays with ASGI."""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import inspect
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal

import fastapi
import pytest
from fastapi import (
    APIRouter, BackgroundTasks, Body, Cookie, Depends, FastAPI, File, Form, Header, Path, Query,
    Request, Response, Security, WebSocket,
)  # fmt: skip
from fastapi import security as sec
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from pydantic import AfterValidator, BaseModel, PrivateAttr, field_validator
from starlette.convertors import Convertor
from starlette.requests import HTTPConnection
from starlette.routing import Host, Mount, Route

from fastrapi.compile import compile_app
from fastrapi.compile.records import NotCompiled
from fastrapi.compile.report import explain_lines, routes_lines

FASTAPI = tuple(int(part) for part in fastapi.__version__.split(".")[:2])

LOOP = "compiled: runs on the loop, it cannot suspend"
TASK = "compiled: runs in a task of its own"
THREAD = "compiled: runs on a pool thread"
INSIDE = ", inside FastAPI's request_response"
# Where a Request is handed out: older versions keep their exit stacks elsewhere.
SCOPED = "" if FASTAPI >= (0, 121) else INSIDE


class Color(enum.Enum):
    red = "red"


class Item(BaseModel):
    name: str
    price: float = 1.0


class Checked(BaseModel):
    name: str

    @field_validator("name")
    @classmethod
    def check(cls, value: str) -> str:
        return value


class Private(BaseModel):
    name: str
    _secret: int = PrivateAttr(default=1)


@dataclasses.dataclass
class Point:
    x: int


class Strange:
    """Copies of it are not it."""

    def __deepcopy__(self, memo: Any) -> Strange:
        return Strange()


async def dependency(q: int = 0) -> int:
    return q


async def waiting(r: Request) -> bytes:
    return await r.body()


def plain_dependency() -> int:
    return 1


async def generator():  # type: ignore[no-untyped-def]
    yield 1


class Callable_:
    async def __call__(self, q: str = "") -> str:
        return q


def endpoint(*annotations: Any, plain: bool = False, **defaults: Any) -> Any:
    """An endpoint with parameters v, w, ... of these annotations."""
    names = [chr(ord("v") + i) for i in range(len(annotations))]

    async def coroutine_(**values: Any) -> Any:
        return "fine"

    def plain_(**values: Any) -> Any:
        return "fine"

    chosen: Any = plain_ if plain else coroutine_
    chosen.__signature__ = inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                annotation=annotation,
                default=defaults.get(name, inspect.Parameter.empty),
            )
            for name, annotation in zip(names, annotations, strict=True)
        ]
    )
    return chosen


def get(*annotations: Any, path: str = "/r", plain: bool = False, **more: Any) -> Callable[[FastAPI], None]:
    defaults = {name: more.pop(name) for name in ("v", "w") if name in more}

    def build(app: FastAPI) -> None:
        app.get(path, **more)(endpoint(*annotations, plain=plain, **defaults))

    return build


def post(*annotations: Any, **defaults: Any) -> Callable[[FastAPI], None]:
    return lambda app: app.post("/r")(endpoint(*annotations, **defaults)) and None


def returning(function: Any, **options: Any) -> Callable[[FastAPI], None]:
    return lambda app: app.get("/r", **options)(function) and None


async def text() -> str:
    return "a"


async def stream():  # type: ignore[no-untyped-def]
    yield "a"


async def sleeps() -> None:
    await asyncio.sleep(0)


FACTORY = LOOP if FASTAPI >= (0, 148) else "asgi: parameter 'v' has a default_factory"
# Name of the case, its route, what is said of it.
PARAMETERS: list[tuple[str, Callable[[FastAPI], None], str]] = [
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
    ("cookie that cannot be", get(Annotated[str, Cookie(alias="\u4e2d")]), "asgi: no request can have the name '\u4e2d'"),
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

MODEL = LOOP if FASTAPI >= (0, 148) else "asgi: parameter model 'v', before FastAPI 0.148"
CHECKED = LOOP if FASTAPI >= (0, 151) else "asgi: parameter 'v' has a validator written in Python"
FORM = LOOP if FASTAPI >= (0, 165) else "asgi: form body of this FastAPI version"
BODIES: list[tuple[str, Callable[[FastAPI], None], str]] = [
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

YIELD = TASK + INSIDE if FASTAPI >= (0, 118) else "asgi: a dependency with yield, before FastAPI 0.118"
DEPENDENCIES: list[tuple[str, Callable[[FastAPI], None], str]] = [
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

RESPONSES: list[tuple[str, Callable[[FastAPI], None], str]] = [
    ("response model", returning(text, response_model=Item), LOOP),
    ("response model, unset left out", returning(text, response_model=Item, response_model_exclude_unset=True), LOOP),
    ("status code", returning(text, status_code=201), LOOP),
    ("response class", returning(text, response_class=PlainTextResponse), LOOP),
    ("response class JSON", returning(text, response_class=JSONResponse), LOOP),
    ("response class streaming", returning(text, response_class=StreamingResponse), LOOP),
    ("generator endpoint", returning(stream, response_class=StreamingResponse),
     "asgi: the endpoint is a generator"),
]  # fmt: skip

ROUTES = PARAMETERS + BODIES + DEPENDENCIES + RESPONSES


# A request target for each path template of the table.
TARGETS = {
    "/r": "/r", "/{v}": "/7", "/{v:int}": "/7", "/{v:path}": "/a/b", "/{v:uuid}": f"/{uuid.uuid4()}",
}  # fmt: skip


def bare(**options: Any) -> FastAPI:
    """An application without documentation pages."""
    return FastAPI(openapi_url=None, **options)


def explained(app: FastAPI, method: str, target: str) -> list[str]:
    return list(explain_lines(compile_app(app), method, target))


def listed(app: FastAPI) -> list[str]:
    """``fastrd routes``, its columns a space apart."""
    return [re.sub(" +", " ", line) for line in routes_lines(compile_app(app))]


def refused(app: Any) -> str:
    with pytest.raises(NotCompiled) as caught:
        compile_app(app)
    return str(caught.value)


@pytest.mark.parametrize(("build", "said"), [row[1:] for row in ROUTES], ids=[row[0] for row in ROUTES])
def test_a_route_runs_as_said(build: Callable[[FastAPI], None], said: str) -> None:
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


def test_limits_of_newer_versions_are_named() -> None:
    if FASTAPI < (0, 165):
        pytest.skip("no such options")
    app = bare()
    get(Annotated[int, Depends(dependency, max_concurrency=1)])(app)
    app.post("/limited", max_body_size=10)(endpoint(Item))
    assert listed(app) == [
        "GET /r asgi: a dependency has a concurrency limit",
        "POST /limited asgi: its handler is wrapped (custom route handler or body limit)",
        "0 compiled, 2 through ASGI",
    ]
    assert refused(bare(max_body_size=10)) == "max_body_size is set"


class Timed(APIRoute):
    def get_route_handler(self) -> Any:
        return super().get_route_handler()


class Matching(APIRoute):
    def matches(self, scope: Any) -> Any:
        return super().matches(scope)


class Hex(Convertor[int]):
    regex = "[0-9a-f]+"

    def convert(self, value: str) -> int:
        return int(value, 16)

    def to_string(self, value: int) -> str:
        return f"{value:x}"


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


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        (Host("a.test", bare()), "a Host route may match any path"),
        (Matching("/odd", text), "custom route class Matching"),
        (Mount("/{v}", bare()), "mounted application"),
    ],
    ids=["host", "matches", "mount"],
)
def test_what_may_match_anything_keeps_the_routes_after_it_from_compiling(route: Any, reason: str) -> None:
    app = bare()
    app.get("/before")(endpoint())
    app.router.routes.append(route)
    app.get("/after")(endpoint())
    before, itself, after, _ = listed(app)
    assert before == "GET /before compiled"
    assert itself.endswith(f"asgi: {reason}")
    if isinstance(route, Mount):
        assert after == "GET /after compiled"
    else:
        assert after == f"GET /after asgi: declared after {getattr(route, 'path', '/')!r}: {reason}"


def test_a_convertor_of_the_applications_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette import convertors

    monkeypatch.setitem(convertors.CONVERTOR_TYPES, "hex", Hex())
    app = bare()
    app.get("/{v:hex}")(endpoint(Annotated[int, Path()]))
    assert listed(app)[0] == "* /{v:hex} asgi: path '/{v:hex}' uses a convertor of its own"


class Called(FastAPI):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await super().__call__(scope, receive, send)


async def raw(scope: Any, receive: Any, send: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (raw, "not a FastAPI application"),
        (Called(), "Called has a __call__ of its own"),
        (FastAPI(root_path="/api"), "root_path is set"),
    ],
    ids=["raw", "call", "root_path"],
)
def test_an_application_that_cannot_be_compiled_is_refused_with_the_reason(app: Any, reason: str) -> None:
    assert refused(app) == reason


@pytest.mark.parametrize("name", ["solve_dependencies", "serialize_response", "get_request_handler"])
def test_a_patched_fastapi_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    compile_app(bare())
    monkeypatch.setattr(fastapi.routing, name, lambda *_args, **_kwargs: None)
    assert refused(bare()) == "FastAPI or json was patched before serving"


PATCHED_AT_IMPORT = """
import functools
import {module}

def wrap(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

{module}.{name} = wrap({module}.{name})

from fastapi import FastAPI
from fastrapi.compile import compile_app
from fastrapi.compile.records import NotCompiled
from fastrapi.compile.recognise import only_own_layers

app = FastAPI()
app.middleware_stack = app.build_middleware_stack()
try:
    compile_app(app, 1 << 20)
    print("compiled", "direct" if only_own_layers(app) else "behind the stack")
except NotCompiled as refused:
    print(refused)
"""


@pytest.mark.parametrize(
    "name, expected",
    [
        ("fastapi.routing:run_endpoint_function", "FastAPI or json was patched before serving"),
        ("starlette.responses:JSONResponse.render", "FastAPI or json was patched before serving"),
        ("json:dumps", "FastAPI or json was patched before serving"),
        ("starlette.applications:Starlette.__call__", "compiled behind the stack"),
        ("starlette.middleware.errors:ServerErrorMiddleware.__call__", "compiled behind the stack"),
        ("starlette.applications:Starlette.add_middleware", "compiled direct"),
    ],
)
def test_what_was_patched_before_the_first_look_is_noticed(name: str, expected: str) -> None:
    """As an instrumentation does it, when the application is imported."""
    module, _, attribute = name.partition(":")
    program = PATCHED_AT_IMPORT.format(module=module, name=attribute)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == (expected, "")


def test_a_wrapped_handler_is_noticed() -> None:
    app = bare()
    app.get("/r")(endpoint())
    inner = app.routes[0].app

    async def instrumented(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    app.routes[0].app = instrumented
    assert listed(app)[0] == "GET /r asgi: its handler is wrapped (custom route handler or body limit)"


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


def test_reasons_read_well() -> None:
    """One line, no full stop, no address or object of this process."""
    app = bare()
    for _, build, _ in ROUTES:
        build(app)
    compiled = compile_app(app)
    reasons = {entry.reason for entry in compiled.entries if entry.reason}
    assert len(reasons) >= 2
    for reason in reasons:
        assert re.fullmatch(r"[a-zA-Z][^\n]{5,90}[^.\n]", reason), reason
        assert " at 0x" not in reason and "<" not in reason, reason
