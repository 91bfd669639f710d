"""Requests and their verdicts: what is served, what is refused, whether the connection lives on.

Each stands for one thing that servers have got wrong. ``/@`` in a request is the route that it
is sent to.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Vector:
    """``status``: of the answer; 0: there is none, the client leaves too early. ``lives``: the
    connection takes another request. ``reads``: so it is where the application reads the
    content; elsewhere it may have answered before."""

    name: str
    request: bytes
    status: int
    lives: bool
    reads: bool = False

    def on(self, route: bytes) -> bytes:
        return self.request.replace(b"/@", route)

    @property
    def statuses(self) -> list[int]:
        """The answers when a good request follows."""
        return [self.status] * (self.status > 0) + [200] * self.lives


def head(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([line, *fields, b"", b""])


def get(*fields: bytes) -> bytes:
    return head(b"GET /@/ HTTP/1.1", b"Host: a", *fields)


def post(*fields: bytes, content: bytes = b"") -> bytes:
    return head(b"POST /@/ HTTP/1.1", b"Host: a", b"Content-Type: application/json", *fields) + content


def served(name: str, request: bytes, status: int = 200, reads: bool = False) -> Vector:
    return Vector(name, request, status, True, reads)


def last(name: str, request: bytes, status: int = 200) -> Vector:
    """Served, but the connection closes."""
    return Vector(name, request, status, False)


def refused(name: str, request: bytes, status: int = 400, reads: bool = False) -> Vector:
    return Vector(name, request, status, False, reads)


def unfinished(name: str, request: bytes) -> Vector:
    return Vector(name, request, 0, False, True)


def line(text: bytes) -> bytes:
    return head(text, b"Host: a")


def target(text: bytes) -> bytes:
    return line(b"GET %s HTTP/1.1" % text)


def host(value: bytes) -> bytes:
    return head(b"GET /@/ HTTP/1.1", b"Host: %s" % value)


def chunks(content: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", content=content)


def trailers(lines: bytes) -> bytes:
    return chunks(b"1\r\n1\r\n0\r\n" + lines + b"\r\n")


HEADS = [
    served("GET", get()),
    served("HEAD", line(b"HEAD /@/ HTTP/1.1")),
    served("a CRLF before", b"\r\n" + get()),
    refused("two CRLF before", b"\r\n\r\n" + get()),
    refused("LF before", b"\n" + get()),
    refused("bare LF everywhere", b"GET /@/ HTTP/1.1\nHost: a\n\n"),
    refused("bare LF behind the request line", b"GET /@/ HTTP/1.1\nHost: a\r\n\r\n"),
    refused("bare LF behind a field", b"GET /@/ HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"),
    refused("bare LF as the blank line", b"GET /@/ HTTP/1.1\r\nHost: a\r\n\n"),
    refused("bare CR as line ends", b"GET /@/ HTTP/1.1\rHost: a\r\r"),
    refused("bare CR in a value", get(b"X: a\rb")),
    refused("CR CR LF", get(b"X: a\r")),
    refused("CR in a name", get(b"X\r: a")),
    refused("obs-fold", get(b"X: a", b" b")),
    refused("obs-fold with a tab", get(b"X: a", b"\tb")),
    refused("a blank before the first name", get(b" X: a")),
    refused("NUL in a value", get(b"X: a\0b")),
    refused("NUL in a name", get(b"X\0: a")),
    refused("NUL in the target", target(b"/@/\0")),
    refused("DEL in a value", get(b"X: \x7f")),
    refused("a blank before the colon", get(b"X : a")),
    refused("a tab before the colon", get(b"X\t: a")),
    refused("no colon", get(b"X")),
    refused("no name", get(b": a")),
    refused("a parenthesis in a name", get(b"X(y): a")),
    refused("a high byte in a name", get(b"X\xe9: a")),
    served("high bytes and tabs in a value", get(b"X: \t\xe9\tb\t")),
    served("an empty value", get(b"X:")),
    served("underscores in names", get(b"Content_Length: 5")),
    served("an upgrade that is not served", get(b"Connection: Upgrade", b"Upgrade: h2c")),
    last("Connection: close", get(b"Connection: close")),
    last("Connection: close in a list", get(b"Connection: x, Close")),
    served("Connection: keep-alive", get(b"Connection: keep-alive")),
    unfinished("nothing but a method", b"GET"),
    unfinished("half a head", get()[:-3]),
    unfinished("half a line end", get()[:-1]),
]

LINES = [
    last("HTTP/1.0", line(b"GET /@/ HTTP/1.0")),
    served("HTTP/1.2", line(b"GET /@/ HTTP/1.2")),
    refused("HTTP/0.9", line(b"GET /@/ HTTP/0.9"), 505),
    refused("HTTP/2.0", line(b"GET /@/ HTTP/2.0"), 505),
    refused("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    refused("HTTP/1.10", line(b"GET /@/ HTTP/1.10")),
    refused("http/1.1", line(b"GET /@/ http/1.1")),
    refused("no version", line(b"GET /@/")),
    refused("two blanks behind the method", line(b"GET  /@/ HTTP/1.1")),
    refused("two blanks before the version", line(b"GET /@/  HTTP/1.1")),
    refused("a blank behind the version", line(b"GET /@/ HTTP/1.1 ")),
    refused("a blank before the method", line(b" GET /@/ HTTP/1.1")),
    refused("a blank in the target", line(b"GET /@/ b HTTP/1.1")),
    refused("tabs for blanks", line(b"GET\t/@/\tHTTP/1.1")),
    refused("no method", line(b"/@/ HTTP/1.1")),
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    served("QUERY", line(b"QUERY /@/ HTTP/1.1")),
    served("a method of the application's own", line(b"BREW /@/ HTTP/1.1")),
    served("a method that no route has", line(b"FOO /@/ HTTP/1.1"), 405),
    served("a known method that no route has", line(b"PROPFIND /@/ HTTP/1.1"), 405),
    served("a method in lower case", line(b"get /@/ HTTP/1.1"), 405),
    served("a method of 64 bytes", line(b"M" * 64 + b" /@/ HTTP/1.1"), 405),
    refused("a method of 65 bytes", line(b"M" * 65 + b" /@/ HTTP/1.1"), 501),
    refused("a method of 100,000 bytes", line(b"M" * 100_000 + b" /@/ HTTP/1.1"), 501),
    refused("a comma in the method", line(b"GE,T /@/ HTTP/1.1")),
    refused("CONNECT", line(b"CONNECT a:80 HTTP/1.1"), 405),
    refused("CONNECT of a path", line(b"CONNECT /@/ HTTP/1.1"), 405),
]

TARGETS = [
    served("a fragment behind a query", target(b"/@/?a#b?c#")),
    refused("a fragment behind a path", target(b"/@/#b?c")),
    served("backslashes", target(b"/@/\\?\\")),
    served("delimiters", target(b"/@/\"<>[]{}|^`?\"<>[]{}|^`")),
    served("%00", target(b"/@/%00?%00")),
    served("%0D%0A", target(b"/@/%0D%0A?a%0D%0Ab")),
    served("broken percent sequences", target(b"/@/100%?5%+off&%u20AC&%zz&%4")),
    served("percent sequences that are no UTF-8", target(b"/@/%FF?%FF")),
    refused("a high byte in the path", target(b"/@/\xe9")),
    refused("a high byte in the query", target(b"/@/?\xe9")),
    refused("a relative target", target(b"x")),
    refused("a query alone", target(b"?x")),
    served("an asterisk", line(b"OPTIONS * HTTP/1.1"), 404),
    refused("an asterisk with GET", target(b"*")),
    served("an absolute target", target(b"http://a/@/?b")),
    served("an absolute target of another host", target(b"HTTPS://b:80/@/")),
    refused("another scheme", target(b"ftp://a/@/")),
    refused("userinfo in an absolute target", target(b"http://u@a/@/")),
    refused("an absolute target without a host", target(b"http:///@/")),
    served("a Host with a port", host(b"a:000080")),
    served("a Host of IPv6", host(b"[::1]:80")),
    served("an empty Host", host(b"")),
    refused("a comma in Host", host(b"a,b")),
    refused("userinfo in Host", host(b"u@a")),
    refused("a path in Host", host(b"a/b")),
    refused("a blank in Host", host(b"a b")),
    refused("a port that is no number", host(b"a:b")),
    refused("an open bracket", host(b"[::1")),
    refused("no Host", b"GET /@/ HTTP/1.1\r\n\r\n"),
    refused("two Hosts", get(b"Host: a")),
    refused("257 Hosts", get(*[b"Host: a"] * 256)),
    last("no Host in HTTP/1.0", b"GET /@/ HTTP/1.0\r\n\r\n"),
    last("an absolute target without Host in HTTP/1.0", b"GET http://a/@/ HTTP/1.0\r\n\r\n"),
]

SIZES = [
    served("a line of 10,000 bytes", target(b"/@/?" + b"a" * 10_000)),
    served("a field of 9,000 bytes", get(b"Cookie: a=" + b"a" * 9_000)),
    served("150 fields", get(*[b"X: a"] * 150)),
    served("1,000 fields", get(*[b"X: a"] * 999)),
    refused("1,001 fields", get(*[b"X: a"] * 1_000), 431),
    refused("a line of 70,000 bytes", target(b"/@/?" + b"a" * 70_000), 414),
    refused("a field of 70,000 bytes", get(b"X: " + b"a" * 70_000), 431),
    refused("a head of 70,000 bytes", get(*[b"X: " + b"a" * 700] * 100), 431),
]

FRAMING = [
    served("a length", post(b"Content-Length: 3", content=b"[1]")),
    served("blanks around a length", post(b"Content-Length: \t 3 \t", content=b"[1]")),
    served("a length of zero", post(b"Content-Length: 0")),
    served("no content", post()),
    served("GET with content", get(b"Content-Type: application/json", b"Content-Length: 1") + b"1"),
    refused("a leading zero", post(b"Content-Length: 03", content=b"[1]")),
    refused("a plus", post(b"Content-Length: +3", content=b"[1]")),
    refused("a minus", post(b"Content-Length: -3", content=b"[1]")),
    refused("a list of lengths", post(b"Content-Length: 3, 3", content=b"[1]")),
    refused("an empty length", post(b"Content-Length:")),
    refused("a hexadecimal length", post(b"Content-Length: 0x3", content=b"[1]")),
    refused("a length that overflows", post(b"Content-Length: 18446744073709551617", content=b"1")),
    refused("a length twice", post(b"Content-Length: 3", b"Content-Length: 3", content=b"[1]")),
    refused("two lengths", post(b"Content-Length: 3", b"content-length: 4", content=b"[1]")),
    refused("a length behind a coding", chunks(b"").replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\n")),
    refused("a length before a coding", post(b"Content-Length: 3", b"Transfer-Encoding: chunked")),
    refused("chunked twice", post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    refused("chunked, chunked", post(b"Transfer-Encoding: chunked, chunked")),
    refused("chunked, gzip", post(b"Transfer-Encoding: chunked, gzip")),
    refused("gzip", post(b"Transfer-Encoding: gzip")),
    refused("identity", post(b"Transfer-Encoding: identity")),
    refused("xchunked", post(b"Transfer-Encoding: xchunked")),
    refused("an empty coding", post(b"Transfer-Encoding:")),
    refused("an empty coding before", post(b"Transfer-Encoding: ,chunked")),
    refused("vertical tab and chunked", post(b"Transfer-Encoding: \x0bchunked")),
    refused("a blank before a coding's colon", post(b"Transfer-Encoding : chunked")),
    refused("gzip, chunked", post(b"Transfer-Encoding: gzip, chunked"), 501),
    refused("a coding in HTTP/1.0", head(b"POST /@/ HTTP/1.0", b"Transfer-Encoding: chunked")),
    served("an empty expectation", post(b"Expect:", b"Content-Length: 1", content=b"1")),
    served("an unknown expectation", post(b"Expect: tea", b"Content-Length: 1", content=b"1")),
    served("100-continue", post(b"Expect: 100-Continue", b"Content-Length: 1", content=b"1"), reads=True),
    unfinished("half a content", post(b"Content-Length: 10", content=b"abc")),
    unfinished("half a chunk", chunks(b"5\r\nab")),
    unfinished("half a size", chunks(b"5")),
    unfinished("no last chunk", chunks(b"1\r\n1\r\n")),
    unfinished("no end of the trailers", trailers(b"X: a\r\n")[:-1]),
]

CHUNKS = [
    served("chunks", chunks(b"1\r\n[\r\n2\r\n1]\r\n0\r\n\r\n")),
    served("hexadecimal sizes", chunks(b"0a\r\n[1,2,3,45]\r\n00\r\n\r\n")),
    served("extensions", chunks(b'1;a;b=c;d="e ;\\" f"\r\n1\r\n0;g\r\n\r\n')),
    served("tabs and high bytes in a quoted extension", chunks(b'1;a="\t\xe9\\\t"\r\n1\r\n0\r\n\r\n')),
    served("a trailer", trailers(b"X: a\r\n")),
    served("trailers that mean something in a head", trailers(
        b"Content-Digest: a\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\nHost: b\r\n"
        b"Authorization: c\r\nCookie: d\r\nTrailer: e\r\n")),
    served("a trailer of 300 bytes", trailers(b"X: " + b"a" * 300 + b"\r\n")),
    *(refused(name, chunks(content), reads=True) for name, content in (
        ("no size", b"\r\n1\r\n0\r\n\r\n"),
        ("no hexadecimal size", b"g\r\n1\r\n0\r\n\r\n"),
        ("0x", b"0x1\r\n1\r\n0\r\n\r\n"),
        ("a sign", b"+1\r\n1\r\n0\r\n\r\n"),
        ("a blank behind the size", b"1 \r\n1\r\n0\r\n\r\n"),
        ("a size that overflows", b"ffffffffffffffff\r\n1"),
        ("17 digits", b"00000000000000001\r\n1\r\n0\r\n\r\n"),
        ("LF alone behind the size", b"1\n1\r\n0\r\n\r\n"),
        ("CR alone behind the size", b"1\r1\r\n0\r\n\r\n"),
        ("LF alone behind the data", b"1\r\n1\n0\r\n\r\n"),
        ("data longer than its size", b"1\r\n12\r\n0\r\n\r\n"),
        ("an empty extension", b"1;\r\n1\r\n0\r\n\r\n"),
        ("a blank in an extension", b"1; a\r\n1\r\n0\r\n\r\n"),
        ("an open quote", b'1;a="b\r\n1\r\n0\r\n\r\n'),
        ("a control byte in an extension", b'1;a="\x01"\r\n1\r\n0\r\n\r\n'),
        ("an endless extension", b"1;" + b"a" * 300 + b"\r\n1\r\n0\r\n\r\n"),
        ("LF ends the trailers", b"0\r\n\n"),
    )),
    *(refused(name, trailers(lines), reads=True) for name, lines in (
        ("a trailer without colon", b"X\r\n"),
        ("a trailer without name", b": a\r\n"),
        ("a folded trailer", b"X: a\r\n b\r\n"),
        ("a blank before a trailer's colon", b"X : a\r\n"),
        ("a control byte in a trailer", b"X: \x01\r\n"),
        ("LF alone behind a trailer", b"X: a\n"),
    )),
    refused("a trailer of 70,000 bytes", trailers(b"X: " + b"a" * 70_000 + b"\r\n"), 431, True),
    refused("trailers of 70,000 bytes", trailers((b"X: " + b"a" * 700 + b"\r\n") * 100), 431, True),
    refused("1,001 trailers", trailers(b"X: a\r\n" * 1_001), 431, True),
]  # fmt: skip

VECTORS = [*HEADS, *LINES, *TARGETS, *SIZES, *FRAMING, *CHUNKS]
