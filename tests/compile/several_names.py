"""Routes whose parameters have several names, and form models of which one is chosen; and
requests with every choice of names. FastAPI's own answers are the reference."""

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlencode

from fastapi import Body, Cookie, FastAPI, File, Form, Header, Query, UploadFile
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator
from wire import Request

CHOICES = AliasChoices("first", "second_name")


class Named(BaseModel):
    """Fields with several names, by alias and by their own."""

    model_config = ConfigDict(validate_by_name=True)
    one: int = Field(alias="a_one")
    x_two: list[int] = Field(default=[], validation_alias=AliasChoices("first", "second_name"))
    three: str = "3"


class Strict(Named):
    model_config = ConfigDict(validate_by_name=True, extra="forbid")


class Open(Named):
    model_config = ConfigDict(validate_by_name=True, extra="allow")


class ByName(BaseModel):
    model_config = ConfigDict(validate_by_name=True, loc_by_alias=False)
    one: int = Field(alias="a_one")


class Checked(BaseModel):
    """User code validates, and headers are not named as the fields."""

    model_config = ConfigDict(validate_by_name=True)
    x_token: int = Field(gt=3)
    one: int = Field(default=1, alias="a_one")

    @field_validator("x_token", mode="after")
    @classmethod
    def check(cls, value: int) -> int:
        if value == 13:
            raise ValueError("unlucky")
        return value


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    x_token: int


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = Field(validation_alias=CHOICES)
    tags: list[str] = []


class Dog(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["dog"]
    bones: int = 0


class Rex(Dog):
    @field_validator("bones")
    @classmethod
    def check(cls, value: int) -> int:
        if value == 13:
            raise ValueError("unlucky")
        return value


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


def _scalars(app: FastAPI) -> None:
    @app.api_route("/query", methods=["GET"])
    async def query(
        v: Annotated[int, Query(validation_alias=CHOICES)],
        w: Annotated[list[int], Query(validation_alias=AliasChoices("third", "first"))] = [9],  # noqa: B006
    ) -> Any:
        return [v, w]

    @app.get("/header")
    async def header(
        v: Annotated[int, Header(validation_alias=AliasChoices("X-First", "second_name"))],
        w: Annotated[str | None, Header(validation_alias=AliasChoices("third", "fourth"))] = None,
    ) -> Any:
        return [v, w]

    @app.get("/cookie")
    async def cookie(v: Annotated[int, Cookie(validation_alias=CHOICES)] = 5) -> Any:
        return v

    @app.post("/form")
    async def form(
        v: Annotated[int, Form(validation_alias=CHOICES)],
        w: Annotated[list[str], Form(validation_alias=AliasChoices("third", "first"))] = [],  # noqa: B006
    ) -> Any:
        return [v, w]

    @app.post("/json")
    async def body(
        v: Annotated[int, Body(validation_alias=CHOICES)],
        w: Annotated[Checked | None, Body(validation_alias=AliasChoices("third", "fourth"))] = None,
    ) -> Any:
        return [v, w]

    @app.post("/files")
    async def files(
        v: Annotated[bytes, File(validation_alias=CHOICES)],
        w: Annotated[UploadFile | None, File(validation_alias=AliasChoices("third", "first"))] = None,
    ) -> Any:
        return [v.decode(), w and w.filename]


def _returning(kind: Any, where: Any) -> Any:
    """An endpoint that returns its parameter; optional if ``kind`` has a None."""
    default = None if type(None) in get_args(kind) else inspect.Parameter.empty

    async def endpoint(v: Any) -> Any:
        return v

    given: Any = endpoint
    given.__signature__ = inspect.Signature(
        [inspect.Parameter("v", inspect.Parameter.KEYWORD_ONLY, annotation=Annotated[kind, where], default=default)]
    )
    return endpoint


def _models(app: FastAPI) -> None:
    for name, model in (("named", Named), ("strict", Strict), ("open", Open), ("by-name", ByName)):
        for how, kind in (("always", model), ("optional", model | None)):
            path = f"/{name}/{how}"
            app.get(path + "/query")(_returning(kind, Query()))
            app.get(path + "/cookie")(_returning(kind, Cookie()))
            app.get(path + "/header")(_returning(kind, Header()))
            app.post(path + "/form")(_returning(kind, Form()))

    @app.get("/checked")
    async def checked(v: Annotated[Checked, Header()]) -> Any:
        return v

    @app.get("/closed")
    async def closed(v: Annotated[Closed | None, Header()] = None) -> Any:
        return v


def _union_routes(app: FastAPI) -> None:
    @app.post("/union/tagged")
    async def tagged(v: Annotated[Pet, Form()]) -> Any:
        return v

    @app.post("/union/plain")
    async def plain(v: Annotated[Cat | Dog, Form()]) -> Any:
        return v

    @app.post("/union/optional")
    async def optional(v: Annotated[Cat | Open | None, Form()] = None) -> Any:
        return v

    @app.post("/union/absent")
    async def absent(v: Annotated[Cat | Named | None, Form()] = None) -> Any:
        return v

    @app.post("/union/checked")
    async def checked(v: Annotated[Cat | Rex, Form()]) -> Any:
        return v


def make() -> FastAPI:
    app = FastAPI(openapi_url=None)
    _scalars(app)
    _models(app)
    _union_routes(app)
    return app


_VALUES = ["", "1", "x", "13"]
_KEYS = ["first", "second_name", "third", "fourth", "one", "a_one", "x_two", "kind", "lives", "tags", "bones", "more"]
_FIELDS = ["x-first", "second_name", "second-name", "third", "first", "one", "a_one", "a-one", "x_two", "x-two",
           "x_token", "x-token", "more"]  # fmt: skip
_FORM = ("content-type", "application/x-www-form-urlencoded")
_JSON = ("content-type", "application/json")
Pairs = list[tuple[str, str]]


def _pairs(keys: list[str], values: list[str]) -> list[Pairs]:
    """No pair, one, two of any names, and three."""
    found: list[Pairs] = [[], *([one] for one in itertools.product(keys, values))]
    for a, b in itertools.product(keys, keys):
        found += [[(a, v), (b, w)] for v, w in (("1", "2"), ("", "1"), ("x", "1"), ("13", "x"))]
    return found + [[(a, "4"), (b, "5"), (c, "6")] for a, b, c in itertools.combinations(keys, 3)]


def _shared(paths: Sequence[str], pairs: list[Pairs], share: int) -> Iterator[tuple[str, Pairs]]:
    """Each path with a share of the pairs, one in so many, and all pairs with some path."""
    for number, path in enumerate(paths):
        for one in pairs[number % share :: share]:
            yield path, one


def _of_models(source: str) -> list[str]:
    return [
        f"/{name}/{how}/{source}"
        for name in ("named", "strict", "open", "by-name")
        for how in ("always", "optional")
    ]


def _query() -> Iterator[Request]:
    pairs = _pairs(_KEYS, _VALUES)
    yield from (Request("GET", "/query?" + urlencode(one)) for one in pairs)
    for path, one in _shared(_of_models("query"), pairs, 4):
        yield Request("GET", path + "?" + urlencode(one))


def _cookies() -> Iterator[Request]:
    for path, one in _shared(["/cookie", *_of_models("cookie")], _pairs(_KEYS[:7], _VALUES), 2):
        cookie = "; ".join(f"{name}={value}" for name, value in one)
        yield Request("GET", path, (("cookie", cookie),))


def _headers() -> Iterator[Request]:
    pairs = _pairs(_FIELDS, _VALUES)
    for path in ("/header", "/checked", "/closed"):
        yield from (Request("GET", path, tuple(one)) for one in pairs)
    for path, one in _shared(_of_models("header"), pairs, 4):
        yield Request("GET", path, tuple(one))


def _forms() -> Iterator[Request]:
    pairs = _pairs(_KEYS, _VALUES)
    for path in ("/form", "/files"):
        yield from (Request("POST", path, (_FORM,), urlencode(one).encode()) for one in pairs)
    for path, one in _shared(_of_models("form"), pairs, 4):
        yield Request("POST", path, (_FORM,), urlencode(one).encode())


def _unions() -> Iterator[Request]:
    kinds: list[Pairs] = [[], [("kind", "cat")], [("kind", "dog")], [("kind", "")]]
    keys = ["first", "second_name", "one", "a_one", "lives", "tags", "bones", "more"]
    pairs = [kind + one for kind in kinds for one in _pairs(keys, _VALUES)]
    paths = [f"/union/{name}" for name in ("tagged", "plain", "optional", "absent", "checked")]
    for path, one in _shared(paths, pairs, 2):
        yield Request("POST", path, (_FORM,), urlencode(one).encode())


def _json() -> Iterator[Request]:
    values = ["1", '"x"', "null", '{"x_token": 5}', '{"x_token": 13}', '{"x_token": "y"}']
    for a, b in itertools.product(["first", "second_name", "third", "fourth"], repeat=2):
        for v, w in itertools.product(values, values):
            yield Request("POST", "/json", (_JSON,), f'{{"{a}": {v}, "{b}": {w}}}'.encode())
    yield Request("POST", "/json", (_JSON,), b"[]")


# Where names are looked up, and requests for it.
PARTS: dict[str, Callable[[], Iterator[Request]]] = {
    "query": _query,
    "cookies": _cookies,
    "headers": _headers,
    "forms": _forms,
    "unions": _unions,
    "json": _json,
}
