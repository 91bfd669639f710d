"""The Python type Worker, without a master."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
from typing import Any

from fastrapi import EventLoop, _engine, wire
from fastrapi.serving import Serving


def test_a_worker_that_refers_to_itself_is_collected() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("nobody asks")

    async def main() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        worker = _engine.Worker(Serving(app).engine, asyncio.get_running_loop(), {})
        worker.listen(listener.fileno())
        _, writer = await asyncio.open_connection(*listener.getsockname())
        await asyncio.sleep(0)
        worker.drain(worker.abort, 1)  # not called as long as the connection is open
        del worker
        gc.collect()
        assert not [o for o in gc.get_objects() if type(o) is _engine.Worker]
        writer.close()
        listener.close()

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())


def test_a_worker_dropped_before_its_last_request_has_ended() -> None:
    """The request ends as any other, and nobody is told that it was the last."""
    drained = []

    async def main() -> bytes:
        started, go, loop = asyncio.Event(), asyncio.Event(), asyncio.get_running_loop()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            started.set()
            await go.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"at last"})

        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        worker = _engine.Worker(Serving(app).engine, loop, {})
        worker.listen(listener.fileno())
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        await started.wait()
        worker.drain(lambda: drained.append(1), 1)
        del worker
        gc.collect()
        waste = [bytearray(b"\xff" * n) for n in range(100, 400, 8) for _ in range(50)]
        go.set()
        data = await reader.read()
        await asyncio.sleep(0.01)
        writer.close()
        listener.close()
        del waste
        return data

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        data = runner.run(main())
    assert b"at last" in data and not drained


OUTLIVES = """
import asyncio, gc, socket
from fastrapi import EventLoop, _engine
from fastrapi.serving import Serving

kept = []

async def app(scope, receive, send):
    kept.append(asyncio.current_task())
    await asyncio.Event().wait()

async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    for _ in range(2):
        kept.append(_engine.Worker(Serving(app).engine, asyncio.get_running_loop(), {}))
        kept[-1].listen(listener.fileno())
    for request in (b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n", b"GET", b""):
        client = socket.create_connection(listener.getsockname())
        client.sendall(request)
        kept.append(client)
    kept.append(listener)
    await asyncio.sleep(0.05)
    kept[0].drain(print, 1)

loop = EventLoop()
loop.run_until_complete(main())
loop.close()
waste = [bytearray(b"x" * n) for n in range(64, 4096, 8)]
kept.clear()
gc.collect()
print("alive")
"""


def test_workers_may_outlive_their_loop() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OUTLIVES], env={**os.environ, "MALLOC_PERTURB_": "165"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_a_descriptor_that_no_order_should_have_is_closed() -> None:
    master, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = wire.Channel(worker.detach())
    reading, writing = os.pipe()
    with master, channel.socket:
        before = os.listdir("/proc/self/fd")
        socket.send_fds(master, [b"PARK"], [reading])
        assert channel.receive() == "PARK"
        assert os.listdir("/proc/self/fd") == before
    os.close(reading)
    os.close(writing)


def test_a_reply_that_nobody_hears_is_known_to_be_lost() -> None:
    master, worker = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = wire.Channel(worker.detach())
    with channel.socket:
        assert channel.send("FORKED 1")
        master.close()
        assert not channel.send("FORKED 1")
