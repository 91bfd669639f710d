"""Behind a native SessionMiddleware every answer is the one behind Starlette's."""

from __future__ import annotations

import base64
import itertools
import json
import random
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Annotated, Any

import itsdangerous.timed
import pytest
from both import ABSENT, Ask, Served, Setup, application, compare, known, run, sample
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.datastructures import Secret
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from fastrapi.compile.layers import layers_of
from fastrapi.serving import serving_of

SETUPS = sample(
    4, 12,
    secret_key=["secret"],
    session_cookie=[ABSENT, "s", "my.session"],
    max_age=[ABSENT, None, 10],
    same_site=[ABSENT, "strict"],
    https_only=[ABSENT, True],
    domain=[ABSENT, "a.example"],
)  # fmt: skip
NOW = 1_700_000_000
TARGETS = [
    "/", "/thread", "/refused", "/none", "/request", "/session", "/set?key=a", "/clear", "/look",
    "/handled", "/set_then_fail", "/yield", "/yield_fails", "/used", "/streamed", "/background", "/left",
    "/left_early", "/set_then_raise",
]  # fmt: skip
# What user code does to its session before it answers.
USES: dict[str, Callable[[Any], object]] = {
    "read": lambda scope: scope["session"].get("user"),
    "set": lambda scope: scope["session"].__setitem__("a", [1, {"b": "\xe9\u20ac"}]),
    "delete": lambda scope: scope["session"].__delitem__("user"),
    "pop": lambda scope: scope["session"].pop("user", None),
    "pop nothing": lambda scope: scope["session"].pop("none", None),
    "popitem": lambda scope: scope["session"] and scope["session"].popitem(),
    "update": lambda scope: scope["session"].update(a=1),
    "update with nothing": lambda scope: scope["session"].update(),
    "setdefault": lambda scope: scope["session"].setdefault("user", 1),
    "|=": lambda scope: scope["session"].__ior__({"b": 1}),
    "clear": lambda scope: scope["session"].clear(),
    "mark": lambda scope: scope["session"].mark_modified(),
    "a value inside": lambda scope: dict.__setitem__(scope["session"], "quiet", 1),
    "a flag of its own": lambda scope: setattr(scope["session"], "modified", [0]),
    "a flag without a truth": lambda scope: setattr(scope["session"], "accessed", Untrue()),
    "no JSON": lambda scope: scope["session"].update(a={1}),
    "a key that is no text": lambda scope: scope["session"].update({1: 2, None: 3}),
    "another session": lambda scope: scope.update(session=type(scope["session"])(new=1)),
    "a dict": lambda scope: scope.update(session={"new": 1}),
    "None": lambda scope: scope.update(session=None),
    "none at all": lambda scope: scope.pop("session"),
    "another class": lambda scope: scope.update(session=Other(scope["session"])),
}


class Own(Exception):
    pass


class Untrue:
    def __bool__(self) -> bool:
        raise Own


class Other(dict[str, Any]):
    accessed = modified = True


async def user_of(request: Request) -> Any:
    request.session.setdefault("dependency", 1)
    return request.session.get("user")


def sessions(setup: Setup) -> FastAPI:
    """Routes that use their session, in each way that Starlette tells apart."""
    app = application(setup)

    @app.get("/session")
    async def session(request: Request) -> Any:
        return dict(request.session)

    @app.get("/set")
    async def set_key(request: Request, key: str) -> Any:
        request.session[key] = 1
        return dict(request.session)

    @app.get("/clear")
    def clear(request: Request) -> Any:
        request.session.clear()
        return None

    @app.get("/look")
    async def look(request: Request) -> Any:
        return sorted(request.scope)

    @app.get("/set_then_fail")
    async def set_then_fail(request: Request) -> Any:
        request.session["failed"] = True
        raise HTTPException(400)

    @app.get("/handled")
    async def handled() -> Any:
        raise Own

    @app.get("/set_then_raise")
    async def set_then_raise(request: Request) -> Any:
        request.session["raised"] = True
        raise Own

    @app.get("/used")
    def used(user: Annotated[Any, Depends(user_of)], request: Request) -> Any:
        return [user, list(request.session), list(request.scope)]

    @app.get("/streamed")
    async def streamed(request: Request) -> Any:
        request.session["streamed"] = 1
        return StreamingResponse(iter([b"a", b"b"]), media_type="text/plain")

    @app.get("/background")
    async def background(request: Request, tasks: BackgroundTasks) -> Any:
        tasks.add_task(request.session.clear)
        request.session["background"] = 1
        return None

    async def leaving(request: Request) -> AsyncIterator[None]:
        request.session["entered"] = 1
        yield
        request.session["left"] = 1

    @app.get("/left", dependencies=[Depends(leaving)])
    async def left() -> Any:
        return None

    async def leaving_early(request: Request) -> AsyncIterator[None]:
        yield
        request.session["left"] = 1

    early = Depends(leaving_early, **known(Depends, {"scope": "function"}))

    @app.get("/left_early", dependencies=[early])
    async def left_early(request: Request) -> Any:
        return None

    @app.get("/use/{number}/{end}")
    async def use(request: Request, number: int, end: str) -> Any:
        list(USES.values())[number](request.scope)
        if end == "raise":
            raise Own
        if end == "refuse":
            raise HTTPException(400)
        return end

    @app.exception_handler(Own)
    async def handle(request: Request, exc: Own) -> JSONResponse:
        request.session["handled"] = True
        return JSONResponse({"handled": True}, 418)

    return app


def time_stands(patch: pytest.MonkeyPatch) -> None:
    """An answer's cookie carries the time at which it was made."""
    patch.setattr(itsdangerous.timed, "time", SimpleNamespace(time=lambda: NOW + 0.9))


def cookies(name: str, key: str = "secret") -> list[str | None]:
    """None; signed and good; changed; of another key; no session's; without a signature."""
    data = base64.b64encode(json.dumps({"user": 7}).encode())
    good = itsdangerous.TimestampSigner(key).sign(data).decode()
    other = itsdangerous.TimestampSigner("other").sign(data).decode()
    broken = itsdangerous.TimestampSigner(key).sign(b"bm8ganNvbg==").decode()
    found = [good, good[:-2] + "xx", other, broken, "", "null", f"{good}; {name}=1"]
    pairs = [f"{name}={value}" for value in found]
    return [None, *pairs, "theme=dark", f"other={name}", f"a=b; {pairs[0]}"]


@pytest.mark.parametrize("number", range(len(SETUPS)))
def test_every_answer_is_starlettes(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    time_stands(monkeypatch)
    name = str(SETUPS[number].get("session_cookie", "session"))
    asks = [
        Ask("GET", target, (("Host", "a.example"), *((("Cookie", cookie),) if cookie else ())))
        for target, cookie in itertools.product(TARGETS, cookies(name))
    ]
    compare([(SessionMiddleware, SETUPS[number])], random.Random(number).sample(asks, 60), sessions)


LAYERS: list[tuple[type, dict[str, Any]]] = [
    (CORSMiddleware, {"allow_origins": ["https://a.example"]}),
    (GZipMiddleware, {"minimum_size": 1}),
    (TrustedHostMiddleware, {"allowed_hosts": ["a.example"]}),
    (SessionMiddleware, {"secret_key": "secret"}),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_every_order_answers_as_starlette(
    order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    time_stands(monkeypatch)
    asks = [
        Ask("GET", target, (("Host", host), ("Origin", "https://a.example"), ("Cookie", cookie)))
        for target in ("/", "/set?key=b", "/refused", "/handled")
        for host in ("a.example", "b.example")
        for cookie in ("a=b", cookies("session")[1] or "")
    ]
    compare([LAYERS[number] for number in order], asks, sessions)


@pytest.mark.parametrize("cookie", ["theme=dark", "good"])
def test_plans_run_alone_behind_it(cookie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    time_stands(monkeypatch)
    given = cookie if cookie != "good" else cookies("session")[1] or ""
    asks = [
        Ask("GET", target, (("Host", "a.example"), ("Cookie", given)))
        for target in TARGETS
        # By the application's own stack, in every version or in older ones.
        if target not in ("/handled", "/set_then_raise", "/streamed", "/background")
        and not target.startswith(("/yield", "/left"))
    ]
    assert compare(LAYERS, asks, sessions) == 0


@pytest.mark.parametrize("end", ["return", "refuse", "raise"])
def test_whatever_user_code_does_to_it(
    end: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where Starlette's own class cannot write what it finds."""
    time_stands(monkeypatch)
    caplog.set_level("CRITICAL")
    asks = [
        Ask("GET", f"/use/{number}/{end}", (("Host", "a.example"), *given))
        for number in range(len(USES))
        for given in ((), (("Cookie", cookies("session")[1] or ""),))
    ]
    compare([(SessionMiddleware, {"secret_key": "secret"})], asks, sessions)
    compare(LAYERS, asks, sessions)


def test_two_would_share_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    time_stands(monkeypatch)
    setup = [(SessionMiddleware, {"secret_key": "secret"}), (SessionMiddleware, {"secret_key": "b", "session_cookie": "b"})]
    app = sessions(setup)
    reasons = [layer.reason for layer in layers_of(app)]
    assert reasons == ["", "is not the only one that keeps a session"]
    reference = sessions(setup)

    async def main() -> None:
        one, two = Served(app, "none"), Served(reference, "asgi")
        for target in ("/", "/set?key=a", "/clear"):
            ask = Ask("GET", target, (("Host", "a"), ("Cookie", cookies("session")[1] or "")))
            assert await one.ask(ask) == await two.ask(ask)

    run(main)


def test_keys_and_clock_are_those_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is added to the signer counts from then on, and an old one still reads."""
    time_stands(monkeypatch)
    apps = [sessions([(SessionMiddleware, {"secret_key": "secret"})]) for _ in range(2)]
    asks = [
        Ask("GET", "/set?key=a", (("Host", "a"), *(("Cookie", cookie),)))
        for cookie in ("x=y", *(cookie for cookie in cookies("session") if cookie))
    ]

    async def main() -> None:
        one, two = Served(apps[0], "none"), Served(apps[1], "asgi")
        before = await one.ask(asks[0])
        assert before == await two.ask(asks[0])
        compiled = serving_of(apps[0]).engine.compiled
        assert compiled == 1
        for app in apps:
            found: Any = app.middleware_stack
            while not isinstance(found, SessionMiddleware):
                found = found.app
            found.signer.secret_keys.append(b"other")
        for ask in asks:
            assert await one.ask(ask) == await two.ask(ask)
        assert before != await one.ask(asks[0])
        itsdangerous.timed.time.time = lambda: NOW + 60 * 86400  # type: ignore[assignment]
        for ask in asks:
            assert await one.ask(ask) == await two.ask(ask)
        assert serving_of(apps[0]).engine.compiled > compiled + 10
        monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda self: NOW)
        for ask in asks:
            assert await one.ask(ask) == await two.ask(ask)
        assert not layers_of(apps[0])[0].native

    run(main)


@pytest.mark.parametrize(
    "options",
    [{"path": "/a; b"}, {"path": "/\t"}, {"path": "/\xe9"}, {"domain": " a"}, {"domain": "a "},
     {"session_cookie": " s"}, {"max_age": 1.5}, {"max_age": -5}, {"max_age": 0}, {"max_age": True},
     {"secret_key": ""}, {"secret_key": Secret("secret")}, {"secret_key": b"secret"},
     {"secret_key": ["a", "secret"]}, {"partitioned": True}, {"session_cookie": ""}],
    ids=str,
)  # fmt: skip
def test_unusual_options(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Native or not, an answer is Starlette's."""
    time_stands(monkeypatch)
    setup: Setup = [(SessionMiddleware, {"secret_key": "secret", **options})]
    name = options.get("session_cookie", "session")
    asks = [
        Ask("GET", target, (("Host", "a"), *((("Cookie", cookie),) if cookie else ())))
        for target in ("/", "/set?key=a", "/session", "/clear")
        for cookie in cookies(name)
    ]
    one, two = sessions(setup), sessions(setup)

    async def main() -> None:
        native, reference = Served(one, "none"), Served(two, "asgi")
        for ask in asks:
            assert await native.ask(ask) == await reference.ask(ask), ask

    run(main)
