"""Multipart forms are read exactly as python-multipart reads them for Starlette.

``tests/unit/http_oracle`` answers for http/multipart.c and http/options.c; the contents and
the parameters are generated of the pieces that are likely to be read differently.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from test_http_text import Oracle

CASES = int(os.environ.get("FASTRD_HTTP_CASES", "25000"))
BOUNDARIES = [b"b", b"--", b"", b"----WebKitFormBoundary7MA4YWxkTrZu0gW", b"a" * 70]


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    build = Path(os.environ.get("FASTRD_BUILD", Path(__file__).parents[2] / "build"))
    running = Oracle(build / "obj/tests/unit/http_oracle")
    yield running
    running.close()


class Transcript:
    """What python-multipart's callbacks say, in the words of multipart_transcript.h."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._data: list[bytes] = []
        self._name, self._value = b"", b""

    def flush(self) -> None:
        if self._data:
            self.lines.append(f"d {b''.join(self._data).hex()}")
        self._data = []

    def on_part_begin(self) -> None:
        self._name, self._value = b"", b""
        self._fields: list[str] = []

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self._fields.append(f"f {self._name.lower().hex()}={self._value.hex()}")
        self._name, self._value = b"", b""

    def on_headers_finished(self) -> None:
        self.lines += self._fields

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def on_part_end(self) -> None:
        self.flush()
        self.lines.append("e")


def expected(boundary: bytes, content: bytes, step: int) -> str:
    """Of the content in pieces of so many bytes, as the words of the oracle."""
    seen = Transcript()
    names = ("part_begin", "header_field", "header_value", "header_end", "headers_finished",
             "part_data", "part_end")
    callbacks: dict[str, Any] = {f"on_{name}": getattr(seen, f"on_{name}") for name in names}
    try:
        parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        for at in range(0, len(content), step):
            parser.write(content[at : at + step])
        seen.flush()
    except FormParserError:
        seen.flush()
        seen.lines.append("!")
    return "".join(f"{line}," for line in seen.lines)


def random_content(rng: random.Random, boundary: bytes) -> bytes:
    """A form, or nearly one: good parts, and pieces that break or resemble them."""
    line = b"--" + boundary
    odd = [b"", b"\r\n", b"\n", b"\r", b"-", b"--", line, b"\r\n" + line, b"\r\n" + line + b"-",
           line + b" ", line + b" \t\r\n", b": ", b"x", b"\0\xff", b"A: 1\r\n", b"\r\n\r\n",
           line + b"--", line + b"\r\n", b" ", b"\t", line[:-1]]  # fmt: skip
    fields = [b'Content-Disposition: form-data; name="a"\r\n', b"Content-Type: text/plain\r\n",
              b"X:\r\n", b"X:   a b\r\n", b"UPPER-lower: \xe9\r\n"]  # fmt: skip
    pieces = [rng.choice([b"", b"", b"", b"\r\n", b"\r\npre\r\n", rng.choice(odd)])]
    for _ in range(rng.randrange(4)):
        pieces += [line, b"\r\n", *rng.sample(fields, rng.randrange(4)), b"\r\n"]
        pieces += [rng.choice(odd) for _ in range(rng.randrange(4))]
        pieces.append(b"\r\n")
    pieces += [line, b"--", rng.choice([b"", b"\r\n", b"epilogue", line])]
    for _ in range(rng.choice([0, 0, 1, 2])):
        at = rng.randrange(len(pieces))
        pieces[at : at + rng.randrange(2)] = [rng.choice(odd)]
    whole = b"".join(pieces)
    return whole[: rng.randrange(len(whole) + 1)] if rng.random() < 0.2 else whole


def test_contents_have_the_parts_that_python_multipart_finds(oracle: Oracle) -> None:
    rng = random.Random(7)
    cases = []
    for number in range(CASES):
        boundary = rng.choice(BOUNDARIES)
        content = random_content(rng, boundary)
        cases.append((boundary, content, 30_000 if number % 2 else rng.randrange(1, 20)))
    questions = [b"%d\0%s\0%s" % (step, boundary, content) for boundary, content, step in cases]
    good = 0
    answers = oracle.ask_all("multipart", questions)
    for (boundary, content, step), answer in zip(cases, answers, strict=True):
        wanted = expected(boundary, content, step)
        good += wanted.endswith("e,")
        assert answer.decode() == wanted, (boundary, content, step)
    assert CASES / 4 < good < CASES


def test_malformed_boundaries(oracle: Oracle) -> None:
    for size in (255, 256, 257, 5000):
        boundary = b"a" * size
        content = b"--%s\r\nA: 1\r\n\r\nx\r\n--%s--" % (boundary, boundary)
        (answer,) = oracle.ask_all("multipart", [b"100\0%s\0%s" % (boundary, content)])
        assert answer.decode() == expected(boundary, content, 100)


def random_options(rng: random.Random) -> bytes:
    odd = [b"", b"=", b";", b'"', b'\\"', b"\\\\", b"\\", b" ", b"\t", b"a", b"\xe9", b"*", b'"a\\"b"', b"; "]
    names = [b"name", b"filename", b"NAME", b"Filename", b"filename*", b"boundary", b"x", b" name\t", rng.choice(odd)]
    texts = [b'"a"', b"a", b'"f;g"', b'"', b'""', b"C:\\dir\\f", b'"\\\\host\\f"', b'"a\\"b"', b"", *odd]
    pieces = [rng.choice([b"form-data", b"", rng.choice(odd)])]
    for _ in range(rng.randrange(5)):
        pieces += [rng.choice([b";", b"; ", b";", rng.choice(odd)]), rng.choice(names)]
        pieces += [rng.choice([b"=", b"=", b" = ", rng.choice(odd)]), rng.choice(texts), rng.choice([b"", b" ", rng.choice(odd)])]
    return b"".join(pieces)


def test_parameters_are_those_that_python_multipart_finds(oracle: Oracle) -> None:
    rng = random.Random(8)
    values = [random_options(rng) for _ in range(CASES)]
    found = 0
    for name in (b"name", b"filename", b"boundary"):
        answers = oracle.ask_all("options", [name + b"\0" + value for value in values])
        for value, answer in zip(values, answers, strict=True):
            kind, options = parse_options_header(value)
            got, got_kind = answer.split(b" ")
            wanted = options.get(name)
            found += wanted is not None
            assert got == (b"-" if wanted is None else wanted.hex().encode()), (name, value)
            if b"=" not in kind and value.isascii():
                assert bytes.fromhex(got_kind.decode()).lower() == kind, value
    assert found > CASES / 2
