"""Closing the files of an upload leaves nothing behind that nobody awaits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastrapi.compile import uploads


class File:
    """One that cannot say where it is, and one that is on the disk."""

    closed = False

    def __init__(self, fails: bool) -> None:
        self.fails = fails

    @property
    def _in_memory(self) -> bool:
        if self.fails:
            raise MemoryError
        return False

    async def close(self) -> None:
        self.closed = True


class Loop(asyncio.SelectorEventLoop):
    def create_task(self, coro: Any, **named: Any) -> Any:
        if coro.__name__ == "_close_all":
            raise MemoryError
        return super().create_task(coro, **named)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("fails", [True, False])
def test_without_memory(fails: bool) -> None:
    async def main() -> None:
        with pytest.raises(MemoryError):
            uploads.close([File(fails)])  # type: ignore[list-item]

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def test_on_the_disk() -> None:
    async def main() -> bool:
        file = File(False)
        uploads.close([file])  # type: ignore[list-item]
        await asyncio.sleep(0)
        return file.closed

    assert asyncio.run(main())
    assert not uploads._closing
