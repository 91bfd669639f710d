"""Exceptions of every kind, raised wherever code of the application's runs."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI, Query, Request, Response
from fastapi import HTTPException as FastAPIHTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, field_validator
from starlette.exceptions import HTTPException


class Teapot(FastAPIHTTPException):
    """Of a class of the application's own, without a handler of its own."""

    def __init__(self) -> None:
        super().__init__(418, {"tea": "pot"}, {"X-Tea": "pot"})


class Computed(HTTPException):
    @property
    def status_code(self) -> int:
        return 409

    @status_code.setter
    def status_code(self, value: int) -> None: ...


class Handled(FastAPIHTTPException):
    pass


class Bare(FastAPIHTTPException):
    """Has no values at all."""

    def __init__(self) -> None:
        Exception.__init__(self)


class Text(str):
    pass


FIELDS: list[Any] = [
    {}, {"X-One": "1", "x-two": "2"}, {"Content-Length": "3"}, {"content-type": "text/x"},
    {"Set-Cookie": "a=b"}, {"X": "\xe9"}, {"X": "\u20ac"}, {"X": 1}, [("X", "y")], "text",
]
# No server sends these, and each cuts the answer in its own way.
ODD_FIELDS: list[Any] = [{"X Y": "z"}, {"X": "a\r\nb: c"}, {"": "x"}]  # fmt: skip
DETAILS: list[Any] = [
    "text", "", None, "\xe9\u20ac \U0001f600", "\ud800", "quote\" \\ \n \x00 \x7f \u2028", "x" * 70_000, {"a": [1, None, True]},
    [], {}, 0, 1.5, float("nan"), b"bytes", object(), {"_sa": 1}, {1: 2, None: 3}, {(1, 2): 3}, Text("text"), (1, 2), {1},
]  # fmt: skip
STATUSES: list[Any] = [200, 201, 204, 205, 304, 307, 400, 401, 403, 404, 405, 409, 413, 418, 422, 429, 499, 500, 503, 599,
                       HTTPStatus.NOT_FOUND, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED, "404", None]  # fmt: skip
ODD_STATUSES: list[Any] = [600, 999, True, 404.0, 10**20, -1, 100, 1000]
RAISED: list[Any] = [
    *[lambda s=s: FastAPIHTTPException(s, "text") for s in STATUSES],
    *[lambda s=s: HTTPException(s) for s in STATUSES],
    *[lambda s=s: FastAPIHTTPException(s, None, {"X-A": "b"}) for s in STATUSES],
    *[lambda d=d: FastAPIHTTPException(404, d) for d in DETAILS],
    *[lambda d=d: HTTPException(404, d, {"X-A": "b"}) for d in DETAILS],
    *[lambda f=f: FastAPIHTTPException(401, "text", f) for f in FIELDS],
    Teapot, lambda: Computed(404), lambda: Handled(404, "handled"), Bare,
    lambda: FastAPIHTTPException(406), lambda: ValueError("text"), lambda: RequestValidationError([]),
    lambda: RequestValidationError([{"loc": ("a", 1), "msg": "text", "input": {1, 2}}], body="b"),
    lambda: RequestValidationError([{"input": object()}]), lambda: KeyError("text"), lambda: ExceptionGroup("group", [FastAPIHTTPException(404)]),
    lambda: StopIteration(), lambda: asyncio.TimeoutError(),
]  # fmt: skip
COMPARED = len(RAISED)
RAISED += [lambda s=s: FastAPIHTTPException(s, "text") for s in ODD_STATUSES]
RAISED += [lambda s=s: HTTPException(s, headers={"X-A": "b"}) for s in ODD_STATUSES]
RAISED += [lambda f=f: FastAPIHTTPException(401, "text", f) for f in ODD_FIELDS]
reused = FastAPIHTTPException(404, "reused")
app = FastAPI()


@app.exception_handler(Handled)
async def handled(_request: Request, exc: Handled) -> JSONResponse:
    return JSONResponse({"handled": exc.detail}, 404)


@app.exception_handler(406)
async def not_acceptable(_request: Request, _exc: Any) -> JSONResponse:
    return JSONResponse({"handled": 406}, 406)


N = Annotated[int, Query()]


def fail(n: int) -> None:
    raise RAISED[n]()


@app.get("/async")
async def async_endpoint(n: N) -> None:
    fail(n)


@app.get("/plain")
def plain_endpoint(n: N) -> None:
    fail(n)


@app.get("/task")
async def task_endpoint(n: N) -> None:
    await asyncio.sleep(0)
    fail(n)


async def async_dependency(n: N) -> None:
    fail(n)


def plain_dependency(n: N) -> None:
    fail(n)


async def nested(_: Annotated[None, Depends(plain_dependency)]) -> None: ...


@app.get("/async-dependency", dependencies=[Depends(async_dependency)])
async def async_dependant() -> None: ...


@app.get("/plain-dependency")
def plain_dependant(_: Annotated[None, Depends(plain_dependency)]) -> None: ...


@app.get("/nested")
async def nested_dependant(_: Annotated[None, Depends(nested)]) -> None: ...


@app.get("/injected")
async def injected(n: N, response: Response, request: Request, tasks: BackgroundTasks) -> None:
    response.headers["x-lost"] = "yes"
    tasks.add_task(fail, n)
    fail(n)


@app.get("/plain-injected")
def plain_injected(n: N, response: Response, request: Request) -> None:
    response.status_code = 201
    fail(n)


@app.get("/validator")
async def validator(n: Annotated[int, AfterValidator(fail)]) -> None: ...


@app.get("/plain-validator")
def plain_validator(n: Annotated[int, AfterValidator(fail)]) -> None: ...


class Checked(BaseModel):
    n: int

    @field_validator("n")
    @classmethod
    def check(cls, value: int) -> int:
        fail(value)
        return value


@app.post("/model")
async def model(item: Checked) -> None: ...


@app.get("/started")
async def started(n: N, request: Request) -> None:
    """The answer has begun, or is complete."""
    send = request._send
    await send({"type": "http.response.start", "status": 202, "headers": []})
    if n % 2:
        await send({"type": "http.response.body", "body": b"sent", "more_body": n % 4 == 3})
    fail(n)


@app.get("/stacks")
async def stacks(n: N, request: Request) -> None:
    request.scope["fastapi_inner_astack"].callback(closed.append, n)
    fail(n)


@app.get("/plain-stacks")
def plain_stacks(n: N, request: Request) -> None:
    request.scope["fastapi_function_astack"].callback(closed.append, n)
    fail(n)


closed: list[int] = []


@app.get("/closed")
async def get_closed() -> list[int]:
    found = closed.copy()
    closed.clear()
    return found


@app.get("/reused")
async def raise_reused() -> None:
    raise reused


@app.get("/traceback")
async def traceback() -> Any:
    return [reused.__traceback__ is None, reused.__context__ is None]


PATHS = ["/async", "/plain", "/task", "/async-dependency", "/plain-dependency", "/nested", "/injected", "/plain-injected",
         "/validator", "/plain-validator", "/model", "/stacks", "/plain-stacks"]  # fmt: skip
