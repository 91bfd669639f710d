"""CPU time of what an event loop does all day, on three loops.

    build/venv/bin/python bench/micro/loop.py [--rounds N] [CASE...]

Every case runs in processes of its own, one loop after the other, round after
round; a figure is the median of the rounds' CPU time per operation (user +
system). uvloop is installed into build/bench/uvloop by the first run, as pinned
in bench/requirements.txt, so that build/venv stays as the tests want it.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "build/bench/uvloop"
LOOPS = ("fastrapi", "asyncio", "uvloop")


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    if name == "fastrapi":
        import fastrapi

        return fastrapi.EventLoop()
    if name == "uvloop":
        sys.path.append(str(TARGET))
        import uvloop

        return uvloop.new_event_loop()
    return asyncio.SelectorEventLoop()


async def until(start: Callable[[Callable[[], None]], None]) -> None:
    """Give ``start`` something to call when all is over, and wait for it."""
    future = asyncio.get_running_loop().create_future()
    start(lambda: future.set_result(None))
    await future


async def call_soon_chain(n: int) -> None:
    """call_soon(), one callback a turn"""
    loop, left = asyncio.get_running_loop(), n

    def start(over: Callable[[], None]) -> None:
        def step() -> None:
            nonlocal left
            left -= 1
            loop.call_soon(step if left else over)

        loop.call_soon(step)

    await until(start)


async def call_soon_batch(n: int) -> None:
    """call_soon(f, 1), 1,000 callbacks a turn"""
    loop = asyncio.get_running_loop()
    for _ in range(n // 1000):
        for _ in range(1000):
            loop.call_soon(bool, 1)
        await asyncio.sleep(0)


async def call_soon_threadsafe(n: int) -> None:
    """call_soon_threadsafe() from the loop's thread, 100 a turn"""
    loop = asyncio.get_running_loop()
    for _ in range(n // 100):
        for _ in range(100):
            loop.call_soon_threadsafe(bool, 1)
        await asyncio.sleep(0)


async def call_later_fires(n: int) -> None:
    """call_later(0.001), 1,000 at a time"""
    loop = asyncio.get_running_loop()
    for _ in range(n // 1000):
        for _ in range(1000):
            loop.call_later(0.001, bool, 1)
        await asyncio.sleep(0.002)


async def call_later_cancel(n: int) -> None:
    """call_later(30) and cancel(), among 1,000 others"""
    loop = asyncio.get_running_loop()
    others = [loop.call_later(60 + k, bool) for k in range(1000)]
    for k in range(n):
        loop.call_later(30, bool, 1).cancel()
        if k % 10 == 0:
            await asyncio.sleep(0)
    for other in others:
        other.cancel()


async def timeout_around_sleep(n: int) -> None:
    """asyncio.timeout(30) around sleep(0)"""
    for _ in range(n):
        async with asyncio.timeout(30):
            await asyncio.sleep(0)


async def sleep_short(n: int) -> None:
    """sleep(0.001): the wait itself"""
    for _ in range(n):
        await asyncio.sleep(0.001)


async def create_task(n: int) -> None:
    """create_task() and its await"""

    async def nothing() -> None:
        pass

    for _ in range(n):
        await asyncio.create_task(nothing())


async def gather(n: int) -> None:
    """gather() of 100 tasks that sleep(0), per task"""
    for _ in range(n // 100):
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(100)))


async def sock_echo(n: int) -> None:
    """sock_recv() and sock_sendall(), a round trip of 100 bytes"""
    loop = asyncio.get_running_loop()
    ends = socket.socketpair()
    for end in ends:
        end.setblocking(False)

    async def echo() -> None:
        while data := await loop.sock_recv(ends[1], 1000):
            await loop.sock_sendall(ends[1], data)

    task = asyncio.create_task(echo())
    for _ in range(n):
        await loop.sock_sendall(ends[0], b"x" * 100)
        await loop.sock_recv(ends[0], 1000)
    ends[0].close()
    await task
    ends[1].close()


class Echo(asyncio.Protocol):
    transport: Any

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


class Client(Echo):
    def __init__(self, n: int, over: Callable[[], None]) -> None:
        self.left, self.over = n, over

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.write(b"x" * 100)

    def data_received(self, data: bytes) -> None:
        self.left -= 1
        if self.left:
            self.transport.write(data)
        else:
            self.over()


async def protocol_echo(n: int) -> None:
    """Protocols over TCP, a round trip of 100 bytes"""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    over = loop.create_future()
    client, _ = await loop.create_connection(
        lambda: Client(n, lambda: over.set_result(None)), *address
    )
    await over
    client.close()
    server.close()


async def stream_echo(n: int) -> None:
    """Streams over TCP, a round trip of a line"""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for _ in range(n):
        writer.write(b"x" * 99 + b"\n")
        await reader.readline()
    writer.close()
    server.close()


CASES: dict[str, tuple[Any, int]] = {
    case.__name__: (case, n)
    for case, n in (
        (call_soon_chain, 100_000),
        (call_soon_batch, 300_000),
        (call_soon_threadsafe, 100_000),
        (call_later_fires, 100_000),
        (call_later_cancel, 100_000),
        (timeout_around_sleep, 50_000),
        (sleep_short, 1_000),
        (create_task, 50_000),
        (gather, 50_000),
        (sock_echo, 20_000),
        (protocol_echo, 10_000),
        (stream_echo, 10_000),
    )
}


def measure(loop_name: str, case_name: str) -> None:
    """In a process of its own: print the nanoseconds of one operation."""
    case, n = CASES[case_name]
    loop = new_loop(loop_name)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(case(max(n // 10, 1000)))
    gc.collect()
    began = time.process_time_ns()
    loop.run_until_complete(case(n))
    print((time.process_time_ns() - began) / n)
    loop.close()


def install_uvloop() -> None:
    if (TARGET / "uvloop").is_dir():
        return
    pins = (ROOT / "bench/requirements.txt").read_text()
    pin = re.search(r"^uvloop==\S+", pins, re.M)
    assert pin is not None
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check",
         "--no-deps", "--target", str(TARGET), pin[0]],
        check=True,
    )  # fmt: skip


def compare(names: list[str], rounds: int) -> None:
    print(f"{'ns of CPU time per operation':58}", *(f"{name:>9}" for name in LOOPS), end="")
    print("  ÷ asyncio  ÷ uvloop")
    for case_name in names:
        taken: dict[str, list[float]] = {name: [] for name in LOOPS}
        for _ in range(rounds):
            for loop_name in LOOPS:
                done = subprocess.run(
                    [sys.executable, __file__, "--measure", loop_name, case_name],
                    capture_output=True, text=True, check=True,
                )  # fmt: skip
                taken[loop_name].append(float(done.stdout))
        ours, plain, uv = (statistics.median(taken[name]) for name in LOOPS)
        print(f"{CASES[case_name][0].__doc__:58}", end="")
        print(f" {ours:9.0f} {plain:9.0f} {uv:9.0f}  {ours / plain:9.2f}  {ours / uv:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure)
        return
    for name in options.cases:
        if name not in CASES:
            parser.error(f"no such case: {name}")
    install_uvloop()
    compare(options.cases or list(CASES), options.rounds)


if __name__ == "__main__":
    main()
