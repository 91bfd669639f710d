"""Layers that a number chooses, native ones and the user's own in any order, some of them by flags:
every answer is uvicorn's, and user code sees the same.

    pytest tests/middleware/test_stacks.py --stacks 100 --first-stack 1000
"""

from __future__ import annotations

import gzip
import os
import random
import zlib
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import servers
from observed import SERVERS, Notes, ask_steady
from stacks_app import LONG, MESSAGES, chosen
from test_edge_served import words
from wire import Answer, Peer, Request, difference, report

HERE = Path(__file__).parent
FIELDS = [
    (), (("Accept-Encoding", "gzip"),), (("Accept-Encoding", "gzip"),), (("Accept-Encoding", "br"),),
    (("Origin", "https://a.example"), ("Accept-Encoding", "gzip, br")), (("Origin", "https://b.example"),),
    (("Host", "x.a.example"), ("Accept-Encoding", "gzip")), (("Host", "wrong.example"),),
]  # fmt: skip
QUERIES = ["", "", "", "", "refuse", "before", "behind", "gather", "rewrite", "rewrite&fix", "packed"]
TARGETS = [
    "/json", "/json?n=9000", "/text/200", "/text/70000", "/text/2000000", "/text/900?status=206", "/encoded/304",
    "/text/600?status=404", "/yields/10", "/yields/200000", "/stream/1/3", "/stream/9000/3", "/stream/70000/4", "/stream/1/0",
    "/stream/300/3?fails=0", "/stream/300/3?fails=2", "/stream/500000/2", *(f"/plainly/{size}?kind={kind}" for size in (1, 900)
    for kind in ("bytes", "text", "view", "gaps", "array", "number")), *(f"/body/{size}-{kind}" for size in ("long", "short")
    for kind in ("view", "gaps", "array")), "/length/3/3", "/length/3/9", "/length/9/3", "/length/30/900", "/length/9000/900",
    "/file/small", "/file/large", "/file/none", "/static/small", "/static/large", "/static/none", "/fails/http", "/fails/refused",
    "/fails/value", "/session", "/session", "/none", "/json/", "/text/x",
    *(f"/{way}/{quote(name)}{on}" for name in MESSAGES for way in ("raw", "sends") for on in ("", "?on=1")),
]  # fmt: skip


# What GZip's class raises when messages follow the end of what it has packed is zlib's.
BEHIND = {"body behind", "start behind", "204", "204 empty"}  # and it gives a 204 content
# Around everything, by a flag, a head is looked at when it comes, not when it goes on; what is no
# answer at all is refused as it is without the flag.
HEADS = {
    "bad name", "bad value", "bad length", "text field", "status 99", "status text", "without status", "without headers",
    "body first", "without body", "without body, more", "none", "number", "list", "trailers",
    "gaps, small", "backwards",
}  # fmt: skip


def left_out(layers: Any, flags: dict[str, str]) -> set[str]:
    packs = "gzip" in flags or any(cls.__name__ == "GZipMiddleware" for cls, _ in layers)
    return (BEHIND if packs else set()) | (HEADS if "gzip" in flags else set())


def requests(seed: int, count: int) -> list[Request]:
    rng = random.Random(f"asked {seed}")
    found = []
    out = left_out(*chosen(seed))
    ends = tuple(f"/{quote(name)}{on}" for name in out for on in ("", "?on=1"))
    for target in rng.sample(TARGETS, min(count, len(TARGETS))):
        if target.endswith(ends):
            continue
        query = rng.choice(QUERIES)
        target += ("&" if "?" in target else "?") + query if query else ""
        fields = rng.choice(FIELDS)
        if "file" in target or "static" in target:
            fields += rng.choice([(), (), (("Range", "bytes=5-99"),), (("If-None-Match", "*"),) * ("204" not in out), (("Range", "bytes=1-2,70000-70010"),)])
        found.append(Request(rng.choice(["GET"] * 9 + ["HEAD", "OPTIONS", "POST"]), target, fields))
    return found


def ask(peer: Peer, request: Request) -> Answer | str:
    answer = ask_steady(peer, request)
    if isinstance(answer, str):
        return answer
    if request.method == "HEAD" and (b"content-encoding", b"gzip") in answer.headers:
        answer.headers = [(name, value) for name, value in answer.headers if name != b"content-length"]
    if answer.body and b"gzip" in dict(answer.headers).get(b"content-encoding", b""):
        # Whole, or as far as it has come.
        length = (b"content-length", b"%d" % len(answer.body))
        answer.headers = [(name, b"packed") if (name, value) == length else (name, value) for name, value in answer.headers]
        try:
            answer.body = gzip.compress(zlib.decompressobj(31).decompress(answer.body), mtime=0)
        except zlib.error as exc:  # it is packed twice, or its length is a lie
            return f"{exc} in {answer.status!r}"
    return answer


def difference_of(peers: list[Peer], request: Request, notes: Notes, quiet_s: float, ordered: bool) -> str | None:
    left, right = (ask(peer, request) for peer in peers)
    seen = notes.new(quiet_s)
    if not ordered:
        seen = [sorted(one) for one in seen]
    if isinstance(left, Answer) and isinstance(right, Answer):
        what = difference(left, right)
    else:
        # Where uvicorn has refused the head of an answer, fastrd says 500.
        refused = isinstance(right, str) or right.status.startswith(b"HTTP/1.1 500 ")
        what = None if isinstance(left, str) and refused else "one gave no answer"
    if not what and seen[0] != seen[1]:
        shown = ["\n".join(line.decode() for line in one[:30]) for one in seen]
        what = f"what user code saw:\n{shown[0]}\n--- against\n{shown[1]}"
    return report(request, left, right, what) if what else None


def test_as_under_uvicorn(stack_seed: int, tmp_path: Path) -> None:
    layers, flags = chosen(stack_seed)
    for name, size in (("small", 900), ("large", 100_000)):
        (tmp_path / name).write_bytes((LONG * 100)[:size])
        os.utime(tmp_path / name, (1.7e9, 1.7e9))
    found: list[str] = []
    with ExitStack() as stack:
        peers = []
        for name, make in (("reference", servers.uvicorn), ("fastrd", servers.fastrd)):
            port = servers.free_port()
            env = {"SEED": str(stack_seed), "STACKS_FILES": str(tmp_path), "SHOP_DATABASE": str(tmp_path / name)}
            command = make(f"stacks_app:{'wrapped' if name == 'reference' else 'app'}", HERE, port)
            command += words(flags) if name == "fastrd" else []
            stack.enter_context(servers.serving(command, port, tmp_path / f"{name}.log", env))
            peers.append(Peer(port))
            stack.callback(peers[-1].close)
        notes = Notes([tmp_path / f"{name}.notes" for name in SERVERS])
        ordered = not any("dispatch" in options for _, options in layers)
        for request in requests(stack_seed, 60):
            # Once more, and slower: what runs after an answer may be late.
            if difference_of(peers, request, notes, 0.012, ordered):
                notes.new(0.2)
                if what := difference_of(peers, request, notes, 0.3, ordered):
                    found.append(what)
    log = (tmp_path / "fastrd.log").read_text()
    assert "FASTRD BUG" not in log and "died" not in log and "bug:" not in log, log
    shown = ", ".join(f"{cls.__name__}({options})" for cls, options in layers)
    assert not found, f"{len(found)} differ: {shown} in {flags}\n" + "".join(found[:6])
