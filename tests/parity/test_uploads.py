"""Forms with files are answered as under uvicorn: what parts are, what is wrong with them, and
when the files are closed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import upload_app
from servers import Pair, pair
from test_parity import assert_equal
from wire import Request

BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
TYPE = f"multipart/form-data; boundary={BOUNDARY.decode()}"
ODD_TYPES = [
    "multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="%s"' % BOUNDARY.decode(),
    "Multipart/Form-Data; charset=utf-8; BOUNDARY=%s" % BOUNDARY.decode(), TYPE + "; charset=latin-1", TYPE + "; charset=nonsense",
    "multipart/mixed; boundary=%s" % BOUNDARY.decode(), "text/plain", TYPE + ";", "multipart/form-data;boundary=" + "b" * 300,
]  # fmt: skip
AFTER = Request("GET", "/after", pause_s=0.02)


@pytest.fixture(scope="module", params=["layered", "dispatched"])
def behind(
    mode: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    with pair(f"upload_app:{request.param}", Path(__file__).parent, mode, tmp_path_factory.mktemp("behind")) as peers:
        yield peers


@pytest.fixture(scope="module")
def uploads(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair("upload_app:app", Path(__file__).parent, mode, tmp_path_factory.mktemp("uploads")) as peers:
        yield peers


def part(name: bytes, content: bytes, filename: bytes | None = None, *lines: bytes) -> bytes:
    disposition = b'Content-Disposition: form-data; name="%s"' % name
    if filename is not None:
        disposition += b'; filename="%s"' % filename
    return b"--%s\r\n%s\r\n\r\n%s\r\n" % (BOUNDARY, b"\r\n".join([disposition, *lines]), content)


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


def post(path: str, body: bytes, kind: str = TYPE) -> Request:
    return Request("POST", path, (("Content-Type", kind),), body)


def random_part(rng: random.Random) -> bytes:
    name = rng.choice([b"file", b"file", b"file", b"files", b"name", b"tags", b"n", b"x", b"\xc3\xa9", b"\xe9", b""])
    filename = rng.choice([None, b"a.txt", b"", b"C:\\\\dir\\\\b.txt", b"\xc3\xa9.bin", b"\xe9", b'q\\"q', b"semi;colon"])
    content = rng.choice([b"", b"1", b"text", b"\xc3\xa4\r\n", b"\xff\0", b"\r\n--" + BOUNDARY[:-1], rng.randbytes(rng.choice([10, 600, 5000]))])
    lines = rng.sample([b"Content-Type: text/plain", b"X-One: \xe9", b"content-type:  a/b ", b"X:"], rng.randrange(3))
    whole = part(name, content, filename, *lines)
    if rng.random() < 0.06:
        at = rng.randrange(len(whole))
        whole = whole[:at] + rng.choice([b"", b"\r\n", b"x", b"--", b"\r"]) + whole[at + rng.randrange(3) :]
    return whole


def random_form(rng: random.Random) -> bytes:
    whole = form(*(random_part(rng) for _ in range(rng.randrange(5))))
    return whole[: rng.randrange(len(whole))] if rng.random() < 0.05 else whole


@pytest.mark.parametrize("path", upload_app.PATHS)
def test_forms_are_read_as_starlette_reads_them(uploads: Pair, path: str) -> None:
    rng = random.Random(path)
    asked = []
    for _ in range(100):
        asked.append(post(path, random_form(rng)))
        if rng.random() < 0.2:
            asked.append(AFTER)
    assert_equal(uploads, asked)


@pytest.mark.parametrize("path", upload_app.PATHS)
def test_good_forms_and_the_end_of_their_files(uploads: Pair, path: str) -> None:
    one, name = part(b"file", b"content", b"a.txt", b"Content-Type: text/plain"), part(b"name", b"ada")
    two = part(b"files", b"1", b"1.txt") + part(b"files", b"22", b"2.txt")
    none = part(b"file", b"", b"") + part(b"files", b"", b"")
    asked = []
    for body in (one, one + name, one + two + name, two, none, one + part(b"file", b"again", b"b"), name, b""):
        asked += [post(path, form(body)), AFTER]
    assert_equal(uploads, asked)


@pytest.mark.parametrize("path", upload_app.PATHS)
def test_forms_behind_layers(behind: Pair, path: str) -> None:
    rng = random.Random(path)
    good = form(part(b"file", b"content", b"a.txt"), part(b"name", b"ada"), part(b"files", b"1", b"1.txt"))
    large = form(part(b"file", b"x" * 1_048_577, b"a.bin"))
    forms = [good, large, *(random_form(rng) for _ in range(8))]
    assert_equal(behind, [asked for body in forms for asked in (post(path, body), AFTER)])


def arriving(rng: random.Random) -> bytes:
    """A form that is too large to be read at once, and perhaps malformed behind its large file."""
    large = part(rng.choice([b"pad", b"pad", b"file"]), rng.randbytes(1_100_000), b"p")
    parts = [random_part(rng) for _ in range(rng.randrange(1, 4))]
    return form(*rng.choice([[large, *parts], [*parts, large], [*parts, large, random_part(rng)]]))


@pytest.mark.parametrize("path", upload_app.PATHS)
def test_forms_that_are_read_while_they_arrive(uploads: Pair, behind: Pair, path: str) -> None:
    rng = random.Random(path)
    good = form(part(b"pad", b"x" * 1_048_577, b"p"), part(b"file", b"content", b"a.txt"), part(b"name", b"ada"), part(b"files", b"1", b"1.txt"))
    asked = [post(path, body) for body in [good, *(arriving(rng) for _ in range(4))]]
    assert_equal(uploads, [*asked, AFTER])
    assert_equal(behind, [*asked, AFTER])


def test_content_types(uploads: Pair) -> None:
    body = form(part(b"file", b"content", b"a.txt"), part(b"name", b"\xe9"))
    for path in ("/one", "/optional", "/bytes", "/text"):
        assert_equal(uploads, [post(path, body, kind) for kind in ODD_TYPES])
        assert_equal(uploads, [Request("POST", path, (), body), Request("POST", path, (("Content-Type", TYPE),))])
        asked = post(path, b"file=a&name=b", "application/x-www-form-urlencoded")
        assert_equal(uploads, [asked])


def test_limits(uploads: Pair) -> None:
    """What stays in memory, what goes to the disk, and what is too much."""
    for size in (1000, 1_000_000, 1_048_576, 1_048_577, 3_000_000):
        body = form(part(b"file", b"x" * size, b"a.bin"), part(b"name", b"n"))
        assert_equal(uploads, [post(path, body) for path in ("/one", "/bytes", "/write", "/background")] + [AFTER])
        assert_equal(uploads, [post("/text", form(part(b"name", b"x" * size)))])
    for count in (999, 1000, 1001, 1030):
        files = form(*[part(b"files", b"x", b"f")] * count)
        texts = form(part(b"name", b"n"), *[part(b"tags", b"x")] * (count - 1))
        assert_equal(uploads, [post("/bytes-list", files), post("/text", texts)])
    lines = [b"X-%d: y" % n for n in range(8)]
    for count in (6, 7, 8):
        assert_equal(uploads, [post("/one", form(part(b"file", b"x", b"f", *lines[:count])))])
    assert_equal(uploads, [post("/one", form(part(b"file", b"x", b"f", b"X: " + b"y" * n))) for n in (4220, 4221, 4222)])


def test_chunked_forms(uploads: Pair) -> None:
    body = form(part(b"file", b"content", b"a.txt"))
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = (("Content-Type", TYPE), ("Transfer-Encoding", "chunked"))
    assert_equal(uploads, [Request("POST", path, head, chunks) for path in upload_app.PATHS] + [AFTER])
