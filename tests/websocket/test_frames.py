"""What RFC 6455 says of each frame a client may send, or may not: at once, and byte by byte."""

from __future__ import annotations

import pytest
from raw import BINARY, CLOSE, PING, PONG, TEXT, Raw, close, frame

END = close(1000)
SAID = (CLOSE, b"\x03\xe8")


def closed(code: int) -> tuple[int, str]:
    return CLOSE, str(code)


def text(data: str) -> tuple[int, bytes]:
    return TEXT, data.encode()


KAPPA = "κόσμε".encode()
CASES: dict[str, tuple[bytes, list[tuple[int, bytes | str]]]] = {
    "text": (frame(TEXT, b"hello") + END, [text("hello"), SAID]),
    "empty text": (frame(TEXT) + END, [text(""), SAID]),
    "binary": (frame(BINARY, bytes(range(256))) + END, [(BINARY, bytes(range(256))), SAID]),
    "empty binary": (frame(BINARY) + END, [(BINARY, b""), SAID]),
    "a mask of zeros": (frame(TEXT, b"hello", mask=bytes(4)) + END, [text("hello"), SAID]),
    "text of two lengths": (frame(TEXT, KAPPA) + END, [(TEXT, KAPPA), SAID]),
    "several": (frame(TEXT, b"1") + frame(BINARY, b"2") + frame(TEXT, b"3") + END,
        [text("1"), (BINARY, b"2"), text("3"), SAID]),
    "two fragments": (frame(TEXT, b"a", fin=False) + frame(0, b"b") + END, [text("ab"), SAID]),
    "empty fragments": (frame(TEXT, fin=False) + frame(0, fin=False) + frame(0) + END,
        [text(""), SAID]),
    "a character over fragments": (
        b"".join(frame(0 if i else TEXT, KAPPA[i : i + 1], fin=False) for i in range(len(KAPPA)))
        + frame(0) + END,
        [(TEXT, KAPPA), SAID]),
    "binary fragments": (frame(BINARY, b"\xff", fin=False) + frame(0, b"\xfe") + END,
        [(BINARY, b"\xff\xfe"), SAID]),
    "ping": (frame(PING, b"p") + END, [(PONG, b"p"), SAID]),
    "empty ping": (frame(PING) + END, [(PONG, b""), SAID]),
    "ping of 125": (frame(PING, b"x" * 125) + END, [(PONG, b"x" * 125), SAID]),
    "ten pings": (b"".join(frame(PING, b"%d" % i) for i in range(10)) + END,
        [*((PONG, b"%d" % i) for i in range(10)), SAID]),
    "ping between fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"p") + frame(0, b"b") + END,
        [(PONG, b"p"), text("ab"), SAID]),
    "ping between all fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING, b"1") + frame(0, b"b", fin=False) + frame(PING, b"2")
        + frame(0, b"c") + END,
        [(PONG, b"1"), (PONG, b"2"), text("abc"), SAID]),
    "many fragments": (
        frame(TEXT, b"x" * 1300, fin=False) + frame(0, b"x" * 1300, fin=False) * 48 + frame(0, b"x" * 100) + END,
        [text("x" * 63800), SAID]),
    "empty pong that nobody asked for": (frame(PONG) + frame(PING, b"p") + END, [(PONG, b"p"), SAID]),
    "pong that nobody asked for": (frame(PONG, b"x") + frame(TEXT, b"a") + END, [text("a"), SAID]),
    "close without a code": (close(), [(CLOSE, b"")]),
    "close with a reason": (close(1000, KAPPA), [(CLOSE, b"\x03\xe8" + KAPPA)]),
    "close with the longest reason": (close(1000, b"r" * 123), [(CLOSE, b"\x03\xe8" + b"r" * 123)]),
    "data behind a close": (close(1000) + frame(TEXT, b"late"), [SAID]),
    "ping behind a close": (close(1000) + frame(PING, b"late"), [SAID]),
    "close behind a close": (close(1000) + close(1001), [SAID]),
    "a fragment, then a close": (frame(TEXT, b"a", fin=False) + close(1000), [SAID]),
    # What breaks the protocol; messages before it are answered.
    "no mask": (frame(TEXT, b"a", mask=b""), [closed(1002)]),
    "no mask behind a message": (frame(TEXT, b"a") + frame(TEXT, b"b", mask=b""),
        [text("a"), closed(1002)]),
    "ping of 126": (frame(PING, b"x" * 126), [closed(1002)]),
    "fragmented ping": (frame(PING, b"p", fin=False), [closed(1002)]),
    "fragmented pong": (frame(PONG, b"p", fin=False), [closed(1002)]),
    "close of 126": (frame(CLOSE, b"\x03\xe8" + b"x" * 124), [closed(1002)]),
    "reserved bits behind a message": (frame(TEXT, b"a") + frame(TEXT, b"b", rsv=2) + frame(PING),
        [text("a"), closed(1002)]),
    "reserved bits of a ping": (frame(PING, b"p", rsv=1), [closed(1002)]),
    "reserved bits of a close": (frame(CLOSE, b"\x03\xe8", rsv=7), [closed(1002)]),
    "opcode 3 behind a message": (frame(TEXT, b"a") + frame(3, b"b") + frame(PING), [text("a"), closed(1002)]),
    "opcode 11 behind a message": (frame(TEXT, b"a") + frame(11, b"b") + frame(PING), [text("a"), closed(1002)]),
    "empty continuation of nothing": (frame(0, fin=False) + frame(TEXT, b"a"), [closed(1002)]),
    "fragmented close": (frame(CLOSE, fin=False), [closed(1002)]),
    "continuation of nothing": (frame(0, b"a"), [closed(1002)]),
    "continuation behind a whole message": (frame(TEXT, b"a") + frame(0, b"b"),
        [text("a"), closed(1002)]),
    "text inside a message": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), [closed(1002)]),
    "length of 2^63": (b"\x82\xff" + b"\x80" + bytes(7) + bytes(4), [closed(1002)]),
    "close of one byte": (frame(CLOSE, b"\x03"), [closed(1002)]),
    "reason that is no UTF-8": (close(1000, b"\xff"), [closed(1007)]),
    "text that is no UTF-8": (frame(TEXT, b"a\xff"), [closed(1007)]),
    "text cut within a character": (frame(TEXT, KAPPA[:-1]), [closed(1007)]),
    "text with a surrogate": (frame(TEXT, b"\xed\xa0\x80"), [closed(1007)]),
    "ill-formed text in a fragment": (frame(TEXT, KAPPA + b"\xf4\x90", fin=False), [closed(1007)]),
    "ill-formed text behind a message": (frame(TEXT, b"a") + frame(TEXT, b"\xc0\xaf"),
        [text("a"), closed(1007)]),
    "too large": (frame(BINARY, bytes(100001))[:20], [closed(1009)]),
    "too large in fragments": (
        frame(BINARY, bytes(60000), fin=False) + frame(0, bytes(60000))[:20], [closed(1009)]),
    "as large as may be": (frame(BINARY, bytes(100000)) + END, [(BINARY, bytes(100000)), SAID]),
}  # fmt: skip
# Of the suite of Autobahn and of Markus Kuhn's text for decoders.
WELL_FORMED = (
    "Hello-µ@ßöäüàá-UTF-8!!", "\0", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\uffff",
    "\U00010000", "\U0001fffe", "\U000fffff", "\U0010ffff", "\x7f", "\xa9\u2260\U0001d11e",
)  # fmt: skip
ILL_FORMED = (
    b"\x80", b"\xbf", b"\x80\xbf", b"\xc0\x80", b"\xc0 ", b"\xc1\xbf", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xed\xa0\x80",
    b"\xed\xaf\xbf\xed\xbf\xbf", b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xfe", b"\xff", b"\xc3", b"\xe1\x80", b"\xf1\x80\x80", b"\xc3(",
)  # fmt: skip
CASES |= {
    f"text {data!a}": (frame(TEXT, data.encode()) + END, [text(data), SAID]) for data in WELL_FORMED
}
CASES |= {f"text {data!r}": (frame(TEXT, b"a" + data), [closed(1007)]) for data in ILL_FORMED}
CASES |= {
    f"length {n}": (frame(BINARY, b"*" * n) + END, [(BINARY, b"*" * n), SAID])
    for n in (125, 126, 127, 128, 65535, 65536, 65537)
}
CASES |= {
    f"reserved bits {rsv}": (frame(TEXT, b"a", rsv=rsv), [closed(1002)]) for rsv in range(1, 8)
}
CASES |= {
    f"opcode {n}": (frame(n, b"a"), [closed(1002)]) for n in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
}
CASES |= {
    f"close code {code}": (close(code), [(CLOSE, code.to_bytes(2, "big"))])
    for code in (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999)
}
CASES |= {
    f"close code {code}, which nobody sends": (close(code), [closed(1002)])
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
}


def seen(opcode: int, payload: bytes, expected: bytes | str) -> tuple[int, bytes | str]:
    """A frame as the case says it: where that names the code only, the reason does not count."""
    if opcode == CLOSE and isinstance(expected, str):
        return opcode, str(int.from_bytes(payload[:2], "big"))
    return opcode, payload


def compare(client: Raw, expected: list[tuple[int, bytes | str]]) -> None:
    got = list(client.rest())
    said = [seen(*one, want[1]) for one, want in zip(got, expected)]
    assert [*said, *got[len(said) :]] == expected


@pytest.mark.parametrize("case", CASES)
def test_at_once(echo, case):
    sent, expected = CASES[case]
    with Raw(echo.port) as client:
        client.send(sent)
        compare(client, expected)


@pytest.mark.parametrize("case", [case for case, (sent, _) in CASES.items() if len(sent) < 1000])
def test_byte_by_byte(echo, case):
    sent, expected = CASES[case]
    with Raw(echo.port) as client:
        try:
            for i in range(len(sent)):
                client.send(sent[i : i + 1])
        except (BrokenPipeError, ConnectionResetError):
            assert expected[-1][0] == CLOSE  # it was closed before the last byte
        compare(client, expected)


def test_frames_with_the_handshake(echo):
    """What comes behind the head in the same packet waits until the handshake is answered."""
    with Raw(echo.port, behind=frame(TEXT, b"early") + END) as client:
        compare(client, [text("early"), SAID])


def test_a_client_that_leaves_without_a_close(echo):
    with Raw(echo.port) as client:
        client.send(frame(TEXT, b"a"))
        client.socket.shutdown(1)
        assert list(client.rest()) == [text("a")]
