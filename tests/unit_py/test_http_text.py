"""Texts of requests are read exactly as CPython and Starlette read them.

Applications see paths, queries and cookies as ``urllib.parse.unquote``,
``urllib.parse.parse_qsl`` and ``starlette.requests.cookie_parser`` give them.
``tests/unit/http_oracle`` answers for http/target.c, http/cookie.c and
http/content_type.c; every test compares it over generated texts, made of the
pieces that are likely to be read differently.
"""

from __future__ import annotations

import email.message
import os
import random
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qsl, unquote

import pytest
from starlette.requests import cookie_parser

CASES = int(os.environ.get("FASTRD_HTTP_CASES", "25000"))

# Percent sequences at the edges of UTF-8: overlong, surrogates, beyond
# U+10FFFF, lone leaders and continuations.
BYTES = [0x00, 0x20, 0x25, 0x26, 0x2B, 0x3D, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
         0xC0, 0xC1, 0xC2, 0xC3, 0xDF, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3,
         0xF4, 0xF5, 0xFF]
WHOLE = ["é", "€", "日本", "😀", "\ud7ff", "\ue000", "\U0010ffff", "\u0800", "\U00010000"]


class Oracle:
    """A running http_oracle."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def ask_all(self, kind: str, texts: list[bytes]) -> list[bytes]:
        """The answers' lines, in order."""
        questions = b"".join(b"%s %s\n" % (kind.encode(), text.hex().encode())
                             for text in texts)
        assert self.process.stdin is not None and self.process.stdout is not None
        stdin, stdout = self.process.stdin, self.process.stdout

        def write() -> None:
            stdin.write(questions)
            stdin.flush()

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            lines = [stdout.readline() for _ in texts]
            writing.result()
        assert all(line.endswith(b"\n") for line in lines), "the oracle died"
        return [line.rstrip(b"\n") for line in lines]

    def pairs_all(self, kind: str, texts: list[bytes]) -> list[list[tuple[bytes, bytes]]]:
        """The answers as lists of (name, value)."""
        answers = []
        for line in self.ask_all(kind, texts):
            pairs = (word.split(b"=") for word in line.split())
            answers.append([(bytes.fromhex(n.decode()), bytes.fromhex(v.decode()))
                            for n, v in pairs])
        return answers

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    build = Path(os.environ.get("FASTRD_BUILD", Path(__file__).parents[2] / "build"))
    program = build / "obj/tests/unit/http_oracle"
    assert program.exists(), f"{program} is missing; make install builds it"
    running = Oracle(program)
    yield running
    running.close()


def percent(rng: random.Random) -> str:
    """A percent sequence, or what looks nearly like one."""
    return rng.choice([
        lambda: f"%{rng.choice(BYTES):02x}",
        lambda: f"%{rng.choice(BYTES):02X}",
        lambda: "".join(f"%{b:02x}" for b in rng.choice(WHOLE).encode()),
        lambda: "".join(f"%{b:02X}" for b in rng.choice(WHOLE).encode()[:-1]),
        lambda: rng.choice(["%", "%%", "%4", "%g0", "%0g", "%zz", "% 1", "%+1", "%0x"]),
    ])()


def random_text(rng: random.Random, plain: str) -> str:
    pieces = [percent(rng) if rng.random() < 0.6 else rng.choice(plain)
              for _ in range(rng.randrange(12))]
    return "".join(pieces)


def latin1(rng: random.Random) -> str:
    return rng.choice("\x80\x85\xa0\xa9\xc3\xe9\xff")


def test_paths_are_unquoted_as_cpython_does(oracle: Oracle) -> None:
    rng = random.Random(1)
    texts = [random_text(rng, "/ab.+~=&;") for _ in range(CASES)]
    for text, line in zip(texts, oracle.ask_all("path", [t.encode() for t in texts]),
                          strict=True):
        assert bytes.fromhex(line.decode()).decode() == unquote(text), text


def test_every_percent_pair_is_unquoted_as_cpython_does(oracle: Oracle) -> None:
    texts = [f"%{a:02x}%{b:02X}x" for a in range(256) for b in range(256)]
    for text, line in zip(texts, oracle.ask_all("path", [t.encode() for t in texts]),
                          strict=True):
        assert bytes.fromhex(line.decode()).decode() == unquote(text), text


def test_queries_are_split_as_cpython_does(oracle: Oracle) -> None:
    rng = random.Random(2)
    texts = [random_text(rng, "ab=&+;%/?#&=&") for _ in range(CASES)]
    # Middleware may put bytes into a scope that no client can send.
    texts += ["".join(latin1(rng) if rng.random() < 0.3 else random_text(rng, "a=&+")[:4]
                      for _ in range(6)) for _ in range(CASES // 5)]
    asked = oracle.pairs_all("query", [t.encode("latin-1") for t in texts])
    for text, pairs in zip(texts, asked, strict=True):
        ours = [(n.decode(), v.decode()) for n, v in pairs]
        assert ours == parse_qsl(text, keep_blank_values=True), text


def test_cookies_are_read_as_starlette_does(oracle: Oracle) -> None:
    rng = random.Random(3)
    alphabet = ["a", "b", "=", "=", ";", ";", "; ", '"', '"', "\\", "\\", "\\012", "\\400",
                "\\377", "\\08", '\\"', "\\\\", ",", " ", "\t", "\x0b", "\x1c", "\x1f", "\x85",
                "\xa0", "\xe9", "\x00", "\n", '="', '";', "1", "0", "7"]
    texts = ["".join(rng.choice(alphabet) for _ in range(rng.randrange(16)))
             for _ in range(2 * CASES)]
    asked = oracle.pairs_all("cookie", [t.encode("latin-1") for t in texts])
    for text, pairs in zip(texts, asked, strict=True):
        ours: dict[str, str] = {}
        for name, value in pairs:
            ours[name.decode("latin-1")] = value.decode("latin-1")
        theirs = cookie_parser(text)
        assert ours == theirs and list(ours) == list(theirs), text


def is_json(value: str) -> bool:
    """What FastAPI decides before it reads a body as JSON."""
    message = email.message.Message()
    message["content-type"] = value
    if message.get_content_maintype() != "application":
        return False
    subtype = message.get_content_subtype()
    return subtype == "json" or subtype.endswith("+json")


def test_content_types_called_json_are_json_for_fastapi(oracle: Oracle) -> None:
    rng = random.Random(4)
    pieces = ["application", "Application", "text", "/", "/", "json", "JSON", "+json", "x",
              "vnd.api+json", "geo+json", ";", "; ", ";", "charset", "=", "utf-8", '"', " ", "\t",
              ",", "*", "=x", "; charset=utf-8", "application/json", "application/json"]
    texts = ["".join(rng.choice(pieces) for _ in range(rng.randrange(1, 8)))
             for _ in range(CASES)]
    said = 0
    for text, line in zip(texts, oracle.ask_all("json", [t.encode() for t in texts]),
                          strict=True):
        if line == b"1":
            said += 1
            assert is_json(text), text
    assert said > CASES // 100


@pytest.mark.parametrize("value", [
    "application/json", "Application/JSON", "application/json; charset=utf-8",
    "application/json;charset=UTF-8", "application/vnd.api+json", "application/geo+json;v=1",
    "application/problem+json; a=b; c=d",
])
def test_usual_content_types_are_called_json(oracle: Oracle, value: str) -> None:
    assert is_json(value)
    assert oracle.ask_all("json", [value.encode()]) == [b"1"]


@pytest.mark.parametrize("value", [
    "", "text/json", "application/jsonx", "application/x-json", "application/json, text/html",
    "application", "application/", "application/+json", "application /json", "application/json;",
    'application/json; charset="utf-8"', "application/json; charset", "multipart/form-data",
])
def test_odd_content_types_are_left_to_the_application(oracle: Oracle, value: str) -> None:
    assert oracle.ask_all("json", [value.encode()]) == [b"0"]
