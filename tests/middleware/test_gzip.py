"""GZip answers as Starlette's GZipMiddleware, but for how the bytes are packed."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from both import ABSENT, Ask, Setup, application, compare, sample
from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

SETUPS = sample(
    3, 24,
    minimum_size=[ABSENT, 0, 1, 500, 501, 100_000, -1],
    compresslevel=[ABSENT, 0, 1, 6, 9, -1],
    thread_minimum_size=[ABSENT, 0, 600, 1 << 40],
    exclude_content_types=[
        ABSENT, (), ("text/plain",), ("Application/JSON; x", "text/*"), ["*/*"], ("/*", "foo/*"),
    ],
)  # fmt: skip
SIZES = [0, 1, 499, 500, 501, 20_000, 131_071, 131_072]
TYPES = [
    "text/plain", "Text/Plain; charset=utf-8", "application/json", "image/png", "audio/x", "", "foo",
    " video/y ;a", "application/grpc", "application/grpc+proto", "text/event-stream",
]  # fmt: skip
ACCEPTS: list[tuple[tuple[str, str], ...]] = [
    (), (("Accept-Encoding", "gzip"),), (("Accept-Encoding", "br, x-gzip;q=0"),),
    (("Accept-Encoding", "GZIP"),), (("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")),
]  # fmt: skip


class Page(BaseModel):
    items: list[dict[str, int]]


def sized(setup: Setup) -> FastAPI:
    """Answers of any size and type."""
    app = application(setup)

    @app.get("/sized/{size}")
    async def by_size(size: int, media: str = "text/plain", status: int = 200) -> Response:
        headers = {"content-type": media, "vary": "Cookie"}
        return Response(b"abc" * (size // 3) + b"x" * (size % 3), status, headers)

    @app.get("/json/{size}")
    async def json(size: int) -> Any:
        return [{"n": n} for n in range(size)]

    @app.get("/model/{size}")
    def model(size: int) -> Page:
        return Page(items=[{"n": n} for n in range(size)])

    @app.get("/encoded")
    async def encoded() -> Response:
        return PlainTextResponse("x" * 900, headers={"Content-Encoding": "br"})

    @app.get("/failed/{size}")
    async def failed(size: int) -> Any:
        raise HTTPException(400, "y" * size)

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(5):
                yield b"piece %d " % number * 200

        return StreamingResponse(pieces(), media_type="text/plain")

    return app


def asks(seed: int) -> list[Ask]:
    rng = random.Random(seed)
    targets = [f"/sized/{size}?media={media}" for size in SIZES for media in TYPES]
    targets = [target.replace(" ", "%20").replace("+", "%2B") for target in targets]
    targets = rng.sample(targets, 30)
    targets += ["/sized/900?status=206", "/encoded", "/stream", "/", "/none", "/twice", "/yield"]
    targets += [f"/{kind}/{size}" for kind in ("json", "model", "failed") for size in (0, 60, 20_000)]
    some = [
        Ask("GET", target, (("Host", "a.example"), *accept))
        for target, accept in itertools.product(targets, ACCEPTS)
    ]
    return rng.sample(some, 110)


@pytest.mark.parametrize("number", range(len(SETUPS)))
def test_every_answer_is_starlettes(number: int) -> None:
    compare([(GZipMiddleware, SETUPS[number])], asks(number), sized)


LAYERS: list[tuple[type, dict[str, Any]]] = [
    (GZipMiddleware, {"minimum_size": 1}),
    (CORSMiddleware, {"allow_origins": ["https://a.example"]}),
    (TrustedHostMiddleware, {"allowed_hosts": ["a.example"]}),
    (GZipMiddleware, {"minimum_size": 600, "thread_minimum_size": 2000}),
]
ORIGIN = ("Origin", "https://a.example")


@pytest.mark.parametrize("order", list(itertools.permutations(range(4), 3)), ids=str)
def test_every_order_answers_as_starlette(order: tuple[int, ...]) -> None:
    fields = [(("Host", host), ORIGIN) for host in ("a.example", "b.example")]
    targets = ["/sized/900", "/sized/9000", "/json/60", "/none", "/failed/9", "/stream", "/encoded"]
    some = [
        Ask(method, target, (*base, *accept))
        for method, target in [*(("GET", target) for target in targets), ("OPTIONS", "/")]
        for base in fields
        for accept in ACCEPTS[:2]
    ]
    compare([LAYERS[number] for number in order], some, sized)


def test_plans_run_alone_behind_it() -> None:
    targets = [f"/{kind}/{size}" for kind in ("sized", "json", "model") for size in (0, 60, 9000)]
    some = [
        Ask("GET", target, (("Host", "a.example"), *accept))
        for target, accept in itertools.product(targets, ACCEPTS)
    ]
    assert compare([(GZipMiddleware, {"minimum_size": 100})], some, sized) == 0
