"""Native layers in front of, between and within the user's own: the same answers, and every
layer of the user's sees what it sees around Starlette's own classes."""

from __future__ import annotations

import asyncio
import difflib
import os
import re
from types import SimpleNamespace
from typing import Any

import itsdangerous
import itsdangerous.timed
import pytest
from client import Answer, ask, forced, run
from fastapi import FastAPI
from mixed_layers import application, asked, dispatches, plain_answer, plain_log, setup
from starlette.middleware.cors import CORSMiddleware

from fastrapi.compile.layers import layer_of, layers_of

STEP = int(os.environ.get("FASTRD_GRID_STEP", "1"))
SETUPS = 400
ASKED = 25
GROUPS = 16


def _seen(log: Any) -> list[str]:
    return [_plain(repr(line)) for line in plain_log(log)]


def _plain(text: str) -> str:
    """Without addresses, and without what a TypeError says."""
    return re.sub(r"0x[0-9a-f]+|(?<=TypeError).*", "", text)


async def _all(seed: int, mode: str) -> tuple[FastAPI, list[tuple[Answer, list[str]]]]:
    app, log = application(setup(seed))
    found = []
    with forced(mode):
        for request in asked(seed, ASKED):
            answer = await asyncio.wait_for(ask(app, request), 10)
            for _ in range(3):
                await asyncio.sleep(0)
            seen = _seen(log)
            # Behind a dispatch layer what follows an answer takes other turns of the loop.
            found.append((answer, sorted(seen) if dispatches(seed) else seen))
            log.clear()
    return app, found


def _lines(answer: Answer, seen: list[str]) -> list[str]:
    return [*map(repr, plain_answer(answer.data)), _plain(repr(answer.exceptions)), *seen]


def _short(line: str) -> str:
    return line if len(line) < 600 else f"{line[:300]} ... {line[-300:]}"


def is_native(cls: Any) -> bool:
    """Among layers of Python, in this version of Starlette."""
    return not layer_of(cls, cls(None)).older


def _shown(layers: list[tuple[Any, dict[str, Any]]]) -> str:
    return ", ".join(f"{cls.__name__}({options})" for cls, options in layers)


@pytest.mark.parametrize("group", range(GROUPS))
def test_in_every_order_all_is_as_with_starlettes_own(
    group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A session's cookie carries the time at which it was made.
    monkeypatch.setattr(itsdangerous.timed, "time", SimpleNamespace(time=lambda: 1.7e9))
    reports: list[str] = []
    natives = 0

    async def main() -> None:
        nonlocal natives
        for seed in range(group, SETUPS, GROUPS * STEP):
            (_, expected), (app, got) = await _all(seed, "asgi"), await _all(seed, "none")
            natives += sum(layer.native for layer in layers_of(app))
            for request, theirs, ours in zip(asked(seed, ASKED), expected, got, strict=True):
                one, two = _lines(*theirs), _lines(*ours)
                if one != two:
                    changes = "\n".join(map(_short, difflib.unified_diff(one, two, "theirs", "ours", n=1)))
                    reports.append(f"{seed}: {_shown(setup(seed))}\n{request}\n{changes}")

    run(main)
    # Not all left to Python, but for what edits answers in older versions.
    assert natives > SETUPS / GROUPS / STEP or not is_native(CORSMiddleware)
    assert not reports, f"{len(reports)} differ\n" + "\n\n".join(reports[:3])
