"""One application twice in memory: its files by C, and by Starlette."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from both import Ask, Served, run
from fastapi import FastAPI

from fastrapi.serving import serving_of

SHOWN = 3
_BOUNDARY = re.compile(rb"boundary=([0-9a-f]{26})")


def plain(answer: bytes) -> bytes:
    """An answer without the random boundary of its parts, and without the length of packed
    content that is not there to be unpacked."""
    head, _, content = answer.partition(b"\r\n\r\n")
    if b"content-encoding: gzip" in head and not content:
        answer = re.sub(rb"content-length: \d+", b"content-length: packed", answer)
    found = _BOUNDARY.search(answer)
    return answer.replace(found[1], b"B" * len(found[1])) if found else answer


def compare(make: Callable[[], FastAPI], asks: Iterable[Ask], **client: Any) -> tuple[int, int]:
    """Ask both the same; fail with the first few differences. How many requests there were,
    and how many of them C has not answered alone."""
    native, reference = make(), make()
    asked = left = 0
    reports: list[str] = []

    async def main() -> None:
        nonlocal asked, left
        one, two = Served(native, "none", **client), Served(reference, "asgi", **client)
        for ask in asks:
            asked += 1
            got, wanted = plain(await one.ask(ask)), plain(await two.ask(ask))
            if got != wanted:
                reports.append(f"{ask}\n  starlette {wanted[:600]!r}\n  native    {got[:600]!r}")
        assert serving_of(reference).engine.compiled == 0
        left = one.asgi

    run(main)
    assert asked
    assert not reports, f"{len(reports)} of {asked} differ\n" + "\n".join(reports[:SHOWN])
    return asked, left
