"""Routes with parameters of every kind, for requests in which something is wrong, and what to
send them. ``called`` notes which dependencies have run meanwhile."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import Body, Cookie, Depends, FastAPI, Form, Header, HTTPException, Path, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from wire import Request as Asked

app = FastAPI()
called: list[Any] = []


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(BaseModel):
    name: str = Field(min_length=2)
    weights: list[float] = []


class Item(BaseModel):
    name: str
    price: float = Field(gt=0)
    parts: list[Part] = []
    colour: Colour | None = None


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    a: int
    b: list[int] = []


class Named(BaseModel):
    x_token: str
    x_number: int = 0


class Checked(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def small(cls, value: int) -> int:
        if value > 9:
            raise ValueError("too large")
        return value


def even(value: int) -> int:
    called.append(["even", value])
    if value % 2:
        raise ValueError("odd")
    return value


def stops(value: int) -> int:
    if value == 7:
        raise HTTPException(409, "stopped")
    return value


Even = Annotated[int, AfterValidator(even)]


@app.get("/called")
async def get_called() -> list[Any]:
    found = called.copy()
    called.clear()
    return found


@app.get("/scalars/{p}/{u}")
async def scalars(
    p: Annotated[int, Path(ge=1, le=9)],
    u: UUID,
    q: Annotated[int, Query(alias="the q")],
    d: date,
    c: Annotated[bool, Cookie()] = False,
    x_h: Annotated[float | None, Header()] = None,
    e: Colour = Colour.RED,
    k: Literal["a", "b"] = "a",
    many: Annotated[list[int], Query()] = [],  # noqa: B006
) -> Any:
    return [p, u, q, d, c, x_h, e, k, many]


@app.get("/plain/{p:int}")
def plain(p: Annotated[int, Path(gt=5)], q: int, r: Annotated[str, Query(max_length=2)]) -> Any:
    return [p, q, r]


@app.get("/defaults")
async def defaults(
    a: Annotated[int, Query(validate_default=True)] = "wrong",  # type: ignore[assignment]
    b: Annotated[set[int] | None, Query()] = None,
    c: Annotated[str, Query(pattern="^x+$")] = "y",
) -> Any:
    return [a, b, c]


async def first(a: int, b: Annotated[int, Query(ge=0)] = 0) -> int:
    called.append(["first", a, b])
    return a


def second(one: Annotated[int, Depends(first)], c: Annotated[int, Header()] = 0) -> int:
    called.append(["second", one, c])
    if c == 3:
        raise HTTPException(403, "three")
    return one + c


async def third(d: Even = 0) -> int:
    called.append(["third", d])
    return d


async def routes(z: int = 0) -> None:
    called.append(["routes", z])


@app.get("/nested", dependencies=[Depends(routes)])
async def nested(
    one: Annotated[int, Depends(first)],
    two: Annotated[int, Depends(second)],
    three: Annotated[int, Depends(third)],
    again: Annotated[int, Depends(first, use_cache=False)],
    e: Even,
    f: int,
) -> Any:
    return [one, two, three, again, e, f]


@app.get("/plain-nested")
def plain_nested(two: Annotated[int, Depends(second)], e: int, f: int = 0) -> Any:
    return [two, e, f]


@app.get("/mixed")
async def mixed(
    a: Even, b: int, c: Even = 2, d: Annotated[int, AfterValidator(stops)] = 1, e: bool = False
) -> Any:
    return [a, b, c, d, e]


async def takes_request(request: Request) -> None:
    called.append(["request", request.url.query])
    request.scope["path_params"]["p"] = "5"


@app.get("/changed/{p}", dependencies=[Depends(takes_request)])
async def changed(p: int, q: int) -> Any:
    return [p, q]


@app.get("/looked", dependencies=[Depends(first)])
async def looked(request: Request, q: int) -> Any:
    return [request.url.path, q]


@app.post("/item")
async def item(item: Item, q: int = 0) -> Any:
    return item


@app.put("/item/{p}")
def plain_item(p: int, item: Item, one: Annotated[int, Depends(first)]) -> Any:
    return item


@app.post("/embedded")
async def embedded(item: Annotated[Item, Body(embed=True)], n: Annotated[int, Body()] = 1) -> Any:
    return [item, n]


@app.post("/optional")
async def optional(item: Item | None = None, names: Annotated[list[str] | None, Body()] = None) -> Any:
    return [item, names]


@app.post("/list")
async def items(items: list[Item]) -> Any:
    return items


@app.post("/checked")
async def checked(item: Checked, q: int) -> Any:
    return item


async def body_dependency(n: Annotated[int, Body()], q: int = 0) -> int:
    called.append(["body", n])
    return n


@app.post("/body-dependency")
async def with_body_dependency(n: Annotated[int, Depends(body_dependency)], m: Annotated[str, Body()]) -> Any:
    return [n, m]


@app.get("/query-model")
async def query_model(model: Annotated[Strict, Query()]) -> Any:
    return model


@app.get("/header-model")
async def header_model(model: Annotated[Named, Header()], q: int) -> Any:
    return model


@app.get("/cookie-model")
async def cookie_model(model: Annotated[Strict, Cookie()]) -> Any:
    return model


@app.post("/form")
async def form(name: Annotated[str, Form(min_length=2)], n: Annotated[int, Form()], q: int = 0) -> Any:
    return [name, n, q]


@app.post("/form-list")
async def form_list(ns: Annotated[list[int], Form()], flag: Annotated[bool, Form()] = False) -> Any:
    return [ns, flag]


@app.post("/form-model")
async def form_model(model: Annotated[Strict, Form()]) -> Any:
    return model


UUIDS = ["0b9f8c1e-2a3d-4e5f-8a7b-1c2d3e4f5a6b", "x"]
NUMBERS = [None, "1", "x", ""]
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
CONTENTS = [
    b"", b"{", b'{"name": "n", "price": 1}', b'{"name": 3, "price": -1, "parts": [{"name": "x"}, 4, {"weights": ["a"]}]}',
    b'{"price": "x", "colour": "green"}', b"null", b"[]", b'"text"', b"3", b'[{"name": 1}, {}, 7]', b'{"item": {"name": "a"}, "n": "x"}',
    b'{"item": 4}', b'{"n": 10}', b'{"n": 3}', b'{"n": "x", "m": 4}', b'{"names": [1, "a"]}', b"{'a': 1}", b'{"a": NaN}', b'{"price": NaN}',
    b'{"price": 1e999}', b"\xff", b'{"name": "\\ud800", "price": []}', "{\"name\": \"\xe9\u20ac\", \"price\": 0}".encode(), b'{"a": 1}garbage', b" \n",
    b'{"a": 1, "a": [2], "name": {"x": [1.0, -0.0, 1e5, 123456789012345678901234567890]}}', b"[" * 300, b'{"n": 9}',
    '{"name": 1}'.encode("utf-16"), b"\xef\xbb\xbf{}",
]  # fmt: skip
FORMS = [b"", b"name=x&n=y", b"name=ab&n=1", b"name=&n=", b"n=1&n=2&name=ab", b"ns=1&ns=x&flag=maybe", b"ns=", b"a=1&b=2&b=x", b"a=x&c=d&c=e",
         b"c=1", b"name=%ff&n=+1", b"a=1;b=2", b"=&=", b"b=1"]  # fmt: skip


def query(**values: str | None) -> str:
    pairs = [f"{quote(name)}={quote(value)}" for name, value in values.items() if value is not None]
    return "?" + "&".join(pairs) if pairs else ""


def grid(names: str, *more: list[Any]) -> Iterator[tuple[Any, ...]]:
    return itertools.product(*more, *([NUMBERS] * len(names.split())))


def asked_scalars() -> Iterator[Asked]:
    for p, u, q, d in itertools.product(["3", "0", "x"], UUIDS, NUMBERS, [None, "2024-02-30", "2024-02-28"]):
        for other in ({}, {"e": "green", "k": "c"}, {"many": "x"}):
            fields = (("X-H", "a"), ("Cookie", "c=maybe")) if q == "x" else ()
            yield Asked("GET", f"/scalars/{p}/{u}" + query(**{"the q": q}, d=d, **other), fields)
    for p, q, r in itertools.product(["1", "7"], NUMBERS, [None, "a", "abc", "\xe9\u20ac\0"]):
        yield Asked("GET", f"/plain/{p}" + query(q=q, r=r))
    yield Asked("GET", "/scalars/1/x?many=1&many=x&many=&the%20q=%ff")
    for a, b, c in itertools.product(NUMBERS, NUMBERS, [None, "x", "z"]):
        yield Asked("GET", "/defaults" + query(a=a, b=b, c=c))


def with_called(asked: Iterator[Asked]) -> Iterator[Asked]:
    for one in asked:
        yield one
        yield Asked("GET", "/called")


def asked_dependencies() -> Iterator[Asked]:
    for a, b, c in grid("a b c"):
        head = (("c", c),) if c is not None else ()
        for rest in ({"e": "2", "f": "1"}, {"e": "3", "d": "1"}, {"z": "x"}):
            yield Asked("GET", "/nested" + query(a=a, b=b, **rest), head)
        yield Asked("GET", "/plain-nested" + query(a=a, b=b, e=c), head)
    yield Asked("GET", "/nested?a=1&f=x", (("c", "3"),))
    yield Asked("GET", "/plain-nested?a=1", (("c", "3"),))
    for a, b, c, d in itertools.product(["2", "3", None], ["1", "x", None], ["4", "5", "x", None], ["7", "x", "1"]):
        yield Asked("GET", "/mixed" + query(a=a, b=b, c=c, d=d, e="maybe" if a else None))
    for p, q in itertools.product(["1", "x"], NUMBERS):
        yield Asked("GET", f"/changed/{p}" + query(q=q))
        yield Asked("GET", "/looked" + query(q=q, a=p))


def asked_content() -> Iterator[Asked]:
    paths = ["/item", "/item?q=x", "/embedded", "/optional", "/list", "/checked", "/checked?q=1", "/body-dependency?q=x", "/body-dependency"]
    for path, content in itertools.product(paths, CONTENTS):
        yield Asked("POST", path, (("Content-Type", JSON),), content)
    for path, kind in itertools.product(paths, [None, "text/plain", "application/x+json; charset=x", "a", FORM]):
        fields = (("Content-Type", kind),) if kind else ()
        yield Asked("POST", path, fields, CONTENTS[3])
        yield Asked("POST", path, fields, b"{")
    for p, content in itertools.product(["1", "x"], CONTENTS):
        yield Asked("PUT", f"/item/{p}?a={p}", (("Content-Type", JSON),), content)


def asked_models() -> Iterator[Asked]:
    for rest in ["", "?a=1", "?a=x&b=1&b=y", "?b=1", "?a=1&c=2", "?c=2&c=3&a=", "?a=1&a=2", "?=&a"]:
        yield Asked("GET", "/query-model" + rest)
        yield Asked("GET", "/header-model" + rest, (("X-Token", "t"), ("X-Number", rest or "1")))
        yield Asked("GET", "/header-model" + rest + ("&q=1" if rest else "?q=1"), (("X-Number", "x"),))
        yield Asked("GET", "/cookie-model", (("Cookie", rest[1:].replace("&", "; ")),))


def asked_forms() -> Iterator[Asked]:
    for path, content in itertools.product(["/form", "/form?q=x", "/form-list", "/form-model"], FORMS):
        yield Asked("POST", path, (("Content-Type", FORM),), content)
    yield Asked("POST", "/form", (("Content-Type", JSON),), b"{}")


GROUPS: dict[str, Callable[[], Iterator[Asked]]] = {
    "scalars": asked_scalars,
    "dependencies": asked_dependencies,
    "content": asked_content,
    "models": asked_models,
    "forms": asked_forms,
}
