"""Laps of requests over sockets, each the same, for a server whose memory is watched."""

from __future__ import annotations

import random
import re
import socket
import struct
from collections import Counter
from dataclasses import dataclass

import shop
import ways
from ways import Way, get, json, request

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() resets


@dataclass(frozen=True)
class Connection:
    """What one connection sends, and the statuses that must come back; without
    them the client leaves after the bytes, or after some of the answer."""

    data: bytes
    requests: int
    statuses: Counter[int]
    leave_after: int = 0

    def run(self, port: int, reset: bool) -> None:
        """Open, send, read to the end (or leave). AssertionError when other
        statuses came back."""
        answer = bytearray()
        with socket.create_connection(("127.0.0.1", port), 30) as sock:
            sock.sendall(self.data)
            while self.statuses or len(answer) < self.leave_after:
                piece = sock.recv(1 << 18)
                answer += piece
                if not piece:
                    break
            if reset and not self.statuses:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if self.statuses:
            got = Counter(int(n) for n in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer))
            assert got == self.statuses, f"{self.data[:2000]!r} was answered {got}"


def together(sent: list[Way], n: int = 1) -> Connection:
    """All on one connection, one behind the other, `n` times."""
    data = b"".join(way.data for way in sent) * n
    end = len(data) - len(sent[-1].data)
    statuses = Counter({k: v * n for k, v in Counter(way.status for way in sent).items()})
    return Connection(data[:end] + sent[-1].last(), len(sent) * n, statuses)


def alone(way: Way) -> Connection:
    if not way.status:
        return Connection(way.data * way.together, way.together, Counter(), way.leave_after)
    if way.how == "-" or way.is_websocket:
        return Connection(way.data, 1, Counter([way.status]))
    return together([way], way.together)


def lap_of_ways(preflight: int = 405) -> list[Connection]:
    """Every way once and the quick ones more often. ``preflight``: what OPTIONS gets."""
    kept, own = [], []
    for way in ways.EVERY:
        if way.name == "options":
            way = Way(way.name, way.data, preflight, way.how)
        closes = way.status in (0, 500) or way.how == "-" or way.name == "bad chunk" or way.is_websocket
        (own if closes or way.together > 1 else kept).append(way)
    quick = ways.BOTH[:7]
    mixed = [*kept, *quick * 4]
    random.Random(1).shuffle(mixed)
    return [together(mixed), *map(alone, own)]


ADA = f"Authorization: Bearer {shop.token_of('ada')}"
CART = "Cookie: cart=leak"
NEW = b'{"name": "spoon", "price": 2, "size": {"width": 3, "height": 14}}'
WRONG = b'{"name": "", "price": -1, "size": {"width": 0}}'
TYPE = "Content-Type: application/json"
# In this order: the cart is filled, ordered, empty.
SHOP = [
    (get("/"), 200),
    (get("/health"), 200),
    (request("HEAD", "/health"), 405),
    (get("/products"), 200),
    (get("/products?in_stock=true&max_price=30&id=1&id=3&skip=1"), 200),
    (get("/products?limit=0"), 422),
    (get("/products/export.csv"), 200),
    (get("/products/2", "Origin: https://shop.example"), 200),
    (get("/products/99"), 404),
    (get("/products/0"), 422),
    (get("/products/1", "User-Agent: thief"), 403),
    (json("/products", NEW), 401),
    (request("POST", "/products", TYPE, ADA, body=NEW), 201),
    (request("POST", "/products", TYPE, ADA, body=WRONG), 422),
    (get("/source"), 200),
    (get("/source", "Accept-Encoding: gzip"), 200),
    (request("PUT", "/cart", TYPE, CART, body=b'{"product": 3, "quantity": 2}'), 200),
    (request("PUT", "/cart", TYPE, CART, body=b'{"product": 4}'), 409),
    (get("/cart", CART), 200),
    (request("POST", "/orders", CART, ADA), 201),
    (request("POST", "/orders", CART, ADA), 400),
    (get("/orders/1", ADA), 200),
    (get("/orders/1", "Authorization: Bearer ada.byron"), 401),
    (get("/mail/1"), 200),
    (get("/openapi.json"), 200),
    (get("/docs"), 200),
    (get("/nowhere"), 404),
    (request("OPTIONS", "/cart", "Origin: https://shop.example",
             "Access-Control-Request-Method: GET"), 200),
]  # fmt: skip


def lap_of_the_shop() -> list[Connection]:
    sent = [Way(data.split(b"\r\n")[0].decode(), data, status, "") for data, status in SHOP]
    left = [
        Way("", get("/products"), 0, ""),
        Way("", get("/products/export.csv"), 0, "", leave_after=20),
        Way("", SHOP[16][0][:-3], 0, ""),
        Way("", get("/source"), 0, "", leave_after=200),
    ]
    return [together(sent), *map(alone, left)]


def run(port: int, lap: list[Connection], laps: int) -> int:
    """The number of requests made."""
    for n in range(laps):
        for connection in lap:
            connection.run(port, reset=n % 2 == 1)
    return laps * sum(connection.requests for connection in lap)
