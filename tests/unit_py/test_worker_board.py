"""What a worker writes into its board, seen from outside as the master sees it."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from pathlib import Path
from typing import Any

import fastapi
import pytest

from fastrapi import _engine
from fastrapi.loop import EventLoop
from fastrapi.serving import Serving

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from boards import Board, new_boards, read  # noqa: E402

BOARDS, MINE = 3, 1


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/raises":
        raise LookupError(scope["path"])
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def the_board(fd: int) -> Board:
    (board,) = read(f"/proc/{os.getpid()}/fd/{fd}")
    return board


def test_state_and_counters() -> None:
    async def main(fd: int) -> None:
        loop = asyncio.get_running_loop()
        app = _engine.App(application, None)
        worker = _engine.Worker(app, loop, {}, (fd, MINE, 7))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            worker.listen(listener.fileno())
            first = the_board(fd)
            assert (first.state, first.pid, first.generation) == ("serving", os.getpid(), 7)
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3 + b"nonsense\r\n\r\n")
            data = await reader.read()
            assert data.count(b"HTTP/1.1 204 ") == 3
            writer.close()
            await asyncio.sleep(0.6)
            board = the_board(fd)
            assert board.heartbeat_ns > first.heartbeat_ns
            seen = board.counters
            assert (seen["connections_accepted"], seen["connections_open"]) == (1, 0)
            assert (seen["requests"], seen["refused"], seen["requests_active"]) == (3, 1, 0)
            assert (seen["answers_2xx"], seen["answers_4xx"]) == (3, 1)
            assert (seen["asgi"], seen["compiled"], seen["exceptions"]) == (3, 0, 0)
            assert seen["bytes_out"] == len(data)
            assert seen["bytes_in"] == 3 * 27 + 12
            drained = asyncio.Event()
            worker.drain(drained.set, 1)
            await drained.wait()
            assert the_board(fd).state == "ending"

    with new_boards(BOARDS) as fd, asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main(fd))


def test_exceptions_that_reach_the_server_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    async def main(fd: int) -> None:
        app = _engine.App(application, None)
        worker = _engine.Worker(app, asyncio.get_running_loop(), {}, (fd, MINE, 1))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            worker.listen(listener.fileno())
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /raises HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.read()
            writer.close()
            assert the_board(fd).counters["exceptions"] == 1
            assert [record.exc_info[0] for record in caplog.records] == [LookupError]

    with new_boards(BOARDS) as fd, asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main(fd))


def test_an_application_counts_on_the_board_of_its_worker() -> None:
    app = fastapi.FastAPI()
    given = {"changed": False}

    async def changing(request: fastapi.Request) -> None:
        """May change what is read after it, so that errors of that take a replay."""

    @app.get("/named", dependencies=[fastapi.Depends(changing)])
    async def named(name: int) -> None: ...

    @app.get("/{number}")
    async def root(number: int) -> int:
        if given["changed"]:
            app.get("/added")(lambda: None)
        return number

    async def ask(listener: socket.socket, path: str) -> bytes:
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer[9:12]

    async def main(fd: int) -> None:
        serving = Serving(app)
        serving.bind()
        worker = _engine.Worker(
            serving.engine, asyncio.get_running_loop(), {}, (fd, MINE, 1)
        )
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            worker.listen(listener.fileno())
            assert await ask(listener, "/1") == b"200"
            assert await ask(listener, "/one") == b"422"
            assert await ask(listener, "/named") == b"422"
            assert await ask(listener, "/1/2") == b"404"
            assert await ask(listener, "/1/%0A") == b"404"
            seen = the_board(fd).counters
            assert (seen["compiled"], seen["replayed"], seen["asgi"]) == (3, 1, 1)
            assert (seen["rebinds"], seen["exceptions"], seen["private_table"]) == (0, 0, 1)
            assert (serving.engine.compiled, serving.engine.replayed) == (3, 1)
            given["changed"] = True
            assert await ask(listener, "/1") == b"200"
            given["changed"] = False
            assert await ask(listener, "/2") == b"200"
            seen = the_board(fd).counters
            assert (seen["compiled"], seen["rebinds"]) == (5, 1)
            serving.engine.bind(None)
            assert the_board(fd).counters["private_table"] == 0
        drained = asyncio.Event()
        worker.drain(drained.set, 1)
        await drained.wait()
        del worker
        gc.collect()
        assert serving.engine.compiled == 0, "on a board of its own again"
        assert the_board(fd).counters["compiled"] == 5

    with new_boards(BOARDS) as fd, asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main(fd))


def test_boards_that_could_shrink_are_refused() -> None:
    async def main(fd: int, unsealed: int) -> None:
        app = _engine.App(application, None)
        loop = asyncio.get_running_loop()
        with pytest.raises(PermissionError):
            _engine.Worker(app, loop, {}, (unsealed, MINE, 1))
        with pytest.raises(OSError, match="Invalid argument"):
            _engine.Worker(app, loop, {}, (fd, BOARDS, 1))

    unsealed = os.memfd_create("board", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    with new_boards(BOARDS) as fd, asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main(fd, unsealed))
    os.close(unsealed)
