"""Every way a request can run, as bytes."""

from __future__ import annotations

from dataclasses import dataclass

CRLF = "\r\n"


@dataclass(frozen=True)
class Way:
    """One request and how it must end.

    ``status`` 0: the client leaves after the bytes (or ``leave_after`` bytes of
    the answer). ``how``: compiled, inside (compiled inside request_response), replayed,
    asgi, - when it must not reach Python, "" when it may run or not.
    ``together``: so many of them in one piece.
    """

    name: str
    data: bytes
    status: int
    how: str
    together: int = 1
    leave_after: int = 0

    @property
    def is_websocket(self) -> bool:
        """It is a handshake with the frames that follow it, so nothing else can be sent behind it."""
        return b"Upgrade: websocket" in self.data

    def last(self) -> bytes:
        """The same, asking the server to close."""
        return self.data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def request(method: str, target: str, *fields: str, body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: leak.test", *fields]
    if body and not any(field.startswith("Transfer-Encoding") for field in fields):
        lines.append(f"Content-Length: {len(body)}")
    return (CRLF.join(lines) + 2 * CRLF).encode() + body


def get(target: str, *fields: str) -> bytes:
    return request("GET", target, *fields)


def json(target: str, body: bytes) -> bytes:
    return request("POST", target, "Content-Type: application/json", body=body)


ITEM = b'{"name": "chair", "price": 12.5, "parts": [{"name": "leg", "weights": [1.5, 2]}]}'
# More than one read takes.
LARGE = ITEM[:-1] + b" " * 200_000 + b"}"
DEFLATE = ("Sec-WebSocket-Extensions: permessage-deflate",)
FORM = "Content-Type: application/x-www-form-urlencoded"
UPLOAD = "Content-Type: multipart/form-data; boundary=b"
PARTS = b"".join(
    b'--b\r\nContent-Disposition: form-data; name="%s"; filename="f"\r\n\r\n%s\r\n' % (name, text)
    for name, text in ((b"file", b"x" * 3000), (b"small", b"tiny"))
)
ARRIVES = PARTS.replace(b"tiny", b"y" * 1_200_000)
CHUNKED = b"4\r\n1234\r\n3;ext=1\r\n567\r\n0\r\nX-Last: x\r\n\r\n"


def websocket(target: str, *payloads: bytes, code: int = 1000, offers: tuple[str, ...] = ()) -> bytes:
    """A handshake, these messages, and a Close frame. The mask is of zeros."""
    fields = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", *offers)
    key = "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA=="
    frames = [bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload for payload in payloads]
    return get(target, *fields, key) + b"".join(frames) + b"\x88\x82\0\0\0\0" + code.to_bytes(2, "big")


# Where they run depends on the application: `how` is the direct one's.
BOTH = [
    Way("async", get("/hello"), 200, "compiled"),
    Way("thread", get("/plain-hello"), 200, "compiled"),
    Way("head", request("HEAD", "/plain-hello"), 200, "compiled"),
    Way("task", get("/suspended/0"), 200, "compiled"),
    Way(
        "parameters",
        get("/params/7/n%20m?q=a&q=%C3%A9&flag=yes", "X-Token: t", "Cookie: cart=c; more=d"),
        200,
        "compiled",
    ),
    Way("model", json("/items", ITEM), 201, "compiled"),
    Way("model in a thread", json("/plain-items?skip=2", ITEM), 200, "compiled"),
    Way("dependencies", get("/dependencies?skip=1", "User-Agent: me"), 200, "compiled"),
    Way("yield dependencies", get("/yielding"), 200, "compiled"),
    Way("yield dependencies in threads", get("/plain-yielding"), 200, "compiled"),
    Way("yield dependencies with the Request", get("/yielding-request"), 200, "compiled"),
    Way("stream and a yield dependency", get("/yielding-stream"), 200, "compiled"),
    Way("exit that waits", get("/slow-exit"), 200, "compiled"),
    Way("exits without failures", get("/failing"), 200, "compiled"),
    Way("entry raises", get("/failing?fails=entry"), 418, "compiled"),
    Way("exception within dependencies", get("/failing?fails=endpoint"), 418, "compiled"),
    Way("exception is swallowed", get("/failing?fails=swallowed"), 500, "compiled"),
    Way("early exit raises", get("/failing?fails=early"), 418, "compiled"),
    Way("late exit raises", get("/failing?fails=exit"), 200, "compiled"),
    Way("exception within plain dependencies", get("/plain-failing?fails=endpoint"), 404, "compiled"),
    Way("plain early exit raises", get("/plain-failing?fails=early"), 409, "compiled"),
    Way("request and response", get("/request", "User-Agent: me"), 200, "inside"),
    Way("background tasks", get("/background"), 200, "compiled"),
    Way("background task raises", get("/background-raises"), 200, "compiled"),
    Way("background tasks of a Response", get("/background-of-response"), 200, "compiled"),
    Way("security", get("/secret", "Authorization: Bearer abc"), 200, "compiled"),
    Way("security refuses", get("/secret"), 401, "compiled"),
    Way("big answer", get("/big", "Accept-Encoding: gzip"), 200, "compiled"),
    Way("large answer", get("/large-text", "Accept-Encoding: gzip"), 200, "compiled"),
    Way("large pieces", get("/large-stream", "Accept-Encoding: gzip"), 200, "compiled"),
    Way("large mounted file, packed", get("/large/0", "Accept-Encoding: gzip"), 200, "compiled"),
    Way("pipelined large answers", get("/large-text", "Accept-Encoding: gzip"), 200, "compiled", together=5),
    Way("invalid result", get("/invalid-result"), 500, "compiled"),
    Way("result and a field that cannot be sent", get("/invalid-result?odd=1"), 500, "compiled"),
    Way("own response", get("/response"), 200, "compiled"),
    Way("HTTPException", get("/raise/http"), 404, "compiled"),
    Way("HTTPException of a text", get("/raise/text"), 403, "compiled"),
    Way("HTTPException in a thread", get("/plain-raise-http"), 409, "compiled"),
    Way("handled exception", get("/raise/refused"), 418, "compiled"),
    Way("handled exception in a task", get("/raise/late"), 418, "compiled"),
    Way("handled exception in a thread", get("/plain-raise"), 418, "compiled"),
    Way("unhandled exception", get("/raise/else"), 500, "compiled"),
    Way("missing parameter", get("/params/0/x?flag=maybe"), 422, "compiled"),
    Way("invalid content", json("/items", b'{"name": "", "parts": 3}'), 422, "compiled"),
    Way("broken content", json("/items", b'{"name": '), 422, "compiled"),
    Way("content that is no text", json("/items", b"\xff"), 400, "replayed"),
    Way("invalid for a dependency", get("/dependencies?skip=x"), 422, "compiled"),
    Way("invalid in a thread", json("/plain-items?skip=x", b"{}"), 422, "compiled"),
    Way("errors that are no plain data", json("/exact", b'{"when": "x", "n": 3}'), 422, "compiled"),
    Way("python validator", json("/checked", b'{"name": "a"}'), 200, "compiled"),
    Way("stream", get("/stream"), 200, "compiled"),
    Way("stream in threads", get("/plain-stream"), 200, "compiled"),
    Way("stream and a background task", get("/stream-background"), 200, "compiled"),
    Way("stream that raises", get("/failing-stream"), 0, ""),
    Way("pipelined streams", get("/stream"), 200, "compiled", together=20),
    Way("pipelined streams with exits", get("/yielding-stream"), 200, "compiled", together=20),
    Way("inner", get("/inner/params/7/x?flag=yes", "X-Token: t"), 200, "compiled"),
    Way("inner, raises", get("/inner/raise/else"), 500, "compiled"),
    Way("inner, with its own scope", get("/inner/lines"), 200, "compiled"),
    Way("inner, invalid", get("/inner/params/0/x?flag=maybe"), 422, "compiled"),
    Way("inner, not found", get("/inner/nowhere"), 404, ""),
    Way("Starlette's route", get("/starlette/a"), 200, "compiled"),
    Way("HTTPEndpoint", get("/endpoint"), 200, "compiled"),
    Way("HTTPEndpoint raises in a thread", request("POST", "/endpoint"), 418, "compiled"),
    Way("HTTPEndpoint without the method", request("PUT", "/endpoint"), 405, "compiled"),
    Way("mounted Starlette's route", get("/star/a"), 200, "compiled"),
    Way("mounted Starlette's route raises", request("POST", "/star/class"), 418, "compiled"),
    Way("mounted Starlette's, not found", get("/star/a/b"), 404, ""),
    Way("mounted behind layers", get("/guarded/hello"), 200, ""),
    Way("Starlette's route mounted behind layers", get("/guarded/a", "Origin: https://a.example"), 200, ""),
    Way("mounted behind layers, raises", request("POST", "/guarded/class"), 500, ""),
    Way("mounted behind layers, not found", get("/guarded/a/b"), 404, ""),
    Way("mounted behind layers, a file", get("/guarded/files/ways.py"), 200, ""),
    Way("a Host route's", b"GET /a HTTP/1.1\r\nHost: host.test\r\n\r\n", 200, "asgi"),
    Way("WebSocket", websocket("/live/1", b"a", b"b"), 101, "compiled"),
    Way("WebSocket raises", websocket("/live/1?fails=after", b"a"), 101, "compiled"),
    Way("WebSocket raises before", websocket("/live/1?fails=before"), 403, "compiled"),
    Way("WebSocket, invalid", websocket("/live/x"), 403, "replayed"),
    Way("WebSocket, not found", websocket("/live"), 403, "asgi"),
    Way("mounted WebSocket", websocket("/inner/live/1", b"a"), 101, "compiled"),
    Way("WebSocket mounted behind layers", websocket("/guarded/live/1", b"a"), 101, ""),
    Way("WebSocket is dropped", websocket("/live/1", b"a")[:-8], 0, "compiled", leave_after=10),
    Way("broadcast", websocket("/said", b"a", b"b"), 101, "compiled"),
    Way("compressed broadcast", websocket("/said", b"a", b"b", b"c", offers=DEFLATE), 101, "compiled"),
    Way("broadcast is dropped", websocket("/said", b"a" * 125)[:-8], 0, "compiled", leave_after=10),
    Way("lines", get("/lines"), 200, "compiled"),
    Way("lines that fail late", get("/plain-lines"), 0, ""),
    Way("events", get("/events"), 200, "compiled"),
    Way("events of a plain function", get("/plain-events"), 200, "compiled"),
    Way("events that fail late", get("/failing-events"), 0, ""),
    Way("pipelined events", get("/events"), 200, "compiled", together=20),
    Way("several names", get("/names?b=3&name=x&y=1&y=2"), 200, "compiled"),
    Way("invalid under a name", get("/names?b=x&other=3"), 422, "compiled"),
    Way("one of two forms", request("POST", "/choice", FORM, body=b"number=3&number=4"), 200, "compiled"),
    Way("form and the Request", request("POST", "/form-request", FORM, body=b"number=3&number=4"), 200, "compiled"),
    Way("neither of two forms", request("POST", "/choice", FORM, body=b"x=3"), 422, "compiled"),
    Way("file", get("/file"), 200, "compiled"),
    Way("range of a file", get("/file", "Range: bytes=5-20"), 206, "compiled"),
    Way("ranges of a file", get("/file", "Range: bytes=5-20,40-"), 206, "compiled"),
    Way("range beyond a file", get("/file", "Range: bytes=99999999-"), 416, "compiled"),
    Way("pipelined files", get("/file"), 200, "compiled", together=20),
    Way("file with exits", get("/large-file"), 200, "compiled"),
    Way("ranges of a file with exits", get("/large-file", "Range: bytes=5-99999,150000-"), 206, "compiled"),
    Way("pipelined files with exits", get("/large-file"), 200, "compiled", together=20),
    Way("mounted file", get("/mounted/ways.py"), 200, "compiled"),
    Way("range of a mounted file", get("/mounted/ways.py", "Range: bytes=5-20,40-"), 206, "compiled"),
    Way("mounted file not modified", get("/mounted/ways.py", "If-None-Match: *"), 304, "compiled"),
    Way("no mounted file", get("/mounted/nothing"), 404, "compiled"),
    Way("mounted file, a date for Python", get("/mounted/ways.py", "If-Modified-Since: today"), 200, "asgi"),
    Way("pipelined mounted files", get("/mounted/ways.py"), 200, "compiled", together=20),
    Way("large mounted file", get("/large/0"), 200, "compiled"),
    Way("form", request("POST", "/form", FORM, body=b"name=a+b&n=3"), 200, "compiled"),
    Way("upload", request("POST", "/upload", UPLOAD, body=PARTS + b"--b--\r\n"), 200, "compiled"),
    Way("malformed upload", request("POST", "/upload", UPLOAD, body=PARTS + b"--b\r\n:\r\n"), 400, ""),
    Way("upload without a file", request("POST", "/upload", UPLOAD, body=b"--b--\r\n"), 422, "compiled"),
    Way("left in an upload", request("POST", "/upload", UPLOAD, body=PARTS)[:-3], 0, ""),
    Way("upload that arrives", request("POST", "/upload-of-file", UPLOAD, body=ARRIVES + b"--b--\r\n"), 200, "compiled"),
    Way("upload that arrives, malformed", request("POST", "/upload-of-file", UPLOAD, body=ARRIVES + b"--b\r\n:\r\n"), 400, ""),
    Way("upload that arrives without its file", request("POST", "/upload-of-file", UPLOAD,
        body=ARRIVES.replace(b'"file"', b'"nofile"') + b"--b--\r\n"), 422, "compiled"),
    Way("left in an upload that arrives", request("POST", "/upload-of-file", UPLOAD, body=ARRIVES + b"--b")[:-3], 0, ""),
    Way("large upload", request("POST", "/upload", UPLOAD, body=ARRIVES + b"--b--\r\n"), 200,
        ""),
    Way("chunked", request("POST", "/raw", "Transfer-Encoding: chunked", body=CHUNKED), 200,
        "inside"),
    Way("large content", json("/items", LARGE), 201, "compiled"),
    Way("large content, raw", request("POST", "/raw", body=b"x" * 300_000), 200, "compiled"),
    Way("not found", get("/nowhere"), 404, "compiled"),
    Way("redirect", get("/hello/"), 307, "compiled"),
    Way("method not allowed", request("DELETE", "/hello"), 405, "compiled"),
    Way("options", request("OPTIONS", "/hello", "Origin: https://a.example",
                           "Access-Control-Request-Method: GET"), 405, "compiled"),
    Way("many fields", get("/hello", *[f"X-{n}: y" for n in range(500)]), 200, "compiled"),
    Way("escapes in the path", get("/params/7/%00%zz%0A?q=100%&flag=yes", "X-Token: t"), 200, "asgi"),
    Way("absolute target", get("http://b/hello"), 200, "compiled"),
    Way("method of nobody's", request("BREW", "/hello"), 405, "asgi"),
    Way("trailers", request("POST", "/raw", "Transfer-Encoding: chunked", body=CHUNKED[:-2] + b"Cookie: a\r\n\r\n"), 200,
        "inside"),
    Way("documentation", get("/openapi.json"), 200, "compiled"),
    Way("pipelined", get("/hello"), 200, "compiled", together=20),
    Way("pipelined threads", get("/plain-hello"), 200, "compiled", together=20),
    Way("pipelined tasks", get("/suspended/0"), 200, "compiled", together=20),
    Way("pipelined exits", get("/yielding"), 200, "compiled", together=20),
    Way("pipelined slow exits", get("/slow-exit"), 200, "compiled", together=20),
    Way("pipelined plain exits", get("/plain-yielding"), 200, "compiled", together=20),
    Way("pipelined background tasks", get("/background"), 200, "compiled", together=20),
    Way("pipelined content", json("/items", ITEM), 201, "compiled", together=20),
]  # fmt: skip
REFUSED = [
    Way("no host", b"GET / HTTP/1.1\r\n\r\n", 400, "-"),
    Way("bad version", b"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "-"),
    Way("bad line", b"\x16\x03\x01 nonsense\r\n\r\n", 400, "-"),
    Way("bad length", request("POST", "/raw", "Content-Length: +1"), 400, "-"),
    Way("long method", request("M" * 100, "/hello"), 501, "-"),
    Way("CONNECT", request("CONNECT", "a:80"), 405, "-"),
    Way("long target", get("/" + "a" * 70_000), 414, "-"),
    Way("long head", get("/hello", *[f"X-{n}: {'y' * 1000}" for n in range(80)]), 431, "-"),
    Way("bad chunk", request("POST", "/raw", "Transfer-Encoding: chunked", body=b"zz\r\n"), 400,
        ""),
]  # fmt: skip
DROPPED = [
    Way("left in the head", get("/hello")[:-3], 0, "-"),
    Way("left in large content", json("/items", LARGE)[:-3], 0, ""),
    Way("left in large content, raw", request("POST", "/raw", body=b"x" * 300_000)[:-3], 0, ""),
    Way("left in the content", json("/items", ITEM)[:-3], 0, ""),
    Way("left in a form", request("POST", "/form", FORM, body=b"name=a+b&n=3")[:-3], 0, ""),
    Way("left while it runs", get("/suspended/0.002"), 0, ""),
    Way("left while a thread runs", get("/plain-hello"), 0, ""),
    Way("left while exits run", get("/slow-exit"), 0, ""),
    Way("left while many run", get("/suspended/0.001"), 0, "", together=3),
    Way("left in a stream", get("/endless"), 0, "", leave_after=10_000),
    Way("left in a stream with exits", get("/endless-yielding"), 0, "", leave_after=10_000),
    Way("left in events", get("/endless-events"), 0, "", leave_after=1000),
    Way("left in a mounted file", get("/large/0"), 0, "", leave_after=100),
    Way("left in a file", get("/file"), 0, "", leave_after=100),
    Way("left while content is packed", get("/large-text", "Accept-Encoding: gzip"), 0, ""),
    Way("left while pieces are packed", get("/large-stream", "Accept-Encoding: gzip"), 0, ""),
    Way("left in a file with exits", get("/large-file"), 0, "", leave_after=100),
]
EVERY = [*BOTH, *REFUSED, *DROPPED]
