"""Requests to examples/shop.py, in groups; the same list every time (seeded)."""

from __future__ import annotations

import itertools
import json
import random
import sys
from pathlib import Path

from wire import Request

sys.path.append(str(Path(__file__).parents[2] / "examples"))

from shop import token_of

# What POST /token issues; the servers have the same secret as this process.
TOKEN = token_of("ada")
ADA = ("Authorization", f"Bearer {TOKEN}")
JSON = ("Content-Type", "application/json")
ROUTES = [
    "/", "/health", "/products", "/products/export.csv", "/products/1", "/source", "/cart",
    "/orders", "/orders/1", "/mail/1", "/docs", "/redoc", "/openapi.json",
    "/docs/oauth2-redirect", "/token",
]  # fmt: skip
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"]
INTS = [
    "1", "01", "+1", "-1", "0", "1.0", "1.5", "1e3", "abc", "", "%20 1".replace(" ", ""), "%31",
    "1%20", "1_000", "9223372036854775807", "9223372036854775808", "9" * 60, "NaN", "inf",
    "true", "null", "%C3%A9", "%FF", "%00", "1%0A", "0x10", "%D9%A3", "1%2F2",
]  # fmt: skip
TEXTS = ["white", "", "a+b", "a%20b", "%C3%A9", "%FF", "%", "%zz", "%2", "a=b", "a%26b", "%00"]
PRODUCTS = [
    {"name": "jug", "price": 3}, {"name": "jug", "price": "3.5", "stock": "4"},
    {"name": "", "price": -1, "stock": -1}, {"name": "x" * 41, "price": 1}, {}, [], None, 1, "x",
    {"name": "n", "price": 1, "size": {"width": 1, "height": 2}},
    {"name": "n", "price": 1, "size": {"width": 0, "height": "x"}},
    {"name": "n", "price": 1, "size": {}}, {"name": "n", "price": 1, "size": []},
    {"name": "n", "price": 1, "size": None}, {"name": "n", "price": True},
    {"name": 1, "price": None, "stock": 1.5}, {"name": "é€😀", "price": 1.25, "color": "ü"},
    {"name": "n", "price": 1, "extra": {"deep": [1, {"a": None}]}},
    {"name": "n", "price": 10**400}, {"name": "n", "price": 1, "stock": 10**18},
]  # fmt: skip
RAW = [
    b"{", b"", b"[1,]", b'{"name": "n" "price": 1}', b"nul", b'{"name":"n","price":NaN}',
    b'{"name":"n","price":Infinity}', b'\xef\xbb\xbf{"name":"n","price":1}', b'{"name":"\xff"}',
    b'{"name":"n","price":1}x', b'{"name":"\\ud800","price":1}', b'{"name":"a","name":"b","price":1}',
    b" \n", b"1" * 5000, b'{"product":1e0}', b"\x00",
]  # fmt: skip
TYPES = [
    "application/json", "application/json; charset=utf-8", "Application/JSON", "text/plain",
    "application/vnd.x+json", "application/x-www-form-urlencoded", "application", "",
    "application/jsonp", "text/json", "application/json;", ";", "application/+json",
]  # fmt: skip


def post(target: str, value: object, *headers: tuple[str, str], method: str = "POST") -> Request:
    """A JSON request."""
    return Request(method, target, (JSON, *headers), json.dumps(value).encode())


def methods() -> list[Request]:
    return [Request(m, r) for r, m in itertools.product(ROUTES, METHODS)]


def paths() -> list[Request]:
    odd = ["/products/", "/health/", "/cart/", "//health", "/nothing", "/products/1/2", "/%68ealth",
           "/health%0A", "/health?", "/health?a=b#c", "/health#a?b", "/products%2F1", "/mail/", "/./health"]  # fmt: skip
    found = [Request(m, p) for p in odd for m in ("GET", "POST")]
    for prefix in ("/products/", "/mail/", "/orders/"):
        found += [Request("GET", prefix + text, (ADA,)) for text in INTS]
    return found + [Request("GET", "/products/?a=b&c=%20"), Request("GET", "http://other/health")]


def queries() -> list[Request]:
    found = [Request("GET", f"/products?{k}={v}") for k in ("skip", "limit", "id") for v in INTS]
    found += [Request("GET", f"/products?color={v}") for v in TEXTS]
    found += [Request("GET", f"/products?max_price={v}") for v in INTS]
    found += [Request("GET", f"/products?in_stock={v}") for v in
              ("1", "0", "true", "yes", "on", "OFF", "t", "", "2", "True%20")]  # fmt: skip
    pairs = ["id=1", "id=2", "id=x", "skip=1", "skip=-1", "limit=2", "limit=0", "color=blue",
             "color", "=", "&", "other=1", "max_price=20", "in_stock=1", "id=%32", "id[]=1"]  # fmt: skip
    rng = random.Random(7)
    found += [Request("GET", "/products?" + "&".join(rng.choices(pairs, k=rng.randint(1, 5))))
              for _ in range(60)]  # fmt: skip
    return found


def headers() -> list[Request]:
    tokens = ["", "Bearer", "Bearer ", f"Bearer {TOKEN}", f"bearer {TOKEN}", "Basic YTpi",
              f"Bearer  {TOKEN}", f"BEARER {TOKEN}0", TOKEN, f"Bearer\t{TOKEN}",
              f"Bearer \xe9{TOKEN}", "Bearer ada.", "Bearer ."]  # fmt: skip
    found = [Request("GET", "/orders/1", (("Authorization", t),)) for t in tokens]
    found.append(Request("GET", "/orders/1", (("Authorization", "Bearer x"), ADA)))
    for agent in ("thief", "curl", "", "th\xefef", " thief"):
        found.append(Request("GET", "/products/1", (("User-Agent", agent),)))
    found.append(Request("GET", "/products/1", (("user-agent", "a"), ("USER-AGENT", "thief"))))
    cookies = ["cart=a", "cart=", "cart", "cart=a; cart=b", "x=1; cart=q", 'cart="q\\"x"', ";;cart=1",
               "cart=" + "x" * 41, 'cart="\\303\\251"', "cart=a=b", "Cart=a", " cart = a ", "$cart=1"]  # fmt: skip
    found += [Request("GET", "/cart", (("Cookie", c),)) for c in cookies]
    found.append(Request("GET", "/cart", (("Cookie", "cart=a"), ("Cookie", "cart=b"))))
    return found


def cors_and_gzip() -> list[Request]:
    found = []
    for origin in ("https://shop.example", "https://other.example", "null", ""):
        for route in ("/", "/products", "/nothing", "/source"):
            found.append(Request("GET", route, (("Origin", origin),)))
            for wanted in ("GET", "POST", "DELETE", ""):
                ask = (("Origin", origin), ("Access-Control-Request-Method", wanted))
                found.append(Request("OPTIONS", route, ask))
        ask = (("Origin", origin), ("Access-Control-Request-Method", "GET"),
               ("Access-Control-Request-Headers", "x-a, accept"))  # fmt: skip
        found.append(Request("OPTIONS", "/products", ask))
    for accept in ("gzip", "deflate, gzip;q=0.5", "identity", "GZIP", "gzip;q=0", "br", ""):
        for route in ("/", "/source", "/openapi.json", "/products/export.csv", "/nothing", "/docs"):
            found.append(Request("GET", route, (("Accept-Encoding", accept),)))
    ranges = ["bytes=0-9", "bytes=-5", "bytes=5-", "bytes=9-1", "bytes=999999-", "items=0-1"]
    return found + [Request("GET", "/source", (("Range", r),)) for r in ranges]


def bodies() -> list[Request]:
    found = [post("/products", value, ADA) for value in PRODUCTS]
    found += [post("/products", value) for value in PRODUCTS[:4]]
    found += [Request("POST", "/products", (JSON, ADA), raw) for raw in RAW]
    good = json.dumps(PRODUCTS[0]).encode()
    found += [Request("POST", "/products", (("Content-Type", t), ADA), good) for t in TYPES]
    found.append(Request("POST", "/products", (ADA,), good))
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good)
    found.append(Request("POST", "/products", (JSON, ADA, ("Transfer-Encoding", "chunked")), chunked))
    return found + [Request("GET", "/products")]


def logging_in() -> list[Request]:
    plain = "application/x-www-form-urlencoded"
    good = "username=ada&password=lovelace"
    forms = [good, "grant_type=password&" + good, good + "&scope=a+b%20c", good + "&other=1",
             "username=ada&password=byron", "username=&password=", "username=bob&password=x",
             "username=ada", "", "&&", "username", "grant_type=code&" + good, good + "&password=x",
             "username=%61da&password=love%6Cace", "username=ada&password=%FF", "username=%&password=%zz",
             "username=ada&password=%ED%A0%80", "username=ada;password=lovelace", "é=ü", good + "&client_id=%00",
             "USERNAME=ada&password=lovelace", good.replace("&", "\n")]  # fmt: skip
    found = [Request("POST", "/token", (("Content-Type", plain),), form.encode()) for form in forms]
    types = [plain + "; charset=utf-8", plain.upper(), "application/json", "text/plain", "",
             "multipart/form-data", plain + ";;"]  # fmt: skip
    found += [Request("POST", "/token", (("Content-Type", t),), good.encode()) for t in types]
    found.append(Request("POST", "/token", (), good.encode()))
    fields = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("username", "ada"), ("password", "lovelace"))
    )
    multipart = (("Content-Type", "multipart/form-data; boundary=b"),)
    for end in ("--b--\r\n", "--b--", "", "--c--\r\n"):
        found.append(Request("POST", "/token", multipart, (fields + end).encode()))
    pieces = (("Content-Type", plain), ("Transfer-Encoding", "chunked"))
    found.append(Request("POST", "/token", pieces, b"%x\r\n%s\r\n0\r\n\r\n" % (len(good), good.encode())))
    return found


def buying() -> list[Request]:
    jar = ("Cookie", "cart=buyer")
    lines = [{"product": 1}, {"product": 2, "quantity": 3}, {"product": 4}, {"product": 99},
             {"product": 1, "quantity": 0}, {"product": "2", "quantity": "2"}, {"quantity": 100},
             {"product": 1.0}, {"product": 10**30}, [], None, {"product": 3, "quantity": 99}]  # fmt: skip
    found = [post("/cart", line, jar, method="PUT") for line in lines]
    found += [Request("PUT", "/cart", (JSON, jar), raw) for raw in RAW]
    found += [Request("GET", "/cart", (jar,)), Request("POST", "/orders", (jar,)),
              Request("POST", "/orders", (jar, ADA)), Request("GET", "/orders/1", (ADA,)),
              Request("GET", "/mail/1", pause_s=0.3), Request("POST", "/orders", (jar, ADA)),
              Request("GET", "/cart", (jar,)), Request("GET", "/orders/2", (ADA,))]  # fmt: skip
    return found


def deliberate(request: Request) -> bool:
    """Whether fastrd refuses with 400 what uvicorn lets pass: fastrd's strict head policy.

    A fragment behind a path, which a proxy may take for part of it.
    """
    path, fragment, _ = request.target.partition("#")
    return bool(fragment) and "?" not in path


GROUPS = {
    f.__name__: f()
    for f in (methods, paths, queries, headers, cors_and_gzip, bodies, logging_in, buying)
}
