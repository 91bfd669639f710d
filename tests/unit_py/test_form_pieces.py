"""A form that arrives in pieces is read exactly as Starlette's MultiPartParser reads it.

The same pieces go through ``Request.form()`` twice. Its parser is Starlette's own, or the one that
stands for it and finds the parts in C: fields, files and their places, errors, how much was read,
and which files are closed.
"""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from fastrapi import _engine
from fastrapi.compile import uploads
from starlette import formparsers
from starlette.datastructures import UploadFile
from starlette.requests import Request

BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"
TYPE = b"multipart/form-data; boundary=" + BOUNDARY
SPOOL = 2000
LIMITS: list[dict[str, Any]] = [
    {}, {}, {"max_files": 2}, {"max_fields": 1}, {"max_part_size": 1000}, {"max_part_size": 0}, {"max_files": 0},
    {"max_files": float("inf")}, {"max_fields": 10**30},
]  # fmt: skip


@pytest.fixture(autouse=True)
def small_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formparsers.MultiPartParser, "spool_max_size", SPOOL)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The temporary files that were made."""
    made: list[Any] = []
    real = tempfile.SpooledTemporaryFile.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        made.append(self)
        real(self, *args, **options)

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "__init__", init)
    yield made


def part(name: bytes, content: bytes, filename: bytes | None = None, *lines: bytes) -> bytes:
    disposition = b'Content-Disposition: form-data; name="%s"' % name
    if filename is not None:
        disposition += b'; filename="%s"' % filename
    return b"--%s\r\n%s\r\n\r\n%s\r\n" % (BOUNDARY, b"\r\n".join([disposition, *lines]), content)


def random_part(rng: random.Random) -> bytes:
    name = rng.choice([b"file", b"files", b"name", b"\xc3\xa9", b"\xe9", b""])
    filename = rng.choice([None, b"a.txt", b"", b"C:\\\\dir\\\\b.txt", b"\xc3\xa9.bin", b"\xe9", b'q\\"q', b"semi;colon"])
    content = rng.choice([
        b"", b"1", b"\xc3\xa4\r\n", b"\xff\0", b"\r\n--" + BOUNDARY[:-1], b"\r\n--" + BOUNDARY + b"x", b"\r" * 50,
        b"y" * rng.choice([300, 1200, 3000]), rng.randbytes(rng.choice([10, 600, 5000, 70_000])),
    ])  # fmt: skip
    lines = rng.sample([b"Content-Type: text/plain", b"X-One: \xe9", b"content-type:  a/b ", b"X:"], rng.randrange(3))
    whole = part(name, content, filename, *lines)
    if rng.random() < 0.05:
        at = rng.randrange(len(whole))
        whole = whole[:at] + rng.choice([b"", b"\r\n", b"x", b"--", b"\r"]) + whole[at + rng.randrange(3) :]
    return whole if rng.random() > 0.02 else whole.replace(b"Content-Disposition", b"X-Nothing")


def random_form(rng: random.Random) -> bytes:
    whole = b"".join(random_part(rng) for _ in range(rng.randrange(6))) + b"--" + BOUNDARY + b"--\r\n"
    return whole[: rng.randrange(len(whole))] if rng.random() < 0.05 else whole


def cut(content: bytes, at: list[int]) -> list[bytes]:
    return [content[start:end] for start, end in zip([0, *at], [*at, len(content)], strict=True)]


class Client:
    """Gives pieces; ``end`` is what comes behind them: an exception, or the client's end."""

    def __init__(self, pieces: list[bytes], end: Any = None) -> None:
        self.left = list(pieces)
        self.end = end

    async def __call__(self) -> dict[str, Any]:
        if not self.left:
            if isinstance(self.end, BaseException):
                raise self.end
            return {"type": "http.disconnect"}
        piece = self.left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.left) or self.end is not None}


def request_of(client: Any, kind: bytes = TYPE) -> Request:
    return Request({"type": "http", "app": None, "headers": [(b"content-type", kind)]}, client)


def told(value: Any) -> Any:
    if isinstance(value, str):
        return value
    assert type(value) is UploadFile
    place = (value.file.tell(), value._in_memory, value._max_mem_size)
    return value.filename, value.size, value.headers.raw, *place, zlib.crc32(value.file.read())


class Said(logging.Handler):
    """What python-multipart has logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name} {record.levelname}: {record.getMessage()}")

    def __enter__(self) -> Said:
        logging.getLogger("python_multipart").addHandler(self)
        return self

    def __exit__(self, *exc: object) -> None:
        logging.getLogger("python_multipart").removeHandler(self)


async def read(ours: bool, client: Client, limits: dict[str, Any], kind: bytes = TYPE) -> Any:
    with Said() as said:
        return await read_form(ours, client, limits, kind), said.lines


async def read_form(ours: bool, client: Client, limits: dict[str, Any], kind: bytes) -> Any:
    request = request_of(client, kind)
    try:
        with pytest.MonkeyPatch.context() as patch:
            if not ours:
                patch.setattr(formparsers.MultiPartParser, "parse", uploads.PARSE)
            form = await request.form(**limits)
    except Exception as exc:
        inner = exc.__context__
        cause = None if inner is None else inner.__cause__
        why = type(inner), type(cause), str(cause), getattr(cause, "offset", None)
        return type(exc), getattr(exc, "detail", str(exc)), why, len(client.left), request._form, request._stream_consumed
    assert await request.form() is form
    found = [(name, told(value)) for name, value in form.multi_items()]
    await form.close()
    return found, len(client.left), request._stream_consumed


def both(pieces: list[bytes], limits: dict[str, Any], end: Any = None, kind: bytes = TYPE) -> Any:
    async def main() -> tuple[Any, Any]:
        return (
            await read(False, Client(pieces, end), limits, kind),
            await read(True, Client(pieces, end), limits, kind),
        )

    theirs, ours = asyncio.run(main())
    assert ours == theirs, (pieces if len(b"".join(pieces)) < 3000 else "", limits)
    return theirs[0]


def test_random_forms_in_random_pieces() -> None:
    refused = 0
    for seed in range(700):
        rng = random.Random(seed)
        content = random_form(rng)
        at = sorted(rng.sample(range(len(content)), min(rng.choice([0, 1, 3, 20]), len(content))))
        end = rng.choice([None, None, None, None, "left", ValueError("of a layer")])
        refused += isinstance(both(cut(content, at), rng.choice(LIMITS), end)[0], type)
    assert 100 < refused < 500


def test_every_cut() -> None:
    content = part(b"a", b"1\r\n-") + part(b"f", b"x" * 40, b"f.txt", b"Content-Type: a/b") + b"--" + BOUNDARY + b"--\r\n"
    for at in range(len(content) + 1):
        both([content[:at], content[at:]], {})
    both([content[at : at + 1] for at in range(len(content))], {})
    both([b"", content, b""], {})


@pytest.mark.parametrize("before", [b"\r\n", b"\n\n\r", b"\r\npreamble\r\n", b"preamble\r\n", b"\r\npre-amble\r\n"])
def test_every_cut_of_what_stands_before_the_first_boundary(before: bytes) -> None:
    content = before + part(b"a", b"1") + b"--" + BOUNDARY + b"--\r\n"
    for first in range(len(before) + 4):
        for second in range(first, len(before) + 4):
            both(cut(content, [first, second]), {})
            both(cut(content[:second], [first]), {})
    both([content[at : at + 1] for at in range(len(content))], {})


@pytest.mark.parametrize("kind", [
    b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"b" * 300, b"text/plain",
    b'multipart/form-data; boundary="%s"' % BOUNDARY, TYPE + b"; charset=utf8", TYPE + b"; charset=latin-1",
    TYPE + b"; charset=no", b"multipart/mixed; boundary=" + BOUNDARY, b"application/x-www-form-urlencoded",
])  # fmt: skip
def test_other_content_types(kind: bytes) -> None:
    content = part(b"\xc3\xa9", b"\xc3\xa9") + part(b"f", b"x", b"\xc3\xa9") + b"--" + BOUNDARY + b"--\r\n"
    both(cut(content, [20]), {}, kind=kind)


@pytest.mark.parametrize("content", [
    b"junk", b"--" + BOUNDARY + b"x", b"--" + BOUNDARY + b"\rx", b"--" + BOUNDARY + b"-x", b"--" + BOUNDARY + b"\r\n:",
    b"--" + BOUNDARY + b"\r\na b: c", b"--" + BOUNDARY + b"\r\na: b\rc", b"--" + BOUNDARY + b"\r\na: b\r\n\rc",
    part(b"a", b"1") + b"--" + BOUNDARY + b"x\r\n", b"--" + BOUNDARY + b"\r\n" + b"a: b\r\n" * 100,
])  # fmt: skip
def test_python_multipart_says_what_is_wrong(content: bytes) -> None:
    for at in range(len(content)):
        both(cut(content, [at]), {})
    with Said() as said:
        asyncio.run(read_form(True, Client([content]), {}, TYPE))
    assert len(said.lines) <= 1


def test_a_long_form_is_refused_without_the_reason() -> None:
    async def main() -> Any:
        pieces, wrong = [part(b"f", b"x" * 600_000, b"f")] * 2, b"--" + BOUNDARY + b"\r\na b: c"
        return await read(True, Client([*pieces, wrong]), {}), await read(True, Client([*pieces[:1], wrong]), {})

    (long, none), (short, lines) = asyncio.run(main())
    assert long[:2] == short[:2] and short[1] == "Invalid multipart data."
    assert none == [] and len(lines) == 1 and "invalid character" in lines[0]


def test_files_are_closed_when_the_form_is_not_whole(opened: list[Any]) -> None:
    begun = part(b"f", b"x" * 5000, b"f") + part(b"g", b"y" * 10, b"g") + part(b"h", b"z" * 9000, b"h")[:-1]
    for end in ("left", OSError("of a layer"), asyncio.CancelledError()):
        async def main(end: Any = end) -> None:
            with pytest.raises(BaseException):  # noqa: B017
                await request_of(Client(cut(begun, [3000, 6000]), end)).form()

        asyncio.run(main())
        assert len(opened) == 3 and all(file.closed for file in opened)
        opened.clear()


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, opened: list[Any]) -> None:
    """What writing raises is raised, and nothing stays open."""
    content = part(b"f", b"x" * 5000, b"f") + part(b"g", b"y" * 50_000, b"g") + b"--" + BOUNDARY + b"--\r\n"
    real = tempfile.SpooledTemporaryFile.write

    def write(self: Any, data: Any) -> int:
        if len(data) > 10_000:
            raise OSError(28, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", write)
    assert both(cut(content, [100, 20_000]), {})[0] is OSError
    assert len(opened) == 4 and all(file.closed for file in opened)


def test_what_goes_to_the_disk_is_written_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next piece is not asked for before it is written."""
    loops: list[bool] = []
    real = tempfile.SpooledTemporaryFile.write
    client = Client([])

    def write(self: Any, data: Any) -> int:
        loops.append(asyncio._get_running_loop() is not None)
        left = len(client.left)
        done = real(self, data)
        assert len(client.left) == left
        return done

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", write)
    content = part(b"f", b"x" * 1500 + b"y" * 1500 + b"z" * 1500, b"f") + b"--" + BOUNDARY + b"--\r\n"
    head = content.index(b"xx")
    client.left = cut(content, [head, head + 1500, head + 3000])

    async def main() -> None:
        form = await request_of(client).form()
        await form.close()

    asyncio.run(main())
    assert loops == [True, False, False]


def test_what_is_patched_reads_forms_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    content = part(b"f", b"x" * 50, b"f") + b"--" + BOUNDARY + b"--\r\n"
    seen: list[str] = []

    class Own(UploadFile):
        async def write(self, data: bytes) -> None:
            seen.append(f"{type(data).__name__} {len(data)}")
            await super().write(data)

    async def main() -> Any:
        return await request_of(Client([content])).form()

    with monkeypatch.context() as patch:
        patch.setattr(formparsers, "UploadFile", Own)
        assert type(asyncio.run(main())["f"]) is Own and seen == ["bytes 50"]
    seen.clear()
    with monkeypatch.context() as patch:
        patch.setattr(formparsers.MultiPartParser, "on_end", lambda self: seen.append("end"))
        asyncio.run(main())
    assert seen == ["end"]


def test_what_was_patched_before_reads_forms_itself() -> None:
    """The application was imported, and has replaced something, before it was compiled."""
    script = """
import asyncio
from starlette import formparsers
async def parse(self, own=formparsers.MultiPartParser.parse):
    print("patched")
    return await own(self)
formparsers.MultiPartParser.parse = parse
from fastrapi.compile import uploads
from starlette.requests import Request
assert not uploads.KNOWN
async def receive():
    return {"type": "http.request", "body": b"--x--"}
asked = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
async def main():
    await Request(asked, receive).form()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "patched\n"


# None of them is a delimiter of boundary "x".
NEARLY = [b"\r\n--xa", b"\r\n--x\rb", b"\r\n--x-c", b"\r\n--d", b"\r\r\n--x\r\r\n-", b"\r\n--x-\r\n--x\r"]


def fed(pieces: list[bytes]) -> tuple[list[tuple[str, bytes | str]], list[int]]:
    """The parts of a form with boundary "x", and how many buffers each piece gave for files."""
    parts = _engine.Parts(b"x", (100, 100, 1 << 20), lambda headers, filename: bytearray())
    counts: list[int] = []
    whole: list[int] = []
    for piece in pieces:
        due = parts.feed(piece)
        counts.append(sum(data is not None for _, data in due))
        for file, data in due:
            assert id(file) not in whole and data != b""
            if data is None:
                whole.append(id(file))
            else:
                file += data
    return [(name, value if isinstance(value, str) else bytes(value)) for name, value in parts.items], counts


def form_of_x(contents: list[bytes]) -> bytes:
    """A file of each content, and a text before the last."""
    head = b'--x\r\nContent-Disposition: form-data; name="f"%s\r\n\r\n%s\r\n'
    files = [head % (b'; filename="f"', content) for content in contents]
    return b"".join([*files[:-1], head % (b"", contents[0]), files[-1]]) + b"--x--\r\n"


@pytest.mark.parametrize("nearly", NEARLY)
def test_what_looks_like_delimiters_is_one_buffer(nearly: bytes) -> None:
    """A piece gives one buffer for each file, and one for what an earlier piece may have begun."""
    contents = [nearly * 5, b"", b"y" + nearly * 3, nearly * 2 + b"y"]
    content = form_of_x(contents)
    values = [*contents[:-1], contents[0].decode(), contents[-1]]
    expected = [("f", value) for value in values]
    assert fed([content]) == (expected, [3])
    for at in range(1, len(content)):
        found, counts = fed([content[:at], content[at:]])
        assert found == expected and counts[0] <= 3 and sum(counts) <= 5, at
    for size in range(1, 12):
        found, counts = fed([content[at : at + size] for at in range(0, len(content), size)])
        assert found == expected and max(counts) <= 3, size
        both([content[at : at + size] for at in range(0, len(content), size)], {}, kind=b"multipart/form-data; boundary=x")


def test_a_large_content_of_what_looks_like_delimiters(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    real = tempfile.SpooledTemporaryFile.write

    def write(self: Any, data: Any) -> int:
        written.append(len(data))
        return real(self, data)

    contents = [b"\r\n--xa" * 100_000, b"\r\n--x-" * 1000 + b"\r\n--xb"]
    pieces = cut(form_of_x(contents), [200_001, 200_003, 400_007])
    kind = b"multipart/form-data; boundary=x"
    with monkeypatch.context() as patch:
        patch.setattr(tempfile.SpooledTemporaryFile, "write", write)
        asyncio.run(read(True, Client(pieces), {}, kind))
    assert len(written) <= 2 * len(pieces) and sum(written) == sum(map(len, contents))
    both(pieces, {}, kind=kind)


def test_parts_refuses_what_is_no_form() -> None:
    for wrong in ((), (b"b",), ("b", (1, 1, 1), print), (b"b", (1, 1), print), (b"b", (1, 1, 10**30), print)):
        with pytest.raises((TypeError, OverflowError)):
            _engine.Parts(*wrong)  # type: ignore[call-arg, arg-type]
    for boundary in (b"b" * 257, b"a\rb"):
        with pytest.raises(ValueError):
            _engine.Parts(boundary, (1, 1, 1), print)
    parts = _engine.Parts(b"b", (1, 1, 1), print)
    with pytest.raises(TypeError):
        parts.feed("text")  # type: ignore[arg-type]
    assert parts.feed(b"") == [] and parts.items == []
