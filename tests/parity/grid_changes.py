"""Dependencies that change the Request before the parameters of their dependants are
due, for the grid: in place, by replacement, or not at all."""

from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Depends, Header, Query, Request
from fastapi.datastructures import QueryParams
from pydantic import AfterValidator, BaseModel
from starlette.datastructures import MutableHeaders

router = APIRouter(prefix="/change")


def apply(request: Request, change: str) -> None:
    headers = request.scope["headers"]
    if change == "header":
        headers.append((b"x-name", b"added"))
        headers[:] = [(n, v.upper() if n == b"x-name" else v) for n, v in headers]
    elif change == "header-twice":
        # Objects as large as those that go: they may come to stand at their addresses.
        name = request.headers.get("x-name", "")
        for letter in "xy":
            MutableHeaders(raw=headers)["x-name"] = letter * len(name)
    elif change == "header-missing":
        headers[:] = [pair for pair in headers if pair[0] != b"x-name"]
    elif change == "header-replaced":
        request.scope["headers"] = [(b"x-name", b"replaced")]
    elif change == "path":
        request.scope["path_params"]["n"] = "70"
    elif change == "path-replaced":
        request.scope["path_params"] = {"n": 71}
    elif change == "path-wrong":
        request.path_params["n"] = "x"
    elif change == "cookie":
        request.cookies["jar"] = "9"
    elif change == "cookie-gone":
        request.cookies.clear()
    elif change == "query":
        request.scope["query_string"] = b"q=5"
    elif change == "query-private":
        request._query_params = QueryParams("q=6")
    elif change == "look":
        assert request.headers and request.query_params and request.cookies is not None


async def changed(request: Request, change: str) -> str:
    apply(request, change)
    return change


def changed_sync(request: Request, change: str) -> str:
    apply(request, change)
    return change


async def changed_yield(request: Request, change: str):  # type: ignore[no-untyped-def]
    apply(request, change)
    yield change


def double(value: int) -> int:
    return value * 2


class Options(BaseModel):
    q: int = 0
    change: str = ""


Changed = Annotated[str, Depends(changed)]
Name = Annotated[str | None, Header(alias="x-name")]
Jar = Annotated[int | None, Cookie()]


@router.get("/plain/{n}")
async def plain(n: int, done: Changed, x: Name = None, jar: Jar = None, q: int | None = None) -> list[Any]:
    return [n, done, x, jar, q]


@router.get("/model/{n}")
async def model(n: int, done: Changed, options: Annotated[Options, Query()], x: Name) -> list[Any]:
    return [n, done, options, x]


@router.get("/sync/{n}")
def sync(n: int, done: Annotated[str, Depends(changed_sync)], x: Name = None, jar: Jar = None) -> list[Any]:
    return [n, done, x, jar]


@router.get("/checked/{n}")
async def checked(n: Annotated[int, AfterValidator(double)], done: Changed,
                  q: Annotated[int, AfterValidator(double)] = 3, x: Name = None) -> list[Any]:  # fmt: skip
    return [n, done, q, x]


@router.get("/yield/{n}")
async def yielding(n: int, done: Annotated[str, Depends(changed_yield)], x: Name = None) -> list[Any]:
    return [n, done, x]


async def nested_one(done: Changed, n: int, jar: Jar = None) -> list[Any]:
    return [done, n, jar]


@router.get("/nested/{n}")
async def nested(request: Request, below: Annotated[list[Any], Depends(nested_one)], n: int, x: Name = None) -> list[Any]:
    return [below, n, x, request.headers.get("x-name"), request.query_params.get("q")]
