"""Why a route or an application is left to ASGI, in the words that ``fastrd routes``
prints for its author."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Annotated, Any

import fastapi
import pytest
from declared import (
    FASTAPI, Build, Item, bare, dependency, endpoint, get, listed, post, refused, text,
)  # fmt: skip
from fastapi import Body, Cookie, Depends, FastAPI, File, Form, Header, Path, Query, UploadFile, WebSocket
from fastapi.routing import APIRoute, APIWebSocketRoute
from pydantic import BaseModel, Field
from starlette.convertors import Convertor
from starlette.routing import Host, Mount, WebSocketRoute

from fastrapi.compile import compile_app, dialect


class Crossed(BaseModel):
    """An alias of one header is the name of another."""

    x_one: str
    two: str = Field(alias="x_one")


async def prefix(v: UploadFile) -> bytes:
    return await v.read(2)


def with_prefix(app: FastAPI) -> None:
    async def endpoint(p: Annotated[bytes, Depends(prefix)], v: Annotated[bytes, File()]) -> None: ...

    app.post("/r")(endpoint)


# Name of the case, its route, what is said of it. They hold for the newest FastAPI;
# earlier ones cannot declare all of them, or have another reason.
REASONS: list[tuple[str, Build, str]] = [
    ("a name that cannot be sent", get(Annotated[str, Cookie(alias="\u4e2d")]),
     "no header or cookie can have the name '\u4e2d'"),
    ("a header model with crossed names", get(Annotated[Crossed, Header()]),
     "header model 'v' has an alias that is another field's name"),
    ("a path parameter that is not there", get(Annotated[str, Path()]), "path parameter 'v' is not in the path"),
    ("a file that may have been read in", with_prefix, "a file is bytes to one function, and another may have read in it"),
    ("a form and JSON", post(Annotated[str, Form()], Annotated[int, Body()]), "body parameter 'w' stands beside a form"),
    ("a concurrency limit", lambda app: get(Annotated[int, Depends(dependency, max_concurrency=1)])(app),
     "dependency with a concurrency limit"),
    ("a limited body", lambda app: app.post("/r", max_body_size=10)(endpoint(Item)) and None,
     "its handler is wrapped (custom route handler or body limit)"),
    ("a type to be defined later", post("Later"), "one of its types is not defined yet"),
    ("a response to be defined later", get(response_model="Later"), "one of its types is not defined yet"),
    ("methods of its own", lambda app: app.api_route("/r", methods=["BREW", "WHEN"])(endpoint()) and None,
     "only standard methods are compiled, not BREW, WHEN"),
]  # fmt: skip


@pytest.mark.skipif(FASTAPI < (0, 165), reason="reasons of the newest version")
@pytest.mark.parametrize(("build", "reason"), [row[1:] for row in REASONS], ids=[row[0] for row in REASONS])
def test_a_route_that_is_not_compiled_says_why(build: Build, reason: str) -> None:
    """In one short line, without full stop or anything of this process."""
    app = bare()
    build(app)
    line, summary = listed(app)
    assert line.partition("asgi: ")[2] == reason
    assert summary == "0 compiled, 1 through ASGI"
    assert re.fullmatch(r"[a-zA-Z][^\n<]{5,90}[^.\n]", reason)


@pytest.mark.skipif(FASTAPI < (0, 165), reason="no such option")
def test_a_limit_of_the_whole_application_is_a_reason() -> None:
    assert refused(bare(max_body_size=10)) == "max_body_size is set"



class Matching(APIRoute):
    def matches(self, scope: Any) -> Any:
        return super().matches(scope)


class Hex(Convertor[int]):
    regex = "[0-9a-f]+"

    def convert(self, value: str) -> int:
        return int(value, 16)

    def to_string(self, value: int) -> str:
        return f"{value:x}"


class OwnHost(Host):
    pass


@pytest.mark.parametrize(
    ("route", "reason"),
    [
        (OwnHost("a.test", bare()), "Host route that matches in a way of its own"),
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
        assert after == (
            f"GET /after asgi: declared after {getattr(route, 'path', '/')!r}, which may match any path: {reason}"
        )


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()


class Named(APIWebSocketRoute):
    pass


class Noting(WebSocketRoute):
    async def handle(self, *connection: Any) -> None:
        await super().handle(*connection)


@pytest.mark.skipif(not dialect.STACKS_IN_SCOPE, reason="no such option")
@pytest.mark.parametrize(
    ("kind", "verdict"), [(Named, "compiled"), (Noting, "asgi: custom route class Noting")]
)
def test_a_class_for_websockets_that_matches_as_its_base_keeps_nothing_from_compiling(
    kind: type, verdict: str
) -> None:
    app = bare()
    app.router.routes.append(kind("/odd", socket))
    app.get("/after")(endpoint())
    app.websocket("/after")(socket)
    assert listed(app)[:3] == [f"WS /odd {verdict}", "GET /after compiled", "WS /after compiled"]


def test_a_convertor_of_the_applications_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from starlette import convertors

    monkeypatch.setitem(convertors.CONVERTOR_TYPES, "hex", Hex())
    app = bare()
    app.get("/{v:hex}")(endpoint(Annotated[int, Path()]))
    assert listed(app)[0] == "* /{v:hex} asgi: path '/{v:hex}' uses a custom convertor"


@pytest.mark.parametrize("expression", [re.compile("^/v/(?P<v>a+)$"), re.compile("^/v/(?P<v>[^/]+)"), None])
def test_a_path_that_matches_in_a_way_of_its_own_is_left_alone(expression: Any) -> None:
    app = bare()
    app.get("/v/{v}")(endpoint(Annotated[str, Path()]))
    app.router.routes[-1].path_regex = expression  # type: ignore[attr-defined]
    assert listed(app)[0] == "* /v/{v} asgi: path '/v/{v}' uses a custom convertor"


class Called(FastAPI):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await super().__call__(scope, receive, send)


async def raw(scope: Any, receive: Any, send: Any) -> None:
    return None


def routed() -> FastAPI:
    """Starlette's Router takes middleware, which FastAPI's hides."""
    app = FastAPI()
    inner = app.router.middleware_stack

    async def around(scope: Any, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)

    app.router.middleware_stack = around
    return app


@pytest.mark.parametrize(
    ("app", "reason"),
    [
        (raw, "not a FastAPI application"),
        (Called(), "class Called overrides __call__()"),
        (FastAPI(root_path="/api"), "root_path is set"),
        (routed(), "its router has middleware of its own"),
    ],
    ids=["raw", "call", "root_path", "router"],
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
    print("compiled", "direct" if only_own_layers(app, []) else "behind the stack")
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
