"""What stands around a route and behind it: middleware, exits, errors, files, large content.

The bars are those that the compiled stack is built for.
"""

from __future__ import annotations

from case import Bar, Case, post_json, request

HELLO = '{"message":"Hello World"}'
ORIGIN = "https://shop.example"
PAGE = request("GET /static/page.txt")
# The time that files.py gives it.
UNCHANGED = request("GET /static/page.txt", If_Modified_Since="Thu, 01 Jan 2026 00:00:00 GMT")
# {"user": 7, "seen": 12}, which does not expire.
SESSION = "session=eyJ1c2VyIjogNywgInNlZW4iOiAxMn0=.aVW5AA.swfYqyby5wiL6KPn6YOQgKxZN4s"
_PAIR = ("fastrd", "uvicorn")
_FILES = ("fastrd", "uvicorn", "nginx")
_FEW = 8


def _cheaper(factor: float, aim: float | None = None) -> Bar:
    return Bar("fastrd", "cheaper", factor, "uvicorn", aim)


def _upload(size: int) -> bytes:
    boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
    head = (f"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo.bin\"\r\n"
            "Content-Type: application/octet-stream\r\n\r\n")
    content = head.encode() + bytes(i * 7 % 251 for i in range(size)) + f"\r\n--{boundary}--\r\n".encode()
    return request("POST /upload", content, Content_Type=f"multipart/form-data; boundary={boundary}")


def _case(name: str, title: str, app: str, asked: bytes, content: str | None, *bars: Bar,
          peers: tuple[str, ...] = _PAIR, status: int = 200, connections: int = 64) -> Case:
    return Case(name, title, app, asked, content, peers, bars, status=status, connections=connections,
                group="stack", file="nginx" in peers)


LAYERS = (
    _case("cors", "CORS, with an Origin", "layers:cors", request("GET /", Origin=ORIGIN), HELLO,
          _cheaper(9, 11)),
    _case("four-layers", "CORS, GZip, TrustedHost, Session", "layers:four",
          request("GET /", Origin=ORIGIN, Accept_Encoding="gzip"), HELLO, _cheaper(10, 14)),
    _case("session-read", "a session that is read", "layers:session", request("GET /user", Cookie=SESSION),
          '{"user":7}', _cheaper(6)),
    _case("session-changed", "a session that is changed", "layers:session", request("GET /seen", Cookie=SESSION),
          '{"seen":13}', _cheaper(6)),
    _case("asgi-middleware", "one ASGI middleware", "layers:asgi", request("GET /"), HELLO, _cheaper(5, 7)),
    _case("http-middleware", 'one @app.middleware("http")', "layers:http", request("GET /"), HELLO,
          _cheaper(8, 12)),
    _case("gzip", "GZip under a BaseHTTPMiddleware, 5 kB of JSON", "layers:both",
          request("GET /rows", Accept_Encoding="gzip"), None, _cheaper(3, 5)),
    _case("cors-http", 'CORS outside one @app.middleware("http"), with an Origin', "layers:cors_http",
          request("GET /", Origin=ORIGIN), HELLO, _cheaper(8)),
    _case("around-asgi", "CORS and GZip outside one ASGI middleware, with an Origin", "layers:around_asgi",
          request("GET /", Origin=ORIGIN, Accept_Encoding="gzip"), HELLO, _cheaper(5)),
    _case("stream-in", "request.stream() of 500 kB behind both", "layers:both",
          request("POST /stream", bytes(500_000)), '{"bytes":500000}', _cheaper(3), connections=_FEW),
)

EXITS = (
    _case("yield", "async yield dependency", "exits:app", request("GET /yield"), '{"session":"session"}',
          _cheaper(9, 12)),
    _case("def-yield", "def yield dependency, def endpoint", "exits:app", request("GET /def-yield"),
          '{"session":"session"}', _cheaper(15, 25)),
    _case("background", "one background function", "exits:app", request("GET /background"), HELLO,
          _cheaper(8, 12)),
    _case("exception", "HTTPException(404)", "exits:app", request("GET /missing/anvil"),
          '{"detail":"no anvil"}', _cheaper(8, 11), status=404),
    _case("unknown", "unknown path", "exits:app", request("GET /nowhere"), '{"detail":"Not Found"}',
          _cheaper(8, 12), status=404),
    _case("invalid", "422", "exits:app", post_json("/items", '{"name":"anvil","price":"dear"}'), None,
          _cheaper(3, 6), status=422),
)

CONTENTS = (
    _case("stream", "stream of 10 pieces", "contents:app", request("GET /stream"),
          "".join(f"piece {i} of the answer\n" for i in range(10)), _cheaper(6, 10)),
    _case("stream-http", 'stream of 10 pieces behind one @app.middleware("http")', "layers:http", request("GET /stream"),
          "".join(f"piece {i} of the answer\n" for i in range(10)), _cheaper(4)),
    _case("stream-cors", "stream of 10 pieces behind CORS, with an Origin", "layers:cors",
          request("GET /stream", Origin=ORIGIN), "".join(f"piece {i} of the answer\n" for i in range(10)), _cheaper(4)),
    _case("file", "FileResponse of 10 kB", "contents:app", request("GET /file"), None, _cheaper(12, 20)),
    _case("static", "StaticFiles, 10 kB", "contents:app", PAGE, None, _cheaper(12, 20),
          Bar("fastrd", "at most", 2, "nginx"), peers=_FILES),
    _case("static-304", "StaticFiles, not modified", "contents:app", UNCHANGED, "", _cheaper(12, 20),
          Bar("fastrd", "at most", 2, "nginx"), peers=_FILES, status=304),
    _case("static-gzip", "StaticFiles, 10 kB, gzipped", "contents:gzipped",
          request("GET /static/page.txt", Accept_Encoding="gzip"), None, _cheaper(20)),
    _case("upload", "upload of 20 kB", "contents:app", _upload(20_000), '{"name":"photo.bin","bytes":20000}',
          _cheaper(4, 8)),
    _case("body", "content of 1 MB", "contents:app", request("POST /body", bytes(1_000_000)),
          '{"bytes":1000000}', _cheaper(2, 4), connections=_FEW),
    Case("models", "a list of 100 models", "contents:app", request("GET /models"), None, (*_PAIR, "own"),
         (Bar("fastrd", "more", 8, "own"),), group="stack", own="contents:models_by_pydantic"),
)

WHOLE = (
    Case("shop", "examples/shop.py, GET /products", "shop_here:app", request("GET /products"), None,
         (*_PAIR, "own"), (Bar("fastrd", "adds", 1 / 5, "uvicorn", 1 / 8),), connections=_FEW, group="stack",
         own="shop_here:list_products"),
    Case("asyncpg", "asyncpg, one row", "databases:app", request("GET /row/7"), None, _PAIR,
         (Bar("fastrd", "at most", 0.6, "uvicorn"),), group="stack", needs="postgres"),
    Case("redis", "redis, one increment", "databases:app", request("GET /increment"), '{"counted":true}', _PAIR,
         (Bar("fastrd", "at most", 0.55, "uvicorn"),), group="stack", needs="redis"),
)

STACK = (*LAYERS, *EXITS, *CONTENTS, *WHOLE)


def _beside(name: str, title: str, asked: bytes, connections: int = 64, postgres: bool = False) -> Case:
    """An endpoint of whole.py beside the same by hand."""
    by_hand = "fastpysgi:whole_raw:app"
    return Case(f"whole-{name}", f"whole application beside raw ASGI: {title}", "whole:app", asked, None,
                ("fastrd", "uvicorn", by_hand), (Bar("fastrd", "at most", 1, by_hand),), group="stack",
                connections=connections, needs="postgres" if postgres else "")


BESIDE = (
    _beside("text", "text", request("GET /text?name=ada&n=7")),
    _beside("post", "text, POST", request("POST /text?name=ada&n=7", b"20")),
    _beside("json5", "5 dicts", request("GET /json/5")),
    _beside("json5-gzip", "5 dicts, gzipped", request("GET /json/5", Accept_Encoding="gzip")),
    _beside("json50", "50 dicts", request("GET /json/50")),
    _beside("json50-gzip", "50 dicts, gzipped", request("GET /json/50", Accept_Encoding="gzip")),
    _beside("stream", "request.stream() of 500 kB", request("POST /stream", bytes(500_000)), _FEW),
    _beside("static", "StaticFiles, 10 kB", PAGE),
    _beside("rows", "20 rows by asyncpg", request("GET /rows"), postgres=True),
)
