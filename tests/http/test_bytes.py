"""What goes over the wire, byte by byte."""

from __future__ import annotations

import time
from typing import Any

import pytest
from vectors import VECTORS, Vector

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
CLOSE = b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def ok(text: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%s\r\n%s" % (len(text), more, text)


CLOSED = ok(b"hello", b"connection: close\r\n")

TABLE = {
    "one request": (CLOSE, CLOSED),
    "half close after the request": (HELLO, ok(b"hello")),
    "HEAD": (b"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n", ok(b"hello")[:-5]),
    "204 has no content": (
        b"GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\n",
    ),
    "304 has no content": (
        b"GET /status/304 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\n",
    ),
    "HTTP/1.0 is closed": (b"GET /hello HTTP/1.0\r\n\r\n" + HELLO, CLOSED),
    "HTTP/1.0 never gets chunks": (
        b"GET /stream/3 HTTP/1.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nxxx",
    ),
    "chunks out": (
        b"GET /stream/3 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nxxx\r\n0\r\n\r\n",
    ),
    "chunks in, with extension and trailer": (
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 1\r\n\r\n" + CLOSE,
        ok(b"abcd") + CLOSED,
    ),
    "trailers of any name are discarded": (
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'4;a="\t\xe9"\r\nabcd\r\n0\r\nContent-Digest: x\r\nHost: b\r\nContent-Length: 9\r\n'
        b"Cookie: c\r\nX: " + b"x" * 300 + b"\r\n\r\n" + CLOSE,
        ok(b"abcd") + CLOSED,
    ),
    "content with a length": (
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd" + CLOSE,
        ok(b"abcd") + CLOSED,
    ),
    "content that is not read": (
        b"POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd" + CLOSE,
        ok(b"hello") + CLOSED,
    ),
    "100 is not sent when the content is there": (
        b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
        b"Content-Length: 2\r\n\r\nab" + CLOSE,
        ok(b"ab") + CLOSED,
    ),
    "500 before the answer": (
        b"GET /fail HTTP/1.1\r\nHost: a\r\n\r\n" + HELLO,
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain; charset=utf-8\r\n"
        b"content-length: 21\r\nconnection: close\r\n\r\nInternal Server Error",
    ),
    "cut in the middle of an answer": (
        b"GET /failmid HTTP/1.1\r\nHost: a\r\n\r\n" + HELLO,
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_exact_bytes(plain: Any, name: str) -> None:
    sent, expected = TABLE[name]
    assert plain.ask(sent) == expected


# Byte by byte the content is not there in time.
ALL_BUT_EARLY_CONTENT = [name for name in TABLE if "when the content is there" not in name]


@pytest.mark.parametrize("name", ALL_BUT_EARLY_CONTENT)
def test_exact_bytes_in_one_byte_segments(plain: Any, name: str) -> None:
    sent, expected = TABLE[name]
    with plain.connect() as client:
        client.socket.setsockopt(6, 1, 1)  # TCP_NODELAY
        for i in range(len(sent)):
            try:
                client.send(sent[i : i + 1])
            except (BrokenPipeError, ConnectionResetError):
                break
        try:
            client.half_close()
        except OSError:
            pass
        assert client.rest().removesuffix(b"<reset>") == expected


REFUSED = [vector for vector in VECTORS if vector.status >= 400 and not vector.lives]


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector.name)
def test_refused_and_closed(plain: Any, vector: Vector) -> None:
    before = plain.ask(b"GET /seen HTTP/1.1\r\nHost: a\r\n\r\n")
    with plain.connect() as client:
        client.send(HELLO + vector.on(b"/echo") + HELLO)
        assert client.answer()[2] == b"hello"
        got, fields, _ = client.answer()
        assert (got, fields[b"connection"]) == (vector.status, b"close")
        assert client.rest() == b""
    if not vector.reads:
        # The application has seen the good request and the two questions only.
        count = [int(x.split(b'"requests": ')[1][:-1]) for x in (before, plain.ask(
            b"GET /seen HTTP/1.1\r\nHost: a\r\n\r\n"))]  # fmt: skip
        assert count[1] - count[0] == 2


@pytest.mark.parametrize("n", [1, 2, 3, 10, 33, 100, 1000])
@pytest.mark.parametrize("refused", [False, True])
def test_pipelines(plain: Any, n: int, refused: bool) -> None:
    kinds = [
        (HELLO, b"hello"),
        (b"GET /late/1 HTTP/1.1\r\nHost: a\r\n\r\n", b"late"),
        (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
        (b"GET /status/404 HTTP/1.1\r\nHost: a\r\n\r\n", b"text"),
    ]
    with plain.connect() as client:
        client.send(b"".join(kinds[i % 4][0] for i in range(n)) + (b" \r\n" if refused else b""))
        for i in range(n):
            status, _, content = client.answer()
            assert (status, content) == (404 if i % 4 == 3 else 200, kinds[i % 4][1])
        if refused:
            client.send(b"\r\n" + HELLO)
            assert client.answer()[0] == 400
            assert client.rest() == b""


def test_continue_comes_when_the_application_reads(plain: Any) -> None:
    with plain.connect() as client:
        client.send(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert client.answer()[0] == 100
        client.send(b"ab")
        assert client.answer()[2] == b"ab"
        # This one does not read: no 100, and the connection ends.
        client.send(
            b"POST /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        status, fields, _ = client.answer()
        assert (status, fields[b"connection"]) == (200, b"close")
        assert client.rest() == b""


def test_a_head_does_not_wait_for_its_content(plain: Any) -> None:
    with plain.connect() as client:
        client.send(b"GET /begin/1000 HTTP/1.1\r\nHost: a\r\n\r\n")
        first = client.socket.recv(1 << 16)
        assert first.startswith(b"HTTP/1.1 200 ") and first.endswith(b"chunked\r\n\r\n")
        assert client.rest() == b"2\r\nab\r\n"


def test_a_head_and_content_of_one_turn_leave_together(plain: Any) -> None:
    with plain.connect() as client:
        client.send(b"GET /begin/0 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.socket.recv(1 << 16).endswith(b"\r\n\r\n2\r\nab\r\n")


def test_a_cut_answer_without_length_ends_with_a_reset(plain: Any) -> None:
    # To an HTTP/1.0 client an orderly end would be the end of the content.
    with plain.connect() as client:
        client.send(b"GET /begin/0 HTTP/1.0\r\n\r\n")
        assert client.rest().endswith(b"<reset>")


def test_an_answer_that_cannot_be_sent_is_logged(plain: Any) -> None:
    assert plain.ask(b"GET /plus HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 500 ")
    assert "RuntimeError: Invalid HTTP header value." in plain.log


def test_date_and_server(plain: Any) -> None:
    with plain.connect() as client:
        client.send(HELLO)
        fields = client.answer()[1]
    assert list(fields)[:2] == [b"date", b"server"]
    sent = time.strptime(fields[b"date"].decode(), "%a, %d %b %Y %H:%M:%S GMT")
    assert abs(time.mktime(sent) - time.mktime(time.gmtime())) <= 2
    assert fields[b"server"] == b"fastrd"


def test_response_splitting_is_not_possible(plain: Any) -> None:
    answer = plain.ask(b"GET /split HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ") and b"x-evil" not in answer


def test_logs_do_not_carry_request_bytes(plain: Any) -> None:
    failures = plain.log.count("before the answer")
    for target in (b"/fail?\x1b[31m", b"/fail/%1b[31m", b"/fail?%1b[31m"):
        plain.ask(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % target)
    # The first is refused, the other two are logged with their tracebacks.
    assert plain.log.count("before the answer") >= failures + 2
    assert "\x1b[31m" not in plain.log


def test_a_fastapi_application(fast: Any) -> None:
    json = b"content-type: application/json\r\n"
    assert fast.ask(HELLO) == ok(b'{"message":"hello"}', json)
    item = b'{"name":"tea","price":2.5}'
    head = b"POST /items HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n%s" % (len(item), item)
    for cut in range(len(head), len(whole), 3):
        with fast.connect() as client:
            client.send(whole[:cut])
            time.sleep(0.001)
            client.send(whole[cut:])
            assert client.answer()[2] == item
    chunks = head + b"Transfer-Encoding: chunked\r\n\r\n"
    chunks += b"".join(b"1\r\n%c\r\n" % x for x in item) + b"0\r\n\r\n"
    assert fast.ask(chunks) == ok(item, json)
    assert fast.ask(head + b"Content-Length: 0\r\n\r\n").startswith(b"HTTP/1.1 422 ")
    number = b"GET /plain-function/%s HTTP/1.1\r\nHost: a\r\n\r\n"
    assert fast.ask(number % b"7?q=x") == ok(b'{"number":7,"q":"x"}', json)
    assert fast.ask(number % b"x").startswith(b"HTTP/1.1 422 ")
    assert fast.ask(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("method", "path", "status", "content"),
    [
        (b"GET", b"/methods", 200, b'"GET"'),
        (b"QUERY", b"/methods", 200, b'"QUERY"'),
        (b"BREW", b"/methods", 200, b'"BREW"'),
        (b"BREW", b"/methods/other", 200, b'"brewed"'),
        (b"GET", b"/methods/other", 405, b""),
        (b"QUERY", b"/methods/other", 405, b""),
        (b"FOO", b"/methods", 405, b""),
        (b"get", b"/methods", 405, b""),
        (b"GETS", b"/methods", 405, b""),
        (b"QUERY", b"/hello", 405, b""),
        (b"FOO", b"/hello", 405, b""),
        (b"FOO", b"/nowhere", 404, b""),
    ],
)
def test_any_token_is_a_method(
    fast: Any, method: bytes, path: bytes, status: int, content: bytes
) -> None:
    """What a route declares is served; the rest is the application's 405, which says Allow."""
    with fast.connect() as client:
        for _ in range(2):
            client.send(b"%s %s HTTP/1.1\r\nHost: a\r\n\r\n" % (method, path))
            got, fields, body = client.answer()
            assert got == status
            assert (b"allow" in fields) == (status == 405)
            if content:
                assert body == content


def test_connect_is_refused_with_what_is_allowed(plain: Any) -> None:
    with plain.connect() as client:
        client.send(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
        status, fields, _ = client.answer()
        assert status == 405
        assert b"GET" in fields[b"allow"]
        assert client.rest() == b""


def test_pipelined_fastapi_requests(fast: Any) -> None:
    with fast.connect() as client:
        for _ in range(20):
            client.send(
                (HELLO + b"GET /plain-function/5 HTTP/1.1\r\nHost: a\r\n\r\n") * 8
            )
            for _ in range(8):
                assert client.answer()[2] == b'{"message":"hello"}'
                assert client.answer()[2] == b'{"number":5,"q":"none"}'
