"""Host routes keep no other route from compiling, and take what Starlette would give them."""

from __future__ import annotations

from typing import Any

import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI, bare, explained, listed
from fastapi import APIRouter, FastAPI
from starlette.routing import Host
from test_mounts import LAYERS
from wire import Request

from fastrapi.compile.hosts import hosted

PATTERNS = ("api.test", "{sub}.wild.test", "[::1]", "ported.test:8000", "{whole}.{part}.two.test", "UPPER.test", "{n:int}.number.test")
HOSTS = (
    "api.test", "API.Test", "api.test:80", "xapi.test", "api.test.evil", "api", "a.wild.test", "a.b.wild.test", ".wild.test", "wild.test",
    "a.wild.test:81", "a.wild.testing", "[::1]", "[::1]:80", "[::2]", "ported.test", "ported.test:8000", "a.b.two.test", "a.two.test", "upper.test",
    "7.number.test", "x.number.test", "parity.test", "", "api.test,x", "inner.test", "included.test", "a/b.wild.test",
)  # fmt: skip


def told(name: str) -> Any:
    async def endpoint() -> str:
        return name

    return endpoint


def make() -> FastAPI:
    app, router, mounted = bare(), APIRouter(), bare()
    app.get("/before")(told("before"))
    for pattern in PATTERNS:
        inner = bare()
        for path in ("/before", "/after", f"/{len(pattern)}"):
            inner.get(path)(told(f"{pattern} {path}"))
        app.host(pattern, inner)
    router.routes.append(Host("included.test", mounted))
    router.get("/after/{n}")(told("included"))
    mounted.get("/after")(told("mounted"))
    mounted.routes.append(Host("inner.test", bare()))
    mounted.get("/late")(told("late"))
    app.include_router(router, prefix="/r")
    app.mount("/m", mounted)
    app.get("/after")(told("after"))
    app.get("/slash/")(told("slash"))
    return app


async def answers(mode: str, layers: str) -> list[tuple[str, str, Answer]]:
    found = []
    with forced(mode):
        app = make()
        LAYERS[layers](app)
        for host in HOSTS:
            for path in ("/before", "/after", "/8", "/r/after/3", "/r/before", "/m/after", "/m/late", "/slash", "/nowhere"):
                found.append((host, path, await ask(app, Request("GET", path, (("Host", host),)))))
        found += [("", path, await ask(app, Request("POST", path, (("Host", "api.test"),)))) for path in ("/before", "/after")]
    return found


@pytest.mark.parametrize("layers", LAYERS)
def test_answers_are_those_of_starlette(layers: str) -> None:
    async def main() -> None:
        there, here = await answers("asgi", layers), await answers("none", layers)
        different = [pair for pair in zip(there, here, strict=True) if pair[0] != pair[1]]
        assert not different, f"{len(different)}: {different[:3]}"
        plans = {(host, path) for host, path, answer in here if answer.compiled and answer.data[9:10] == b"2"}
        assert {("api.test", "/before"), ("parity.test", "/before")} <= plans
        if FASTAPI >= (0, 165):
            assert {("parity.test", path) for path in ("/after", "/r/after/3", "/m/after", "/m/late")} <= plans
        assert not plans & {(host, "/after") for host in ("api.test", "API.Test", "a.wild.test", "[::1]", "upper.test")}

    run(main)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_tells_a_host_never_misses_one(pattern: str) -> None:
    """``first`` counts, too: a route declared before is never given up."""
    regex = Host(pattern, bare()).host_regex
    found = hosted(pattern, 3)
    for host in HOSTS:
        scope = {"headers": [(b"host", host.encode())]}
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if regex.match(name):
            assert found.claims(3, scope)
        assert not found.claims(2, scope)


def test_a_changed_host_counts() -> None:
    async def main() -> None:
        app = bare()
        app.host("a.test", inner := bare())
        inner.get("/x")(told("host"))
        app.get("/x")(told("plan"))
        asked = Request("GET", "/x", (("Host", "b.test"),))
        assert (await ask(app, asked)).data.endswith(b'"plan"')
        route: Any = app.router.routes[0]
        route.host_regex = Host("b.test", inner).host_regex
        assert (await ask(app, asked)).data.endswith(b'"host"')

    run(main)


def test_routes_and_explain_name_it() -> None:
    app = bare()
    app.host("a.test", bare())
    app.get("/x")(told("plan"))
    assert listed(app)[:2] == ["GET /x compiled", "* //a.test asgi: Host route"]
    assert explained(app, "GET", "/x")[1] == "unless its host may be a.test: asgi: Host route"
