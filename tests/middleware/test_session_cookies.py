"""Every cookie is for a native SessionMiddleware what it is for Starlette's, and what the one
writes the other reads. 100,000 cookies and more."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import itsdangerous.timed
import pytest
from both import Ask, Served, Setup, application, assert_native, run
from fastapi import FastAPI, Request
from starlette.datastructures import Secret
from starlette.middleware.sessions import SessionMiddleware

from fastrapi.serving import serving_of

NOW = 1_700_000_000
MAX_AGE = 1000
BATCH = 250
SETUP: Setup = [(SessionMiddleware, {"secret_key": "secret", "max_age": MAX_AGE})]
ODD = " \t!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~Zz09\xa0\xb5\xff"
JSONS = [
    '{"user": 7}', "{}", '{"a": [1, 2.5, null, true], "b": {"c": "d"}}', '{"\\u00e9": "\\ud83d\\ude00"}',
    '{"a": 1, "a": 2}', " {} ", '{"x": NaN, "y": -Infinity}', '{"n": 123456789012345678901234567890}',
]  # fmt: skip
NO_SESSIONS = [
    "", " ", "[]", "[1]", '[["a", 1]]', '[["a", 1], ["b"]]', '["ab"]', "7", "null", "true", '""', '"ab"', "{",
    '{"a": 1}x', "{'a': 1}", "\ufeff{}", '{"a": }', "nan", '{"n": ' + "1" * 5000 + "}",
    '"\\ud800"', "[" * 100_000,
]  # fmt: skip


def app_with_sessions(setup: Setup) -> FastAPI:
    app = application(setup)

    @app.get("/session")
    async def session(request: Request) -> Any:
        return {"session": repr(request.session), "class": type(request.session).__name__}

    @app.post("/put")
    async def put(request: Request, value: dict[str, Any]) -> Any:
        request.session.clear()
        request.session.update(value)
        return None

    return app


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    found = SimpleNamespace(time=lambda: NOW + 0.5)
    monkeypatch.setattr(itsdangerous.timed, "time", found)
    return found


def sign(data: bytes, at: int = NOW, key: str = "secret", salt: str = "itsdangerous.Signer") -> str:
    signer = itsdangerous.TimestampSigner(key, salt=salt)
    signer.get_timestamp = lambda: at  # type: ignore[method-assign]
    return signer.sign(data).decode("latin-1")


def token(text: str, at: int = NOW, key: str = "secret") -> str:
    return sign(base64.b64encode(text.encode()), at, key)


def goods(rng: random.Random, count: int) -> list[str]:
    ages = [0, 0, 1, MAX_AGE - 1, MAX_AGE, MAX_AGE + 1, -1, -100_000, NOW]
    return [token(rng.choice(JSONS), NOW - rng.choice(ages)) for _ in range(count)]


def flipped(rng: random.Random) -> Iterator[str]:
    """Each bit of a cookie turned."""
    for good in goods(rng, 60):
        for at, char in enumerate(good):
            yield from (good[:at] + chr(ord(char) ^ 1 << bit) + good[at + 1 :] for bit in range(8))


def cut(rng: random.Random) -> Iterator[str]:
    """A cookie ended everywhere, a character taken out everywhere, another put in."""
    for good in goods(rng, 60):
        for at in range(len(good)):
            yield good[:at]
            yield good[at:]
            yield good[:at] + good[at + 1 :]
            yield good[:at] + rng.choice(ODD) + good[at:]
            yield good[:at] + rng.choice(ODD) + good[at + 1 :]


def taken_apart(rng: random.Random) -> Iterator[str]:
    """Parts of several cookies, in any number and order, with dots and without."""
    for _ in range(18_000):
        parts = [part for good in goods(rng, 2) for part in good.split(".")]
        chosen = rng.choices([*parts, "", "=", "A", "null"], k=rng.randrange(1, 6))
        yield rng.choice([".", ".", ".", "..", "", "-"]).join(chosen)


def signed(rng: random.Random) -> Iterator[str]:
    """Signed as it should be: data, times, keys and salts that are not as usual."""
    alphabet = base64.b64encode(bytes(range(256)))[:64]
    times = [0, 1, 255, 256, NOW + 1, 253_402_300_799, 253_402_300_800, 2**40, 2**63, 2**64 - 1]
    for _ in range(15_000):
        yield token(rng.choice(JSONS), rng.choice([*times, NOW, NOW - rng.randrange(2 * MAX_AGE)]))
        yield token(rng.choice(JSONS), NOW, rng.choice(["other", "Secret", "secre", "secret "]))
        data = bytes(rng.choices(alphabet, k=rng.randrange(0, 20)))
        yield sign(b"e30=" + data[:3], rng.choice([NOW, 5])).replace("A", rng.choice("AA+/ab"))
    for text in NO_SESSIONS:
        yield token(text)
    for text in JSONS:
        yield from (sign(base64.b64encode(text.encode(code))) for code in ("utf-16", "utf-32-le", "utf-8-sig"))
        data = base64.b64encode(text.encode())
        yield from (sign(data.rstrip(b"=") + end) for end in (b"", b"=", b"==", b"===", b"=A", b"\n", b" =="))
        yield from (sign(odd + data) for odd in (b"-", b"_", b".", b"..", b"=", b"\xc3\xa9", b"\xff"))
        yield sign(base64.urlsafe_b64encode(text.encode()), salt="cookie")
        for times_ in ("", "A", "AA=", "A" * 11, "A" * 12, "ZVPxAA==", "-_", "\xe9", "Z VPxAA"):
            yield itsdangerous.Signer("secret").sign(data + b"." + times_.encode()).decode("latin-1")
    yield token(json.dumps({"long": "x" * 5000}))
    yield token(json.dumps({"long": "x" * 5000}))[:-1]


def quoted(rng: random.Random) -> Iterator[str]:
    """In quotes, with octal numbers for characters."""
    for good in goods(rng, 8000):
        yield f'"{good}"'
        octal = "".join(f"\\{ord(c):03o}" if rng.random() < 0.1 else c for c in good)
        yield rng.choice(['"{}"', '"{}', "{}", '"{}"x']).format(octal)


KINDS: dict[str, Callable[[random.Random], Iterator[str]]] = {
    kind.__name__: kind for kind in (flipped, cut, taken_apart, signed, quoted)
}


# At least so many are asked for, 100,000 in all.
COUNTS = {"flipped": 29_000, "cut": 17_000, "taken_apart": 17_000, "signed": 45_000, "quoted": 15_000}
assert sum(COUNTS.values()) > 100_000


def fields(cookies: Iterable[str], rng: random.Random) -> list[str]:
    """Cookie fields with each of these cookies, some beside others."""
    kept = [cookie for cookie in cookies if re.fullmatch(r"[\t\x20-\x7e\x80-\xff]{,7800}", cookie)]
    shapes = ["session={}", "session={}", "a=b; session={}", "session={};c", "session=1; session={}",
              "session={}; sessions=1", " session = {} "]  # fmt: skip
    return [rng.choice(shapes).format(cookie) for cookie in kept]


async def answers(served: Served, cookies: list[str]) -> list[bytes]:
    """The answers to pipelined requests with these fields; a failure answers 500."""
    if served.conn is None:
        await served.ask(Ask("GET", "/"))
    assert served.conn is not None
    asks = [Ask("GET", "/session", (("Host", "a"), ("Cookie", cookie))) for cookie in cookies]
    served.conn.feed(b"".join(ask.encode() for ask in asks))
    while served.data.count(b"HTTP/1.1 ") < len(asks) or not served.data.endswith((b"}", b"Error")):
        await served._more()
    data, served.data = re.sub(rb"date: [^\r]*\r\n", b"", served.data), b""
    return data.split(b"HTTP/1.1 ")[1:]


@pytest.mark.parametrize("kind", KINDS)
def test_every_cookie_gives_the_session_that_starlette_gives(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("CRITICAL")
    rng = random.Random(kind)
    asked = fields(KINDS[kind](rng), rng)
    native, reference = app_with_sessions(SETUP), app_with_sessions(SETUP)
    different: list[Any] = []
    kinds: set[bytes] = set()

    async def main() -> None:
        one, two = Served(native, "none"), Served(reference, "asgi")
        for start in range(0, len(asked), BATCH):
            batch = asked[start : start + BATCH]
            pairs = zip(batch, await answers(one, batch), await answers(two, batch), strict=True)
            for cookie, got, wanted in pairs:
                kinds.add(wanted[:3] + wanted.rpartition(b"\r\n\r\n")[2][:14])
                if got != wanted:
                    different.append((cookie, wanted, got))
        assert_native(native)

    run(main)
    assert not different, (len(different), different[:3])
    assert {b'200{"session":"{}', b"200{\"session\":\"{'"} <= kinds
    assert len(asked) >= COUNTS[kind]
    assert serving_of(native).engine.compiled > len(asked) * 3 // 4


def values(rng: random.Random, depth: int = 0) -> Any:
    kinds: list[Callable[[], Any]] = [
        lambda: rng.choice([None, True, False, 0, -1, 2**70, 1.5, -0.0, 1e300, float("inf")]),
        lambda: "".join(rng.choices("ab\"\\/\n\x00\x7f\xe9\u20ac\U0001f600", k=rng.randrange(8))),
    ]
    if depth < 3:
        kinds += [
            lambda: [values(rng, depth + 1) for _ in range(rng.randrange(4))],
            lambda: {str(values(rng, 3)): values(rng, depth + 1) for _ in range(rng.randrange(4))},
        ]
    return rng.choice(kinds)()


def test_what_one_writes_the_other_reads(clock: SimpleNamespace) -> None:
    rng = random.Random(7)
    setup = [(SessionMiddleware, {"secret_key": Secret("secret"), "max_age": MAX_AGE})]
    native, reference = app_with_sessions(setup), app_with_sessions(setup)

    async def main() -> None:
        one, two = Served(native, "none"), Served(reference, "asgi")
        for number in range(1500):
            moment = NOW + number * rng.choice([0, 1, 50_000])
            clock.time = lambda moment=moment: moment
            value = {str(values(rng, 3)): values(rng) for _ in range(rng.randrange(5))}
            body = json.dumps(value, allow_nan=True).replace("Infinity", "1e999").encode()
            ask = Ask("POST", "/put", (("Host", "a"), ("Content-Type", "application/json")), body)
            got, wanted = await one.ask(ask), await two.ask(ask)
            assert got == wanted, value
            written = re.search(rb"set-cookie: session=([^;]*); ", got)
            assert (written is not None) == bool(value)
            if written is not None:
                cookie = ("Cookie", "session=" + written[1].decode())
                asks = [Ask("GET", "/session", (("Host", "a"), cookie))]
                assert await one.ask(asks[0]) == await two.ask(asks[0]), value
                clear = Ask("POST", "/put", (*ask.fields, cookie), b"{}")
                got, wanted = await one.ask(clear), await two.ask(clear)
                assert got == wanted and b"session=null; " in got
        assert one.asgi == 0
        assert_native(native)

    run(main)
