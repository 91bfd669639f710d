"""What is given up before it begins, without memory, leaves no coroutine that nobody awaits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastrapi.compile import streams, uploads

pytestmark = pytest.mark.filterwarnings("error")


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


@pytest.mark.parametrize("fails", [True, False])
def test_uploads_that_cannot_be_closed(fails: bool) -> None:
    async def main() -> None:
        with pytest.raises(MemoryError):
            uploads.close([File(fails)])  # type: ignore[list-item]

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def test_uploads_on_the_disk() -> None:
    async def main() -> bool:
        file = File(False)
        uploads.close([file])  # type: ignore[list-item]
        await asyncio.sleep(0)
        return file.closed

    assert asyncio.run(main())
    assert not uploads._closing


def test_a_file_that_is_not_sent() -> None:
    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def main() -> None:
        sending = asyncio.get_running_loop().create_future()
        streams.file_behind(sending, receive).close()

    asyncio.run(main())
