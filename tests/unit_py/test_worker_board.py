"""What a worker writes into its board, seen from outside as the master sees it."""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import re
import socket
import struct
from pathlib import Path
from typing import Any

import pytest

from fastrapi import _engine
from fastrapi.loop import EventLoop

ROWS = re.findall(
    r"^SHM_COUNTER\((\w+),",
    (Path(__file__).parents[2] / "shm" / "counters.def").read_text(),
    re.MULTILINE,
)
HEAD = struct.Struct("=4I2Q")  # version, state, pid, generation, heartbeat, request start
COUNTERS_AT = HEAD.size + 128 + 256
BOARDS, MINE = 3, 1
SERVING, DRAINING = 2, 3


def new_boards(seals: int = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL) -> int:
    fd = os.memfd_create("board", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    assert COUNTERS_AT + 8 * len(ROWS) <= mmap.PAGESIZE
    os.ftruncate(fd, BOARDS * mmap.PAGESIZE)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


async def application(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def test_state_and_counters() -> None:
    fd = new_boards()
    board = mmap.mmap(fd, mmap.PAGESIZE, prot=mmap.PROT_READ, offset=MINE * mmap.PAGESIZE)

    def counters() -> dict[str, int]:
        values = struct.unpack_from(f"={len(ROWS)}Q", board, COUNTERS_AT)
        return dict(zip(ROWS, values, strict=True))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        app = _engine.App(application, None)
        worker = _engine.Worker(app, loop, {"boards": (fd, MINE, 7)})
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            worker.listen(listener.fileno())
            _, state, pid, generation, beat, _ = HEAD.unpack_from(board)
            assert (state, pid, generation) == (SERVING, os.getpid(), 7)
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3 + b"nonsense\r\n\r\n")
            data = await reader.read()
            assert data.count(b"HTTP/1.1 204 ") == 3
            writer.close()
            await asyncio.sleep(0.6)
            assert HEAD.unpack_from(board)[4] > beat
            seen = counters()
            assert (seen["connections_accepted"], seen["connections_open"]) == (1, 0)
            assert (seen["requests"], seen["refused"], seen["requests_active"]) == (3, 1, 0)
            assert (seen["answers_2xx"], seen["answers_4xx"]) == (3, 1)
            assert seen["bytes_out"] == len(data)
            assert seen["bytes_in"] == 3 * 27 + 12
            drained = asyncio.Event()
            worker.drain(drained.set)
            await drained.wait()
            assert HEAD.unpack_from(board)[1] == DRAINING

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())


def test_boards_that_could_shrink_are_refused() -> None:
    async def main() -> None:
        app = _engine.App(application, None)
        loop = asyncio.get_running_loop()
        with pytest.raises(PermissionError):
            _engine.Worker(app, loop, {"boards": (new_boards(0), MINE, 1)})
        with pytest.raises(OSError, match="Invalid argument"):
            _engine.Worker(app, loop, {"boards": (new_boards(), BOARDS, 1)})

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
