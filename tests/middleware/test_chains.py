"""Layers around layers: an answer that one of them gives passes those around it, and what
the plan leaves to the application's own stack passes Starlette's."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from both import Ask, Served, application, assert_native, compare, run
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

LAYERS: list[tuple[type, dict[str, Any]]] = [
    (CORSMiddleware, {"allow_origins": ["*"], "expose_headers": ["X-A"]}),
    (CORSMiddleware, {"allow_origins": ["https://a.example"], "allow_credentials": True}),
    (TrustedHostMiddleware, {"allowed_hosts": ["www.a.example", "*.test"]}),
    (HTTPSRedirectMiddleware, {}),
]
ORIGIN = ("Origin", "https://a.example")
PREFLIGHT = (ORIGIN, ("Access-Control-Request-Method", "GET"))
ASKS = [
    Ask(method, target, (("Host", host), *more))
    for method, target in [
        ("GET", "/"), ("GET", "/thread"), ("GET", "/twice"), ("GET", "/varies"), ("GET", "/refused"),
        ("GET", "/none"), ("OPTIONS", "/"), ("DELETE", "/"), ("GET", "/request"),
    ]
    for host in ("b.test", "a.example", "bad host?", "c.example")
    for more in ((), (ORIGIN,), PREFLIGHT)
]  # fmt: skip


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4), 3)), ids=str)
def test_every_order_answers_as_starlette(order: tuple[int, ...], scheme: str) -> None:
    some = random.Random(str(order)).sample(ASKS, 50)
    compare([LAYERS[number] for number in order], some, scheme=scheme)


@pytest.mark.parametrize("mode", ["none", "asgi"])
def test_an_answer_of_a_layer_does_not_wait_for_content(mode: str) -> None:
    app = application([(TrustedHostMiddleware, {"allowed_hosts": ["b.test"]})])
    fields = (("Host", "a.example"), ("Content-Length", "7"), ("Expect", "100-continue"))

    async def main() -> None:
        served = Served(app, mode)
        answer = await served.ask(Ask("POST", "/content", fields))
        assert answer.startswith(b"HTTP/1.1 400 ")
        if mode == "none":
            assert_native(app)

    run(main)


def test_an_answer_of_a_layer_is_complete_before_the_next_request() -> None:
    """Pipelined: answered by a layer, by a plan, by the application."""
    app = application([LAYERS[0], (TrustedHostMiddleware, {"allowed_hosts": ["b.test"]})])
    targets = [("bad", "/"), ("b.test", "/"), ("b.test", "/none"), ("bad", "/none"), ("b.test", "/")]

    async def main() -> None:
        served = Served(app, "none")
        asks = [Ask("GET", target, (("Host", host), ORIGIN)) for host, target in targets]
        first = await served.ask(asks[0])
        assert served.conn is not None
        served.conn.feed(b"".join(ask.encode() for ask in asks[1:]))
        statuses = [first[9:12]]
        while len(statuses) < len(asks):
            while served.data.count(b"HTTP/1.1 ") < len(asks) - 1:
                await served._more()
            statuses = [first[9:12], *(part[:3] for part in served.data.split(b"HTTP/1.1 ")[1:])]
        assert statuses == [b"400", b"200", b"404", b"400", b"200"]
        assert served.data.count(b"access-control-allow-origin: *\r\n") == 4

    run(main)
