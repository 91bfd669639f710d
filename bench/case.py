"""What a case is: a request, the expected answer, peers, and bars.

A bar compares the CPU time per request of two peers of one case, one way of RELATIONS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Relation = Literal["cheaper", "at most", "more", "adds", "within"]
# How a bar compares `peer` with `other`.
RELATIONS: dict[Relation, str] = {
    "cheaper": "{peer} ≥ {factor:g}× cheaper than {other}",
    "at most": "{peer} ≤ {factor:g}× the cost of {other}",
    "more": "{peer} ≤ {other} + {factor:g} µs",
    "within": "{peer} ≤ {factor:g} {other}",
    "adds": "what {peer} adds to own is ≤ {factor:g}× what {other} adds",
}
CONNECTIONS = 64
_FIELDS = "Host: 127.0.0.1\r\nUser-Agent: load\r\nAccept: */*\r\n"


@dataclass(frozen=True)
class Bar:
    """One figure that must hold, with the aim beyond it. `other` of "within" is the unit."""

    peer: str
    relation: Relation
    factor: float
    other: str
    aim: float | None = None


@dataclass(frozen=True)
class Case:
    """One request, served by the same application on every peer.

    `peers` are names of peers.COMMANDS, optionally "name:module" to serve
    another module of apps/ than `app` (the name in the table is the same). `own` is
    no server: it is measured by calling `own` ("module:function") in a loop.
    """

    name: str
    title: str
    app: str
    request: bytes
    content: str | None  # None: what the reference answers
    peers: tuple[str, ...]
    bars: tuple[Bar, ...]
    depth: int = 1
    reference: str = "uvicorn"
    status: int = 200
    connections: int = CONNECTIONS
    group: str = "route"
    own: str = ""
    needs: Literal["", "postgres", "redis"] = ""
    file: bool = False  # nginx serves the file, not the content


def request(line: str, content: bytes | None = None, **fields: str) -> bytes:
    """A request such as "GET /"; fields are named as in Python, accept_encoding="gzip"."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    if content is not None:
        lines += f"Content-Length: {len(content)}\r\n"
    return f"{line} HTTP/1.1\r\n{_FIELDS}{lines}\r\n".encode() + (content or b"")


def post_json(target: str, content: str) -> bytes:
    return request(f"POST {target}", content.encode(), Content_Type="application/json")
