"""An application whose user code counts what it does. Counting makes no object, so that it
cannot fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware

HERE = Path(__file__)


class Ledger:
    """How often: a dependency was entered and left, a function ran."""

    def __init__(self) -> None:
        names = ("late", "early", "plain late", "plain early")
        self.entered = dict.fromkeys(names, 0)
        self.left = dict.fromkeys(names, 0)
        self.ran = dict.fromkeys(("endpoint", "task 0", "task 1", "layer 0", "layer 1", "layer 2"), 0)

    def clear(self) -> None:
        for counts in (self.entered, self.left, self.ran):
            for name in counts:
                counts[name] = 0

    @property
    def balanced(self) -> bool:
        return self.entered == self.left

    def faults(self) -> list[str]:
        found = [f"{n} was entered {self.entered[n]} times, left {self.left[n]} times"
                 for n in self.entered if self.entered[n] != self.left[n] or self.entered[n] > 1]
        return found + [f"{n} ran {times} times" for n, times in self.ran.items() if times > 1]


class Layer:
    """A middleware without BaseHTTPMiddleware."""

    def __init__(self, app: Any, ledger: Ledger, name: str) -> None:
        self.app, self.ledger, self.name = app, ledger, name

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self.ledger.ran[self.name] += 1
        await self.app(scope, receive, send)


class SendingLayer(Layer):
    """One with a `send` of its own, which waits."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def waiting_send(message: Any) -> None:
            await asyncio.sleep(0)
            await send(message)

        await super().__call__(scope, receive, waiting_send)


class ReceivingLayer(Layer):
    """One with a `receive` of its own."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def waiting_receive() -> Any:
            await asyncio.sleep(0)
            return await receive()

        await super().__call__(scope, waiting_receive, send)


class Dispatch(BaseHTTPMiddleware):
    def __init__(self, app: Any, ledger: Ledger, name: str) -> None:
        super().__init__(app)
        self.ledger, self.name = ledger, name

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        self.ledger.ran[self.name] += 1
        response: Response = await call_next(request)
        response.headers["x-dispatched"] = self.name
        return response


LAYERS = {"asgi": Layer, "sends": SendingLayer, "receives": ReceivingLayer, "dispatch": Dispatch}
STACKS = (
    "", "asgi", "sends", "receives", "dispatch", "native", "dispatch asgi", "sends dispatch",
    "dispatch dispatch", "native dispatch", "dispatch native", "native sends native", "dispatch native asgi",
)  # fmt: skip


class Item(BaseModel):
    name: str
    price: float = 1.5


class Raised(Exception):
    pass


def dependencies(ledger: Ledger) -> dict[str, Any]:
    entered, left = ledger.entered, ledger.left

    def waits(name: str) -> Any:
        async def opened() -> AsyncIterator[str]:
            await asyncio.sleep(0)
            entered[name] += 1
            try:
                yield name
            finally:
                left[name] += 1
                await asyncio.sleep(0)

        return opened

    def plain(name: str) -> Any:
        def opened() -> Iterator[str]:
            entered[name] += 1
            try:
                yield name
            finally:
                left[name] += 1

        return opened

    return {
        "both": [Depends(waits("late")), Depends(waits("early"), scope="function")],
        "plain": [Depends(plain("plain late")), Depends(plain("plain early"), scope="function")],
    }


def make(ledger: Ledger, stack: str) -> FastAPI:
    """``stack``: its layers, the outermost first."""
    app = FastAPI()
    for number, kind in reversed(list(enumerate(stack.split()))):
        if kind == "native":
            app.add_middleware(CORSMiddleware, allow_origins=["https://a.example"])
            app.add_middleware(GZipMiddleware, minimum_size=200)
            app.add_middleware(SessionMiddleware, secret_key="secret")
        else:
            app.add_middleware(LAYERS[kind], ledger=ledger, name=f"layer {number}")
    routes(app, ledger)
    inner = FastAPI()
    routes(inner, ledger)
    app.mount("/inner", inner)
    guarded = FastAPI()
    guarded.add_middleware(Dispatch, ledger=Ledger(), name="layer 0")
    routes(guarded, ledger)
    app.mount("/guarded", guarded)
    return app


async def answered(_request: Request, exc: Raised) -> Response:
    return Response(str(exc), 418)


def routes(app: FastAPI, ledger: Ledger) -> None:
    ran = ledger.ran
    both = dependencies(ledger)["both"]
    plainly = dependencies(ledger)["plain"]
    app.add_exception_handler(Raised, answered)  # type: ignore[arg-type]
    app.mount("/files", StaticFiles(directory=HERE.parent))

    @app.get("/plain", dependencies=both)
    async def plain() -> dict[str, str]:
        ran["endpoint"] += 1
        await asyncio.sleep(0)
        return {"plain": "plain"}

    @app.get("/threads", dependencies=plainly)
    def threads(tasks: BackgroundTasks) -> str:
        ran["endpoint"] += 1
        tasks.add_task(task_1)
        return "threads"

    @app.get("/mixed", dependencies=[*both, *plainly])
    async def mixed() -> str:
        ran["endpoint"] += 1
        return "mixed"

    @app.get("/nothing")
    async def nothing() -> str:
        ran["endpoint"] += 1
        return "nothing"

    @app.get("/raises", dependencies=both)
    async def raises() -> None:
        ran["endpoint"] += 1
        raise HTTPException(409, "no")

    @app.get("/handled", dependencies=plainly)
    def handled() -> None:
        ran["endpoint"] += 1
        raise Raised("handled")

    @app.get("/unhandled", dependencies=both)
    async def unhandled() -> None:
        ran["endpoint"] += 1
        raise ValueError("unhandled")

    async def task_0() -> None:
        ran["task 0"] += 1
        await asyncio.sleep(0)

    def task_1() -> None:
        ran["task 1"] += 1

    @app.get("/background", dependencies=both)
    async def background(tasks: BackgroundTasks) -> str:
        ran["endpoint"] += 1
        tasks.add_task(task_0)
        tasks.add_task(task_1)
        return "background"

    @app.get("/stream", dependencies=both)
    async def stream() -> StreamingResponse:
        ran["endpoint"] += 1

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(3):
                await asyncio.sleep(0)
                yield b"piece" * 100

        return StreamingResponse(pieces())

    @app.get("/lines", dependencies=both)
    async def lines() -> AsyncIterator[Any]:
        ran["endpoint"] += 1
        for n in range(3):
            await asyncio.sleep(0)
            yield [n]

    @app.get("/file", dependencies=both)
    async def file() -> FileResponse:
        ran["endpoint"] += 1
        return FileResponse(HERE)

    @app.post("/form", dependencies=both)
    async def form(name: Annotated[str, Form()], n: Annotated[int, Form()]) -> list[Any]:
        ran["endpoint"] += 1
        return [name, n]

    @app.post("/upload", dependencies=both)
    async def upload(file: UploadFile, small: Annotated[bytes, File()]) -> list[int]:
        ran["endpoint"] += 1
        return [len(await file.read()), len(small)]

    @app.post("/item", dependencies=both)
    async def item(item: Item) -> Item:
        ran["endpoint"] += 1
        return item

    @app.get("/session", dependencies=both)
    async def session(request: Request, response: Response) -> str:
        ran["endpoint"] += 1
        response.headers["x-own"] = "yes"
        if "session" in request.scope:
            request.session["n"] = request.session.get("n", 0) + 1
        return request.url.path

    @app.get("/big")
    async def big() -> list[str]:
        ran["endpoint"] += 1
        return ["text " * 20] * 800


def request(method: str, target: str, *fields: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a.example", "Connection: close",
             "Accept-Encoding: gzip", "Origin: https://a.example", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def part(name: str, content: bytes, filename: str = "f") -> bytes:
    return (b"--b\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n\r\n%s\r\n"
            % (name.encode(), filename.encode(), content))  # fmt: skip


FORM = "Content-Type: application/x-www-form-urlencoded"
UPLOAD = "Content-Type: multipart/form-data; boundary=b"
JSON = "Content-Type: application/json"
PARTS = part("file", b"x" * 3000) + part("small", b"tiny") + b"--b--\r\n"
ARRIVES = part("small", b"tiny") + part("file", b"y" * 1_200_000) + b"--b--\r\n"
KINDS = {
    **{name: request("GET", f"/{name}") for name in (
        "plain", "threads", "mixed", "nothing", "raises", "handled", "unhandled", "background",
        "stream", "lines", "file", "session", "big")},
    "cookie": request("GET", "/session", "Cookie: session=e30=.x.y"),
    "head": request("HEAD", "/file"),
    "mounted file": request("GET", f"/files/{HERE.name}"),
    "no mounted file": request("GET", "/files/none"),
    "form": request("POST", "/form", FORM, body=b"name=a+b&n=3"),
    "invalid": request("POST", "/form", FORM, body=b"name=a+b&n=x"),
    "upload": request("POST", "/upload", UPLOAD, body=PARTS),
    "arriving": request("POST", "/upload", UPLOAD, body=ARRIVES),
    "item": request("POST", "/item", JSON, body=b'{"name": "chair", "price": 12.5}'),
    "broken": request("POST", "/item", JSON, body=b'{"name": '),
    "missing": request("GET", "/nowhere"),
    "method": request("DELETE", "/plain"),
    "slash": request("GET", "/plain/"),
    "preflight": request("OPTIONS", "/plain", "Access-Control-Request-Method: GET"),
    "inner": request("GET", "/inner/plain"),
    "inner stream": request("GET", "/inner/stream"),
    "inner missing": request("GET", "/inner/nowhere"),
    "guarded": request("GET", "/guarded/plain"),
    "guarded raises": request("GET", "/guarded/unhandled"),
    "guarded missing": request("GET", "/guarded/nowhere"),
    "guarded file": request("GET", f"/guarded/files/{HERE.name}"),
}  # fmt: skip
