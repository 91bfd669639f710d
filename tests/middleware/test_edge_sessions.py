"""Sessions that settings put around any application answer as Starlette's class around it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import itsdangerous
import pytest
from both import ABSENT, Ask, Served, known, run, sample
from fastapi import FastAPI, Request
from served_app import SETUPS as STACKS
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
from test_edge import answer_alike
from test_session import TARGETS, USES, cookies, sessions, time_stands

from fastrapi import _engine
from fastrapi.compile import edge
from fastrapi.serving import serving_of

SECRET, OLDER = "a secret of some length", "an older secret, as long"
SAMPLES = sample(
    7, 12,
    session_cookie=[ABSENT, "s", "my.session"],
    session_max_age=[ABSENT, "0", "10"],
    session_path=[ABSENT, "/a"],
    session_same_site=[ABSENT, "strict", "lax"],
    session_https_only=[ABSENT, "1"],
    session_domain=[ABSENT, "a.example"],
    gzip=[ABSENT, "1"],
)  # fmt: skip


class Plain:
    """Answers in pieces what it has made of the session."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        name, _, rest = scope["path"].strip("/").partition("/")
        if name == "use":
            list(USES.values())[int(rest.partition("/")[0])](scope)
        elif name.startswith("set"):
            scope["session"]["a"] = name
        elif name == "clear":
            scope["session"].clear()
        elif name == "session":
            repr(scope["session"]["user"] if "user" in scope["session"] else None)
        await send({"type": "http.response.start", "status": 200})
        for body in (b"a", b"b" * 2000):
            await send({"type": "http.response.body", "body": body, "more_body": True})
        scope["session"]["late"] = True  # too late
        await send({"type": "http.response.body"})


async def starlette_set(request: Request) -> Any:
    request.session["a"] = 1
    return JSONResponse(dict(request.session))


async def starlette_stream(request: Request) -> Any:
    request.session.pop("user", None)
    return StreamingResponse(iter([b"a", b"b"]))


def starlette() -> Starlette:
    return Starlette(routes=[Route("/set", starlette_set), Route("/streamed", starlette_stream)])


def among() -> FastAPI:
    return sessions([STACKS["among"][number] for number in (2, 4, 5)])  # type: ignore[misc]


def nested() -> FastAPI:
    """What is mounted has sessions of its own."""
    outer = sessions(())
    inner = sessions([(SessionMiddleware, {"secret_key": "secret", "session_cookie": "inner"})])
    outer.mount("/inner", inner)
    return outer


KINDS: dict[str, Callable[[], Any]] = {
    "compiled": lambda: sessions(()), "native": lambda: sessions([(GZipMiddleware, {"minimum_size": 1})]),
    "among": among, "plain": Plain, "starlette": starlette, "nested": nested,
}  # fmt: skip


def around(app: Any, flags: dict[str, str]) -> Any:
    get = flags.get
    options = {
        "session_cookie": get("session_cookie", "session"), "max_age": int(get("session_max_age", "1209600")) or None,
        "path": get("session_path", "/"), "same_site": get("session_same_site", "lax"),
        "https_only": "session_https_only" in flags, "domain": get("session_domain"),
    }  # fmt: skip
    app = SessionMiddleware(app, secret_key=SECRET, **known(SessionMiddleware, options))  # type: ignore[arg-type]
    return GZipMiddleware(app) if "gzip" in flags else app


def compare(kind: str, flags: dict[str, str], asks: list[Ask], mode: str = "none") -> Served:
    variables = {f"FASTRD_{name.upper()}": value for name, value in flags.items()}
    one = Served(KINDS[kind](), mode, {**variables, "FASTRD_SESSION_SECRET": SECRET})
    two = Served(around(KINDS[kind](), flags), "asgi")
    answer_alike(one, two, asks, f"{kind} {flags}")
    return one


def get(target: str, cookie: str | None = None, *fields: tuple[str, str]) -> Ask:
    return Ask("GET", target, (("Host", "a.example"), *((("Cookie", cookie),) if cookie else ()), *fields))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    time_stands(monkeypatch)
    caplog.set_level("CRITICAL")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_every_answer_is_starlettes(number: int, kind: str) -> None:
    flags = SAMPLES[number]
    more = ["/inner/set?key=a", "/inner/session", "/inner/clear"] if kind == "nested" else []
    asks = [
        get(target, cookie, *fields)
        for target, cookie, fields in itertools.product(
            [*TARGETS, *more], cookies(flags.get("session_cookie", "session"), SECRET),
            [(), (("Accept-Encoding", "gzip"),)],
        )
    ]  # fmt: skip
    compare(kind, flags, random.Random(number).sample(asks, 70), "asgi" if number % 4 == 3 else "none")


@pytest.mark.parametrize("kind", ["compiled", "native", "among", "plain"])
@pytest.mark.parametrize("end", ["return", "refuse", "raise"])
def test_whatever_user_code_does_to_it(kind: str, end: str) -> None:
    """Also where a session cannot be written: user code hears of it."""
    asks = [
        get(f"/use/{number}/{end}", cookie)
        for number in range(len(USES))
        for cookie in (None, cookies("session", SECRET)[1])
    ]
    compare(kind, {}, asks)


def test_compiled_routes_stay_compiled() -> None:
    good = cookies("session", SECRET)[1]
    one = compare("compiled", {}, [get(target, good) for target in ("/", "/session", "/set?key=a", "/clear", "/none")])
    assert one.asgi == 0


def test_an_application_with_sessions_of_its_own_keeps_them() -> None:
    setup = [(SessionMiddleware, {"secret_key": "secret"})]
    asks = [get(target, cookie) for target in ("/", "/set?key=a", "/clear") for cookie in cookies("session")]
    one = Served(sessions(setup), "none", {"FASTRD_SESSION_SECRET": SECRET})
    two = Served(sessions(setup), "asgi")

    async def main() -> None:
        for ask in asks:
            assert await one.ask(ask) == await two.ask(ask)

    run(main)


def session_around(app: Any) -> Any:
    return GZipMiddleware(SessionMiddleware(app, secret_key="secret"))


@pytest.mark.parametrize("kind", ["plain", "compiled"])
def test_one_that_stands_around_the_application_is_its_own(kind: str) -> None:
    settings = _engine.settings("alone", {"session_secret": SECRET})
    assert edge.edge_of(session_around(KINDS[kind]()), settings) is None
    assert edge.edge_of(GZipMiddleware(KINDS[kind]()), settings) is not None


@pytest.mark.parametrize("around_it", [False, True])
def test_what_is_mounted_may_not_have_the_same_cookie(around_it: bool) -> None:
    inner, outer = KINDS["compiled"](), KINDS["compiled"]()
    if not around_it:
        inner.add_middleware(SessionMiddleware, secret_key="secret")
    middle = Starlette()
    middle.mount("/b", session_around(inner) if around_it else inner)
    outer.mount("/a", middle)
    with pytest.raises(edge.Refused, match="what is mounted at /a/b has the same cookie"):
        edge.edge_of(GZipMiddleware(outer), _engine.settings("alone", {"session_secret": SECRET}))
    other = {"session_secret": SECRET, "session_cookie": "other"}
    assert edge.edge_of(outer, _engine.settings("alone", other)) is not None


def test_the_first_secret_signs_and_all_are_taken() -> None:
    app = sessions(())
    served = Served(app, "none", {"FASTRD_SESSION_SECRET": f"{SECRET}\n{OLDER}"})

    async def main() -> None:
        for key in (SECRET, OLDER):
            assert b'{"user":7,"a":1}' in await served.ask(get("/set?key=a", cookies("session", key)[1]))
        answer = await served.ask(get("/set?key=a", cookies("session", OLDER)[1]))
        assert b'"user"' not in await served.ask(get("/session", cookies("session", "another one, as long")[1]))
        cookie = answer.partition(b"set-cookie: session=")[2].partition(b";")[0]
        assert itsdangerous.TimestampSigner(SECRET).unsign(cookie)

    run(main)
    assert serving_of(app).engine.compiled == 4


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ({"session_secret": "short"}, "session_secret: want 16 characters or more"),
        ({"session_secret": f"{SECRET}\nshort"}, "session_secret: want 16 characters or more"),
        ({"session_secret": " \n"}, "session_secret: it has no secret"),
        ({"session_secret_file": "/none"}, "--session-secret-file /none: No such file"),
        ({"session_secret_file": "/none", "session_secret": SECRET}, "one of the two is enough"),
        ({"session_domain": "a"}, "--session-domain has no effect without --session-secret-file"),
        ({"session_secret": SECRET, "session_cookie": "a b"}, "'a b' is wrong; want a name"),
        ({"session_secret": SECRET, "session_path": "/;"}, "'/;' is wrong; want a path"),
        ({"session_secret": SECRET, "session_domain": "a;b"}, "'a;b' is wrong; want a host"),
        ({"session_secret": SECRET, "session_same_site": "none"}, "wants --session-https-only"),
    ],
)
def test_what_is_wrong_is_refused_and_no_secret_told(flags: dict[str, str], why: str) -> None:
    with pytest.raises(edge.Refused) as refused:
        edge.declared(_engine.settings("alone", flags))
    assert why in str(refused.value) and "short" not in str(refused.value) and SECRET not in str(refused.value)
