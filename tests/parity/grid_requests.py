"""Requests to grid.py, in groups; the same list every time."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

from grid import OPTIONS, PLACES, RETURNED, SCHEMES, SCOPES, TYPES, VALUES, app
from shop_requests import RAW
from shop_requests import TYPES as CONTENT_TYPES
from wire import Request

TEXTS = [
    "", "1", "-1", "01", "1.0", "1.5", "true", "off", "a", "red", "2020-01-02", "NaN", "1e400", "9" * 30,
    "2020-01-02T03:04:05Z", "P1DT2H", "12345678-1234-5678-1234-567812345678", "%C3%A9", "%FF", "a+b",
    "a%20b", "%D9%A3", "a%0Ab", "a%0D%0Ab%0A", "a%00b", "100%", "5%+off", "%u20AC", "%zz%4", "%41%", "a\\b", "'\"<>{}|^`",
]  # fmt: skip
JSON = ("Content-Type", "application/json")
MODELS = [
    {"name": "a"}, {"name": "toolong"}, {}, [], None, 1, "s", {"name": 1}, {"name": "a", "size": "1"},
    {"name": "a", "inner": {"n": "x"}}, {"name": "a", "inner": {"n": 1, "when": "2020-02-30"}},
    {"name": "a", "tags": ["x", 1, None]}, {"name": "a", "an-alias": 2}, {"name": "a", "alias": 2},
    {"a": 1}, {"a": 1, "b": [1, "2", "x"]}, {"a": 1, "z": 0}, [{"n": 1}, {"n": "q"}], {"n": 3},
    {"v": 1}, {"a": {"name": "a"}, "b": {"n": 1}}, {"a": {"name": "a"}, "b": {"n": 1}, "c": "x"},
    {"k": 10**25}, [[[]]], {"v": None}, {"a": True}, "é😀", 1e308, False,
]  # fmt: skip


def post(target: str, value: object) -> Request:
    return Request("POST", target, (JSON,), json.dumps(value).encode())


def path() -> list[Request]:
    bases = [f"/path/{t}/" for t in TYPES] + [f"/conv/{c}/" for c in ("str", "int", "float", "uuid", "path")]
    return [Request("GET", base + text) for base, text in itertools.product(bases, [*TEXTS, "a/b", "a%2Fb"])]


def query() -> list[Request]:
    found = []
    for name, end in itertools.product(TYPES, ("", "/default", "/list")):
        base = f"/query/{name}{end}"
        found += [Request("GET", f"{base}?v={text}") for text in TEXTS]
        found += [Request("GET", base + q) for q in ("", "?", "?v", "?v=1&v=a", "?v=a&v=1&w=2", "?V=1")]
    return found


def header() -> list[Request]:
    found = []
    for name, end, text in itertools.product(TYPES, ("", "/default"), TEXTS):
        found.append(Request("GET", f"/header/{name}{end}", (("V", text),)))
    for name, end in itertools.product(TYPES, ("", "/default")):
        found.append(Request("GET", f"/header/{name}{end}"))
        found.append(Request("GET", f"/header/{name}{end}", (("v", "1"), ("V", "\xe9"))))
    return found


def cookie() -> list[Request]:
    jars = ["v=1", "v=", "v", "v=a; v=1", "w=1", 'v="1"', "v=\xe9", "v=2020-01-02", "v=red; x=1", "v = true"]
    found = [Request("GET", f"/cookie/{n}{e}", (("Cookie", jar),))
             for n, e, jar in itertools.product(TYPES, ("", "/default"), jars)]  # fmt: skip
    return found + [Request("GET", f"/cookie/{n}") for n in TYPES]


def special() -> list[Request]:
    found = [Request("GET", f"{base}?{q}") for base, q in itertools.product(
        ("/alias/query", "/limits", "/pattern", "/wrongdefault", "/textdefault", "/factory", "/model/query"),
        ("", "v=1", "v=4", "v=aa", "an-alias=ab", "an-alias=a", "a=1", "a=1&b=2&b=3", "a=1&z=2", "v=10"))]  # fmt: skip
    for base in ("/alias/header", "/alias/raw", "/model/header"):
        for given in ((), (("X_Odd", "1"),), (("V", "a"), ("v", "b")), (("A", "1"), ("B", "2"), ("b", "x"))):
            found.append(Request("GET", base, given))
    return found + [Request("GET", "/model/cookie", (("Cookie", c),)) for c in ("a=1", "a=x; b=1", "z=1", "")]


def body() -> list[Request]:
    routes = [f"/json/{n}" for n in ("model", "sync", "strict", "list", "dict", "any", "default", "union")]
    routes += ["/json/two", "/json/two?q=1", "/json/two?q=x"]
    found = [post(route, value) for route, value in itertools.product(routes, MODELS)]
    found += [Request("POST", route, (JSON,), raw) for route, raw in itertools.product(routes, RAW)]
    for route, kind in itertools.product(("/json/model", "/json/any", "/json/default"), CONTENT_TYPES):
        found.append(Request("POST", route, (("Content-Type", kind),), b'{"name": "a"}'))
    values = [1, "1", None, True, 1.5, "red", "2020-01-02", {"v": 1}, {"v": "a"}, [], {}]
    for name, end, value in itertools.product(TYPES, ("", "/embed"), values):
        found.append(post(f"/body/{name}{end}", value))
    return found


def output() -> list[Request]:
    """205 is announced with content-length 4 and no body (Starlette): the connection must end."""
    routes = [f"/out/{n}" for n in (*OPTIONS, "list", "wrong")] + [f"/value/{n}" for n in VALUES]
    routes += [f"/returned/{n}" for n in RETURNED]
    routes += [f"/status/{c}" for c in (200, 201, 204, 205, 299, 304, 404, 500)]
    routes += [f"/class/{n}" for n in ("PlainTextResponse", "HTMLResponse", "JSONResponse")]
    return [Request(m, r) for m, r in itertools.product(("GET", "HEAD"), routes)]


def security() -> list[Request]:
    tokens = ["", "Basic", "Basic YTpi", "basic YTpi", "Basic !!", "Basic YQ==", "Bearer x", "bearer  x",
              "Digest a=b", "Bearer", "x"]  # fmt: skip
    found = []
    for name in SCHEMES:
        base = f"/security/{name}"
        found += [Request("GET", base, (("Authorization", t),)) for t in tokens]
        found += [Request("GET", base), Request("GET", base + "?key=k"), Request("GET", base + "?key="),
                  Request("GET", base, (("X-Key", "k"),)), Request("GET", base, (("Cookie", "key=k"),))]  # fmt: skip
    return found


def dependencies() -> list[Request]:
    """Each is followed by a look at the log that dependencies and tasks leave."""
    kinds = ("", "?kind=http", "?kind=empty", "?kind=boom", "?kind=value", "?kind=validation", "?n=x")
    routes = [f"/fail/{n}" for n in ("sync", "async", "after", "function")]
    routes += [f"/yield/{s}/{n}" for s in SCOPES for n in ("async", "sync")]
    asked = [r + k for r, k in itertools.product(routes, kinds)]
    asked += ["/deps/cache", "/deps/cache?q=2", "/deps/cache?q=x", "/deps/context", "/deps/context/async",
              "/tasks", "/tasks?n=5", "/tasks?n=x", "/top/middle/leaf/1/b", "/top/middle/leaf/x/b?q=y",
              "/top/middle/leaf/1/b?kind=boom", "/top/middle/leaf/1/b/?q=2", "/custom/1", "/custom/x",
              "/sub/1", "/sub/x", "/sub", "/sub/", "/sub/1/2"]  # fmt: skip
    look = Request("GET", "/log", pause_s=0.05)
    return [part for target in asked for part in (Request("GET", target), look)]


def request() -> list[Request]:
    targets = ["/request", "/request?a=b&a=%20+c&=&d", "/%72equest", "/request/", "/Request", "/request?%C3%A9"]
    found = [Request("GET", t, (("X-A", "1"), ("x-a", "2"), ("X-B", "\xe9"))) for t in targets]
    for method in ("GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH"):
        found += [Request(method, t) for t in ("/many", "/many/", "/log", "/nothing", "/docs", "/sub/1")]
    for method in ("GET", "QUERY", "PROPFIND", "M-SEARCH", "SOURCE"):
        found += [Request(method, t) for t in ("/query-method", "/query-method/any", "/many", "/nothing", "/sub/1", "/")]
    odd = ("/many?a=b#c", "/many?#", "/many?a=b#c?d#e", "/path/str/a?b#c", "/request?v=\\&v='#\\", "http://parity.test/many?a#b")
    found += [Request("GET", t) for t in odd]
    chunked = (("Transfer-Encoding", "chunked"),)
    return [*found, Request("POST", "/many", (), b"body"), Request("POST", "/many", chunked, b"2\r\nab\r\n0\r\n\r\n")]


URLENCODED = ("Content-Type", "application/x-www-form-urlencoded")
FORMS = ["user=a", "user=a&age=4&tags=x&tags=y", "user=", "user", "", "user=toolong", "user=a&age=", "age=x",
         "user=root", "user=a&more=1&more=2", "the-user=b&flags=1&flags=x", "flags=1&flags=&flags=2", "login=c",
         "user=a&user=b", "user=%C3%A9+%2B&tags=", "user=%FF", "user=\xe9", "&&user=a&", "=a&user=b", "user=a;age=5",
         "user=a=b", "user=" + "a" * 70_000, "&".join(f"x{n}=1" for n in range(1001)), "tags=1&tags=x",
         "user=a&tags=1"]  # fmt: skip


def multipart(*parts: tuple[str, str]) -> Request:
    text = "".join(f'--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n' for head, value in parts)
    return Request("POST", "", (("Content-Type", "multipart/form-data; boundary=b"),), (text + "--b--\r\n").encode())


MULTIPART = [
    multipart(('name="user"', "a"), ('name="age"', "5")), multipart(), multipart(('name="user"', "é")),
    multipart(('name="user"', "a"), ('name="upload"; filename="f.txt"', "data")),
    multipart(('name="user"; filename="f.txt"', "data")), multipart(('name="user"', "")),
    multipart(('name="user"', "a"), ('name="upload"; filename=""', ""), ('name="raw"; filename="g"', "raw")),
]  # fmt: skip


def form() -> list[Request]:
    routes = [f"/form/{n}" for n in (
        "texts", "texts/sync", "login", "login/optional", "forbidding", "forbidding/optional", "keeping", "choosy",
        "union", "checked", "both", "request", "yield", "file", "raises")]  # fmt: skip
    found = [Request("POST", r, (URLENCODED,), f.encode("latin-1")) for r, f in itertools.product(routes, FORMS)]
    found += [replace(m, target=r) for r, m in itertools.product(routes, MULTIPART)]
    kinds = ("", "text/plain", "application/json", "application/X-WWW-form-urlencoded ; charset=x",
             "application/x-www-form-urlencodedx", "multipart/form-data", "multipart/form-data; boundary=c")  # fmt: skip
    for route, kind in itertools.product(routes, kinds):
        found.append(Request("POST", route, (("Content-Type", kind),), b"user=a"))
    found += [Request("POST", route, (), b"user=a") for route in routes]
    return found + [Request("POST", "/form/texts", (URLENCODED, JSON), b"user=a"),
                    Request("POST", "/form/texts", (JSON, URLENCODED), b"user=a"),
                    Request("POST", "/form/texts", (URLENCODED, ("Transfer-Encoding", "chunked")),
                            b"4\r\nuser\r\n2\r\n=a\r\n0\r\n\r\n")]  # fmt: skip


def validators() -> list[Request]:
    """Each is followed by a look at the trail that the validators leave."""
    base = "/checked"
    asked = [Request("GET", f"{base}/path/{v}") for v in ("2", "3", "x", "13", "14")]
    for route in ("query", "list", "options", "options/optional", "factory", "default", "methods"):
        asked += [Request("GET", f"{base}/{route}?{q}") for q in (
            "", "v=2", "v=3", "v=x", "v=13", "v=4&w=abc", "v=4&w=abcd", "v=3&w=abcd", "v=2&v=3&v=x", "limit=4",
            "limit=5&order_by=z", "limit=x", "other=1")]  # fmt: skip
    for fields in ((), (("X-V", "2"),), (("X-V", "3"), ("Cookie", "c=1")), (("X-V", "2"), ("Cookie", "c=x"))):
        asked.append(Request("GET", f"{base}/header", fields))
    items = [{"size": 2}, {"size": 3}, {"size": 2, "name": " bad "}, {"size": 2, "name": " a "}, {"size": 13},
             {"size": "x", "name": 1}, None, [], {}, {"i": {"size": 2}}, {"i": {"size": 3}}, {"i": None}]  # fmt: skip
    routes = ("item", "item/sync", "item/embed", "item/optional", "deps?q=2", "deps?q=3", "deps", "deps?q=13",
              "deps/sync?q=4", "deps/sync?q=5", "deps/yield?q=2", "deps/yield?q=3", "methods?v=2", "methods?v=4",
              "methods?v=3")  # fmt: skip
    asked += [post(f"{base}/{route}", value) for route, value in itertools.product(routes, items)]
    asked += [Request("POST", f"{base}/{route}", (JSON,), raw) for route in ("item", "deps?q=2") for raw in RAW[:4]]
    key = "12345678-1234-5678-1234-567812345678"
    asked += [post(f"{base}/fresh", value) for value in (
        {"f": {"key": key}}, {"f": {"key": key, "rest": [2, 3]}, "n": 3}, {"f": {"key": "x"}}, {"n": 4})]  # fmt: skip
    look = Request("GET", f"{base}/trail", pause_s=0.01)
    return [part for one in asked for part in (one, look)]


def changes() -> list[Request]:
    """Dependencies that change the request under the feet of later parameters."""
    found = []
    for route, change in itertools.product(
        ("plain", "model", "sync", "checked", "yield", "nested"),
        ("nothing", "header", "header-twice", "header-missing", "header-replaced", "path", "path-replaced", "path-wrong", "cookie",
         "cookie-gone", "query", "query-private", "look"),
    ):  # fmt: skip
        fields = (("X-Name", "given"), ("Cookie", "jar=1"))
        found.append(Request("GET", f"/change/{route}/7?q=1&change={change}", fields))
        found.append(Request("GET", f"/change/{route}/7?change={change}"))
    return found


def scope() -> list[Request]:
    """What the Request shows, and what user code leaves on FastAPI's exit stacks."""
    a = ("X-A", "1")
    found = [Request("GET", f"/scope/{route}/7", (a,)) for route in ("async", "sync", "dependency", "url")]
    found += [Request("GET", f"/scope/{route}/x") for route in ("async", "sync", "dependency")]
    chunks = (("Transfer-Encoding", "chunked"), JSON)
    for route in ("content", "stream", "json"):
        found += [Request("POST", f"/scope/{route}", (a, JSON), body) for body in (b"", b'{"k": 1}', b"x" * 100)]
        found.append(Request("POST", f"/scope/{route}", chunks, b'8\r\n{"k": 1}\r\n0\r\n\r\n'))
    for end in ("fine", "http", "value", "suppressed", "stream"):
        found += [Request("GET", f"/scope/stacks/{end}"), Request("GET", "/scope/left", pause_s=0.05)]
    return [*found, Request("GET", "/scope/raises?n=1"), Request("GET", "/scope/raises")]


GROUPS = {f.__name__: f() for f in (
    path, query, header, cookie, special, body, form, validators, changes, scope, output, security, dependencies, request)}  # fmt: skip
