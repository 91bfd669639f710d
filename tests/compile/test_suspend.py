"""Which coroutine functions can suspend is read off their code, on every Python."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fastrapi.compile.suspend import may_suspend


async def plain(a: int = 1) -> int:
    def inner() -> list[int]:
        return [a for _ in range(3)]

    try:
        with open("/dev/null"):
            return sum(inner())
    finally:
        a = 2


async def comprehensions() -> Any:
    return [i for i in range(3)], {i: i for i in range(3)}, sum(i for i in range(3))


async def nested_coroutine() -> Any:
    async def inner() -> None:
        await asyncio.sleep(0)

    return inner


async def matches(value: Any = None) -> str:
    match value:
        case {"a": a}:
            return str(a)
        case [*_]:
            return "list"
        case _:
            return "none"


async def awaits() -> None:
    await asyncio.sleep(0)


async def awaits_sometimes(flag: bool = False) -> None:
    if flag:
        await asyncio.sleep(0)


@asynccontextmanager
async def context() -> AsyncIterator[None]:
    yield


async def enters() -> None:
    async with context():
        pass


async def numbers() -> AsyncIterator[int]:
    yield 1


async def loops() -> None:
    async for _ in numbers():
        pass


async def comprehends() -> list[int]:
    return [i async for i in numbers()]


async def comprehends_awaiting() -> list[Any]:
    return [await asyncio.sleep(0, i) for i in range(3)]


class Instance:
    async def __call__(self) -> int:
        return 1

    async def method(self) -> int:
        return 1


def function() -> None:
    return None


@pytest.mark.parametrize("call", [plain, comprehensions, nested_coroutine, matches, Instance(), Instance().method])
def test_without_an_await_there_is_nothing_to_wait_for(call: Any) -> None:
    assert not may_suspend(call)


@pytest.mark.parametrize(
    "call",
    [awaits, awaits_sometimes, enters, loops, comprehends, comprehends_awaiting, numbers, function,
     functools.partial(plain), int],
)  # fmt: skip
def test_what_waits_or_cannot_be_read_may_suspend(call: Any) -> None:
    assert may_suspend(call)
