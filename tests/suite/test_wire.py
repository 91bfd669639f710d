"""wire.py: what it sends, what it accepts and what it refuses."""

from __future__ import annotations

import asyncio

import pytest
from wire import ResponseReader, WireError, request_bytes

HEAD = b"HTTP/1.1 200 OK\r\n"


class Pieces:
    """A connection that hands out prepared bytes, `size` at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._pieces = [data[i : i + size] for i in range(0, len(data), size)]

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""


def read(data: bytes, method: str = "GET", size: int = 1 << 20) -> tuple[int, list, bytes]:
    async def run() -> tuple[int, list, bytes]:
        reader = ResponseReader(Pieces(data, size), method)
        status, fields = await reader.read_head()
        content = b""
        while piece := await reader.read_content():
            content += piece
        assert reader.complete
        return status, fields, content

    return asyncio.run(run())


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize(
    ("data", "content"),
    [
        (HEAD + b"content-length: 5\r\n\r\nhello", b"hello"),
        (HEAD + b"content-length: 0\r\n\r\n", b""),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\nA\r\n, world ab\r\n0\r\n\r\n",
         b"hello, world ab"),
        (HEAD + b"\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"content-length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 204 \r\n\r\n", b""),
    ],
)
def test_content_is_the_same_however_the_bytes_arrive(data: bytes, content: bytes, size: int) -> None:
    assert read(data, size=size)[2] == content


def test_head_answer_has_no_content_whatever_its_length_says() -> None:
    assert read(HEAD + b"content-length: 5\r\n\r\n", method="HEAD")[2] == b""


def test_field_values_lose_surrounding_blanks_only() -> None:
    fields = read(HEAD + b"x-a: \t b  c\t \r\nx-empty:\r\ncontent-length: 0\r\n\r\n")[1]
    assert fields[:2] == [(b"x-a", b"b  c"), (b"x-empty", b"")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 99 No\r\n\r\n",
        HEAD[:-2] + b"\ncontent-length: 0\r\n\r\n",
        HEAD + b"content-length: 5\r\n",
        HEAD + b"content-length : 0\r\n\r\n",
        HEAD + b" folded: 0\r\n\r\n",
        HEAD + b"x: a\0b\r\n\r\n",
        HEAD + b"content-length: +5\r\n\r\nhello",
        HEAD + b"content-length: 5\r\n\r\nhell",
        HEAD + b"content-length: 5\r\n\r\nhello!",
        HEAD + b"content-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: gzip\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\nx-trailer: 1\r\n\r\n",
        HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\nmore",
        b"HTTP/1.1 204 No Content\r\n\r\nbody",
    ],
)
def test_malformed_or_cut_answer_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        read(data)


def test_request_is_written_as_asked() -> None:
    sent = request_bytes("POST", b"/a?b=%20", [(b"Host", b"h"), (b"X", b"1 "), (b"X", b"2")], b"c")
    assert sent == b"POST /a?b=%20 HTTP/1.1\r\nHost: h\r\nX: 1 \r\nX: 2\r\n\r\nc"


def test_chunked_request_is_framed() -> None:
    field = (b"Transfer-Encoding", b"chunked")
    assert request_bytes("POST", b"/", [field], b"hello").endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    assert request_bytes("POST", b"/", [field], b"").endswith(b"\r\n\r\n0\r\n\r\n")


def test_line_break_in_a_field_is_refused() -> None:
    with pytest.raises(ValueError):
        request_bytes("GET", b"/", [(b"x", b"a\r\nb: c")], b"")
