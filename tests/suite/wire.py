"""One HTTP/1.1 exchange as bytes, from the client's side.

`request_bytes` writes a request head and content exactly as the test asked for
them; `ResponseReader` reads the answer and accepts nothing that RFC 9112 does
not allow a server to send. Used by engine_transport only; knows neither pytest
nor the engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff]"
    rb"(?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
)
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")
_HEAD_LIMIT = 1 << 20


class WireError(Exception):
    """The bytes of an answer break HTTP/1.1 framing or end too early."""


class Connection(Protocol):
    """The part of MemoryConnection that a reader needs."""

    async def read(self) -> bytes:
        """Return the next bytes of the server, b"" when there are no more."""
        ...


def request_bytes(
    method: str,
    target: bytes,
    fields: Iterable[tuple[bytes, bytes]],
    content: bytes,
) -> bytes:
    """Serialise a request.

    Field values are written untouched, so blanks at their end are lost in the
    server's parser, as on any connection. Raises ValueError for a field that
    would break the head apart.
    """
    lines = [b"%s %s HTTP/1.1\r\n" % (method.encode("ascii"), target)]
    chunked = False
    for name, value in fields:
        if re.search(rb"[\r\n\0]", name + value):
            raise ValueError(f"line break in header field {name!r}")
        if name.lower() == b"transfer-encoding":
            chunked = value.strip().lower() == b"chunked"
        lines.append(b"%s: %s\r\n" % (name, value))
    if chunked:
        if content:
            content = b"%x\r\n%s\r\n" % (len(content), content)
        content += b"0\r\n\r\n"
    return b"".join([*lines, b"\r\n", content])


class ResponseReader:
    """Reads the final answer to one request from a connection."""

    def __init__(self, connection: Connection, method: str) -> None:
        self._connection = connection
        self._method = method
        self._buffer = b""
        self._chunked = False
        self._left: int | None = 0  # content bytes to come; None: until close
        self._in_chunk = False
        self.complete = False

    async def read_head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Return status and fields of the first answer that is not 1xx.

        Raises WireError when the head is malformed or missing.
        """
        while True:
            status, fields = self._parse_head(await self._take_head())
            if status >= 200:
                break
        self._frame_content(status, fields)
        return status, fields

    async def read_content(self) -> bytes:
        """Return the next piece of content, b"" after the last one.

        Raises WireError when the connection ends within the content.
        """
        if self.complete:
            return b""
        if self._chunked and not self._in_chunk:
            await self._begin_chunk()
            if self.complete:
                return b""
        if not self._buffer and not await self._fill():
            if self._left is None:
                self.complete = True
                return b""
            raise WireError("connection closed before the end of the content")
        return await self._take_content()

    async def _take_content(self) -> bytes:
        size = len(self._buffer) if self._left is None else self._left
        piece, self._buffer = self._buffer[:size], self._buffer[size:]
        if self._left is not None:
            self._left -= len(piece)
            if self._left == 0 and self._in_chunk:
                if await self._take_line() != b"":
                    raise WireError("chunk data not followed by CRLF")
                self._in_chunk = False
            elif self._left == 0:
                self._end()
        return piece

    async def _begin_chunk(self) -> None:
        line = await self._take_line()
        if not _CHUNK_SIZE.fullmatch(line):
            raise WireError(f"chunk size {line[:40]!r}")
        self._left = int(line, 16)
        self._in_chunk = self._left > 0
        if not self._in_chunk:
            if await self._take_line() != b"":
                raise WireError("unexpected trailer field")
            self._end()

    def _end(self) -> None:
        if self._buffer:
            raise WireError(f"bytes after the answer: {self._buffer[:40]!r}")
        self.complete = True

    async def _fill(self) -> bool:
        data = await self._connection.read()
        self._buffer += data
        return bool(data)

    async def _take_head(self) -> bytes:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _HEAD_LIMIT:
                raise WireError("endless head")
            if not await self._fill():
                raise WireError(f"connection closed in the head: {self._buffer[:40]!r}")
        head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        return head

    async def _take_line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if not await self._fill():
                raise WireError("connection closed before the end of the content")
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    @staticmethod
    def _parse_head(head: bytes) -> tuple[int, list[tuple[bytes, bytes]]]:
        first, *lines = head.split(b"\r\n")
        status = _STATUS_LINE.fullmatch(first)
        if status is None:
            raise WireError(f"status line {first!r}")
        fields = []
        for line in lines:
            field = _FIELD.fullmatch(line)
            if field is None:
                raise WireError(f"field line {line!r}")
            fields.append((field[1], field[2]))
        return int(status[1]), fields

    def _frame_content(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        """RFC 9112 section 6.3: how the length of the content is determined."""
        sizes = [value for name, value in fields if name.lower() == b"content-length"]
        codings = [v for name, v in fields if name.lower() == b"transfer-encoding"]
        if len(sizes) + len(codings) > 1:
            raise WireError(f"ambiguous framing: {sizes} {codings}")
        if self._method == "HEAD" or status in (204, 304):
            self._end()
        elif codings:
            if codings[0].lower() != b"chunked":
                raise WireError(f"transfer-encoding {codings[0]!r}")
            self._chunked = True
        elif sizes:
            if not re.fullmatch(rb"[0-9]{1,18}", sizes[0]):
                raise WireError(f"content-length {sizes[0]!r}")
            self._left = int(sizes[0])
            if self._left == 0:
                self._end()
        else:
            self._left = None
