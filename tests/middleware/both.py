"""One application twice in memory: behind native layers, and behind Starlette's own."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import itertools
import os
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import PlainTextResponse

from fastrapi.loop import EventLoop
from fastrapi.serving import serving_of
from fastrapi.testclient import MemoryConnection

Setup = Sequence[tuple[type, dict[str, Any]]]  # classes and options, outermost first
SHOWN = 3


@dataclass(frozen=True)
class Ask:
    """One request: `fields` exactly as sent, the Host among them."""

    method: str = "GET"
    target: str = "/"
    fields: tuple[tuple[str, str], ...] = (("Host", "a.example"),)
    body: bytes = b""

    def encode(self) -> bytes:
        fields = list(self.fields)
        if self.body:
            fields.append(("Content-Length", str(len(self.body))))
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{n}: {v}" for n, v in fields)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


async def opened() -> AsyncIterator[int]:
    """A dependency that is left after the answer."""
    yield 1


def application(setup: Setup) -> FastAPI:
    """Routes that leave their answers' fields to the layers, or have some of these
    already."""
    app = FastAPI(openapi_url=None)

    @app.get("/")
    async def plain() -> Any:
        return {"a": 1}

    @app.get("/thread")
    def thread() -> Any:
        return {"a": 1}

    @app.post("/content")
    async def content(value: dict[str, int]) -> Any:
        return value

    @app.get("/varies")
    async def varies(response: Response) -> Any:
        response.headers["Vary"] = "Accept"
        response.headers["Access-Control-Allow-Origin"] = "https://own.example"
        return {"a": 1}

    @app.get("/twice")
    async def twice() -> Response:
        response = PlainTextResponse("twice")
        for value in ("Accept", "", "Cookie"):
            response.headers.append("Vary", value)
        for value in ("https://one.example", "https://two.example"):
            response.headers.append("Access-Control-Allow-Origin", value)
        response.headers.append("Access-Control-Allow-Credentials", "no")
        response.headers.append("X-Last", "1")
        return response

    @app.get("/refused")
    async def refused() -> Any:
        raise HTTPException(418, headers={"Vary": "Teapot"})

    @app.get("/yield")
    async def yields(value: Annotated[int, Depends(opened)]) -> Any:
        return value

    @app.get("/yield_fails")
    def yield_fails(value: Annotated[int, Depends(opened)]) -> Any:
        raise HTTPException(409, headers={"Vary": "Time"})

    @app.get("/request")
    async def request(request: Request) -> Any:
        return str(request.url)

    for cls, options in reversed(setup):
        app.add_middleware(cls, **known(cls, options))  # type: ignore[arg-type]
    return app


def known(cls: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Those options that the installed version of a class or function has."""
    names = inspect.signature(cls).parameters
    return {name: value for name, value in options.items() if name in names}


def unpacked(lines: list[bytes], body: bytes) -> tuple[list[bytes], bytes]:
    """The content of a gzip answer, which may be packed in another way, and the length
    that its fields should say of it."""
    known = {b"content-length: %d" % len(body): b"content-length: packed"}
    lines = [known.get(line, line) for line in lines]
    return lines, gzip.decompress(body) if body else b""


class Served:
    """One application on connections of its own. `flags` are variables of the environment."""

    def __init__(
        self, app: Any, mode: str, flags: dict[str, str] | None = None, **client: Any
    ) -> None:
        flags = {"FASTRD_FORCE": mode, **(flags or {})}
        os.environ.update(flags)
        self.serving = serving_of(app)
        for name in flags:
            del os.environ[name]
        self.app = app
        self.client = client
        self.conn: MemoryConnection | None = None
        self.conns: list[MemoryConnection] = []
        self.data = b""

    async def ask(self, ask: Ask) -> bytes:
        """The answer's head, but for the date, and its content."""
        if self.conn is None:
            self.conn = MemoryConnection(self.app, **self.client)
            self.conns.append(self.conn)
            self.data = b""
        self.conn.feed(ask.encode())
        while b"\r\n\r\n" not in self.data:
            await self._more()
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"date: ")]
        lengths = [int(line[16:]) for line in lines if line.startswith(b"content-length: ")]
        if b"transfer-encoding: chunked" in lines and ask.method != "HEAD":
            body = await self._chunks()
        else:
            body = await self._take(lengths[0] if lengths and ask.method != "HEAD" else 0)
        if b"content-encoding: gzip" in lines:
            lines, body = unpacked(lines, body)
        if b"connection: close" in lines:
            self.conn = None
        return b"\r\n".join([*lines, b"", body])

    async def _take(self, size: int) -> bytes:
        while len(self.data) < size:
            await self._more()
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self.data:
                await self._more()
            size, _, self.data = self.data.partition(b"\r\n")
            body += await self._take(int(size, 16))
            assert await self._take(2) == b"\r\n"
            if int(size, 16) == 0:
                return body

    async def _more(self) -> None:
        assert self.conn is not None
        data = await self.conn.read()
        assert data, f"the connection ended after {self.data!r}"
        self.data += data

    @property
    def asgi(self) -> int:
        return sum(conn.asgi for conn in self.conns)


def run(main: Callable[[], Any]) -> None:
    """Run the coroutine function on fastrapi's loop."""
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())


def assert_native(app: FastAPI) -> None:
    from fastrapi.compile.layers import is_direct, layers_of

    layers = layers_of(app)
    assert layers and is_direct(app, layers), [(layer.name, layer.reason) for layer in layers]


def compare(
    setup: Setup,
    asks: Iterable[Ask],
    make: Callable[[Setup], FastAPI] = application,
    **client: Any,
) -> int:
    """Ask both the same; fail with the first few differences. The number of requests that
    C has not answered alone."""
    native, reference = make(setup), make(setup)
    asked = 0
    reports: list[str] = []
    left = 0

    async def main() -> None:
        nonlocal asked, left
        one, two = Served(native, "none", **client), Served(reference, "asgi", **client)
        for ask in asks:
            asked += 1
            got, wanted = await one.ask(ask), await two.ask(ask)
            if got != wanted:
                reports.append(f"{ask}\n  starlette {wanted!r}\n  native    {got!r}")
        assert_native(native)
        assert serving_of(reference).engine.compiled == 0
        left = one.asgi

    run(main)
    assert asked
    assert not reports, f"{setup}: {len(reports)} of {asked} differ\n" + "\n".join(reports[:SHOWN])
    return left


def sample(seed: int, count: int, **options: Sequence[Any]) -> list[dict[str, Any]]:
    """`count` combinations of option values; each value is among them. _ABSENT leaves an
    option out."""
    rng = random.Random(seed)
    found = [{name: rng.choice(values) for name, values in options.items()} for _ in range(count)]
    for number, (name, value) in enumerate(
        itertools.chain.from_iterable([(n, v) for v in vs] for n, vs in options.items())
    ):
        found[number % count][name] = value
    return [{n: v for n, v in one.items() if v is not ABSENT} for one in found]


ABSENT = object()
