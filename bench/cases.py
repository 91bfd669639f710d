"""What is measured: requests, expected content, peers, and the bars.

A bar compares the CPU time per request of two peers of one case: the peer is at
least `factor` times cheaper than the other, or costs at most `factor` times as
much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HELLO = '{"message":"Hello World"}'
_FIELDS = "Host: 127.0.0.1\r\nUser-Agent: load\r\nAccept: */*\r\n"


@dataclass(frozen=True)
class Bar:
    """One figure that must hold, with the aim beyond it."""

    peer: str
    relation: Literal["cheaper", "at most"]
    factor: float
    other: str
    aim: float | None = None


@dataclass(frozen=True)
class Case:
    """One request, served by the same application on every peer.

    `peers` are names of peers.COMMANDS, optionally "name:module" to serve
    another module of apps/ than `app` (the name in the table is the same).
    """

    name: str
    title: str
    app: str
    request: bytes
    content: str
    peers: tuple[str, ...]
    bars: tuple[Bar, ...]
    depth: int = 1
    reference: str = "uvicorn"


def get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\n{_FIELDS}\r\n".encode()


def post(target: str, content: str) -> bytes:
    return (
        f"POST {target} HTTP/1.1\r\n{_FIELDS}Content-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n{content}"
    ).encode()


ALL = ("fastrd", "uvicorn", "granian", "nginx", "floor")

CASES = (
    Case(
        "hello", "async hello", "hello:app", get("/"), HELLO, ALL,
        (Bar("fastrd", "cheaper", 9, "uvicorn", aim=12), Bar("fastrd", "at most", 1.25, "nginx", aim=1)),
    ),
    Case(
        "def", "def hello", "hello:app", get("/def"), HELLO,
        ("fastrd", "fastrd-auto", "uvicorn", "granian", "nginx", "floor"),
        (Bar("fastrd", "cheaper", 8, "uvicorn", aim=14), Bar("fastrd-auto", "cheaper", 13, "uvicorn", aim=20)),
    ),
    Case(
        "params", "path + query", "params:app", get("/items/42?q=needle&limit=7"),
        '{"item_id":42,"q":"needle","limit":7}', ALL,
        (Bar("fastrd", "cheaper", 10, "uvicorn", aim=14),),
    ),
    Case(
        "deps", "two async dependencies", "deps:app", get("/?skip=20&limit=10"),
        '{"visitor":"visitor 20","limit":10}', ALL,
        (Bar("fastrd", "cheaper", 10, "uvicorn", aim=14),),
    ),
    Case(
        "model", "POST model → response_model", "model:app",
        post("/items", '{"name":"anvil","description":"heavy","price":42.5,"tags":["iron","acme"]}'),
        '{"name":"anvil","price":42.5,"tags":["iron","acme"]}', ALL,
        (Bar("fastrd", "cheaper", 9, "uvicorn", aim=11),),
    ),
    Case(
        "pipelined", "async hello, pipelined ×16", "hello:app", get("/"), HELLO, ALL,
        (Bar("fastrd", "cheaper", 45, "uvicorn", aim=80),), depth=16,
    ),
    Case(
        "raw", "raw ASGI application", "raw:app", get("/"), HELLO, ALL,
        (Bar("fastrd", "cheaper", 1.5, "uvicorn", aim=1.8),),
    ),
    Case(
        "routes", "10,000 routes against 10", "routes10:app", get("/last/one"), '{"key":"one"}',
        ("fastrd", "fastrd:routes10000:app", "uvicorn", "uvicorn:routes10000:app"),
        (Bar("fastrd:routes10000:app", "at most", 1.1, "fastrd"),),
    ),
)
