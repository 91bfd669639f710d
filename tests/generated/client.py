"""What a client asks an application: each route well, badly, and where it was told to fail."""

from __future__ import annotations

import random

from application import Application, Asked
from wire import Request

Fields = tuple[tuple[str, str], ...]
JSON = [
    b'{"name": "spoon", "price": 2.5, "inner": {"weight": 3, "tags": ["a"]}}', b'{"name": "bad", "price": "3"}', b'{"name": ""}', b"{}",
    b'[{"weight": 1}, {"tags": ["x"]}]', b'{"item": {"name": "in"}}', b"{not json", b"null", b"", b'{"name": "\xc3\xa9\xe2\x82\xac"}',
]  # fmt: skip
FORMS = [b"name=spoon&price=2", b"name=spoon&tags=a&tags=b", b"name=x&price=-1", b"name=", b"price=x&name=a", b"", b"name=a%20b&name=c"]
BOUND = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
FILES = [
    PART % (b"file", b'; filename="f.txt"\r\nContent-Type: text/plain', b"content") + PART % (b"small", b'; filename="s"', b"xy") + b"--b--\r\n",
    PART % (b"file", b'; filename="f"', b"c" * 9000) + PART % (b"name", b"", b"spoon") + b"--b--\r\n",
    PART % (b"name", b"", b"spoon") + b"--b--\r\n", b"--b--\r\n", b"no parts",
]  # fmt: skip
QUERIES = [
    "", "", "needed=1", "needed=1&q=3", "q=x", "needed=&q=-1&flag=yes", "words=a&words=b&needed=%C3%A9", "flag=maybe&needed=1",
    "limit=5&tag=a&tag=b", "limit=0", "limit=x&order=", "unknown=1&needed=2",
    "a-name=y&needed=1&colour=blue&day=2026-11-26&size=m", "a=1&b=2&needed=1", "b=2&needed=3&named=z", "a=x&b=1&needed=1", "colour=green&day=x&size=l&needed=1",
]  # fmt: skip
FIELDS: list[Fields] = [
    (), (), (("Accept-Encoding", "gzip"),), (("Origin", "https://a.example"),), (("Origin", "http://b.example"), ("Accept-Encoding", "gzip, br")),
    (("X-One", "1"), ("Cookie", "cart=full; other=1")), (("Host", "x.a.example"),), (("Host", "wrong.example"),), (("User-Agent", "client"),),
    (("Authorization", "Bearer token"), ("X-Key", "key")), (("Authorization", "Basic dXNlcjpwYXNz"), ("X-Key", "key")), (("X-Key", "key"),),
]  # fmt: skip
WHATS = ["http", "plain", "teapot", "refused", "value", "key"]


def body(random: random.Random, content: str) -> tuple[Fields, bytes]:
    if content == "json":
        kind = random.choice([(("Content-Type", "application/json"),)] * 4 + [(), (("Content-Type", "text/plain"),)])
        return kind, random.choice(JSON)
    if content == "form":
        return (("Content-Type", "application/x-www-form-urlencoded"),), random.choice(FORMS)
    if content == "files":
        return (("Content-Type", BOUND),), random.choice(FILES)
    return (), random.choice([b"", b"raw" * 10]) if content == "raw" else b""


def target(random: random.Random, path: str, query: str) -> str:
    path = path.replace("{number}", random.choice(["1", "1", "0", "x"]))
    path = path.replace("{number:int}", random.choice(["1", "12", "x"]))
    path = path.replace("{name}", random.choice(["spoon", "%C3%A9"])).replace("{rest:path}", random.choice(["a/b", "a", ""]))
    return f"{path}?{query}" if query else path


def of_route(random: random.Random, asked: Asked) -> list[Request]:
    requests = []
    for _ in range(5):
        sent, content = body(random, asked.content)
        fields = random.choice(FIELDS) + sent
        requests.append(Request(asked.method, target(random, asked.path, random.choice(QUERIES)), fields, content))
    for where in ["route", "guard", *asked.dependencies, *(f"{one}-exit" for one in asked.dependencies)]:
        sent, content = body(random, asked.content)
        query = f"needed=1&fail={where}.{random.choice(WHATS)}"
        requests.append(Request(asked.method, target(random, asked.path, query), random.choice(FIELDS) + sent, content))
    method = random.choice(["HEAD", "OPTIONS", "DELETE", "PATCH", "GET"])
    requests.append(Request(method, target(random, asked.path, "")))
    requests.append(Request(asked.method, target(random, asked.path, "") + "/"))
    return requests


PREFLIGHT: Fields = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "GET"))
OTHERS = [
    Request("GET", "/nowhere"), Request("GET", "/answered"), Request("GET", "/in"), Request("OPTIONS", "/r0", PREFLIGHT),
    Request("OPTIONS", "/r0", (*PREFLIGHT, ("Access-Control-Request-Headers", "X-One, x-two"))), Request("GET", "/?fail=guard.answer"),
    Request("GET", "/static/page.html"), Request("HEAD", "/static/page.html"), Request("GET", "/static/"), Request("GET", "/static"),
    Request("GET", "/static/none"), Request("GET", "/static/page.html", (("Range", "bytes=0-4"),)), Request("POST", "/static/page.html"),
    Request("GET", "/static/page.html", (("Range", "bytes=0-1,5-9"), ("Accept-Encoding", "gzip"))), Request("GET", "/static/../client.py"),
    Request("GET", "/static/page.html", (("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"),)), Request("GET", "/static/deep"),
    Request("GET", "/sub/inside/3"), Request("GET", "/sub/inside/x"), Request("GET", "/sub/none"), Request("GET", "/r1/inside/4"),
    Request("GET", "/plain"), Request("PUT", "/plain"), Request("GET", "/star/3?x=y"), Request("GET", "/star/x"), Request("GET", "/star/more/"),
    Request("GET", "/star/more"), Request("GET", "/-/override"), Request("GET", "/-/override"), Request("GET", "/-/override"),
    *(Request(method, prefix + path) for prefix in ("/inner", "/inner/deep", "/r2") for method, path in
      [("GET", "/seen/3"), ("HEAD", "/seen/3"), ("POST", "/seen/3"), ("GET", "/seen/x"), ("GET", "/thing"), ("POST", "/thing"), ("PUT", "/thing"),
       *(("GET", f"/fails/{what}") for what in ("http", "plain", "refused", "value")), ("GET", "/none"), ("GET", "/thing/"), ("GET", "")]),
    Request("GET", "/thing"), Request("PUT", "/in/thing"), Request("POST", "/in/thing"), Request("GET", "/in/thing"),
    *(Request("GET", path, (("Host", host),)) for host in ("x.a.example", "y.a.example", "wrong.example") for path in ("/seen/4", "/thing", "/none", "/r0")),
    Request("GET", "/inside/5"), Request("GET", "/sub/openapi.json"), Request("GET", "/openapi.json"), Request("GET", "/docs"),
]  # fmt: skip


def requests(seed: int, application: Application) -> list[tuple[Request, bool]]:
    """In an order of the seed's; True: what runs for it runs in a known order."""
    chosen = random.Random(seed)
    # What follows a response that a layer replaced runs beside what the layer does then.
    ordered = "replaces" not in application.layers
    every = [(request, ordered) for request in OTHERS]
    for asked in application.routes:
        every += [(request, ordered and not asked.events) for request in of_route(chosen, asked)]
    chosen.shuffle(every)
    return every
