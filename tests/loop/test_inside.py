"""The loop inside itself, as nest_asyncio allows it; each program in a process of its own,
since nest_asyncio changes asyncio for good."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROLOGUE = """
import asyncio, sys
from fastrapi.loop import EventLoop
nest = __import__(sys.argv[1])

async def echo(value):
    await asyncio.sleep(0)
    return value

def run(main):
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(main())
"""
PROGRAMS = {
    "the result, and the task that was current": """
async def main():
    nest.apply()
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert loop.run_until_complete(echo(1)) == 1 and asyncio.run(echo(2)) == 2
    assert asyncio.current_task() is task and asyncio.get_running_loop() is loop
    assert not loop.is_closed() and loop.is_running()
    assert asyncio.current_task().done() is False
run(main)
""",
    "handles of the turn around it run once, in order": """
async def main():
    nest.apply()
    loop, order = asyncio.get_running_loop(), []
    loop.call_soon(lambda: (order.append("begin"), asyncio.run(echo(1)), order.append("end")))
    for n in range(3):
        loop.call_soon(order.append, n)
    while "end" not in order:
        await asyncio.sleep(0)
    assert order == ["begin", 0, 1, 2, "end"], order
run(main)
""",
    "a timer, a thread and a descriptor end its wait": """
import os, threading
async def main():
    nest.apply()
    loop = asyncio.get_running_loop()
    loop.run_until_complete(asyncio.sleep(0.001))
    future = loop.create_future()
    threading.Thread(target=loop.call_soon_threadsafe, args=(future.set_result, 5)).start()
    assert loop.run_until_complete(future) == 5
    reader, writer = os.pipe()
    future = loop.create_future()
    loop.add_reader(reader, lambda: future.done() or future.set_result(os.read(reader, 9)))
    os.write(writer, b"x")
    assert loop.run_until_complete(future) == b"x"
    loop.remove_reader(reader)
run(main)
""",
    "between requests nobody sees a stand-in": """
nest.apply()
from fastrapi.hooks import RequestTask
from fastrapi.testclient import MemoryConnection
seen = []
async def application(scope, receive, send):
    seen.append((type(asyncio.current_task()) is RequestTask, asyncio.current_task().done()))
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})
async def main():
    connection = MemoryConnection(application)
    for _ in range(2):
        connection.feed(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
        await connection.read()
        assert not any(type(task) is RequestTask for task in asyncio.all_tasks())
run(main)
assert seen == [(True, False)] * 2, seen
""",
    "stop() ends it": """
async def main():
    nest.apply()
    loop = asyncio.get_running_loop()
    loop.call_soon(loop.stop)
    try:
        loop.run_until_complete(asyncio.Event().wait())
    except RuntimeError as exc:
        assert str(exc) == "Event loop stopped before Future completed.", exc
        print("stopped")
loop = EventLoop()
try:
    loop.run_until_complete(main())
finally:
    loop.run_until_complete(loop.shutdown_asyncgens())
""",
    "SystemExit goes through it": """
async def main():
    nest.apply()
    loop = asyncio.get_running_loop()
    loop.call_soon(sys.exit, 7)
    try:
        loop.run_until_complete(asyncio.Event().wait())
    except SystemExit as exc:
        assert exc.code == 7
        return "seen"
assert run(main) == "seen"
""",
    "another thread may not": """
import threading
async def main():
    nest.apply()
    loop, errors = asyncio.get_running_loop(), []
    def other():
        coroutine = echo(1)
        try:
            loop.run_until_complete(coroutine)
        except RuntimeError as exc:
            errors.append(str(exc))
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert errors == ["This event loop is already running"], errors
run(main)
""",
    "one loop inside another": """
async def main():
    nest.apply()
    loop, task, other = asyncio.get_running_loop(), asyncio.current_task(), EventLoop()
    assert other.run_until_complete(echo(3)) == 3
    assert asyncio.get_running_loop() is loop and asyncio.current_task() is task
    other.close()
    assert await echo(4) == 4
run(main)
""",
    "before it is applied nothing nests": """
async def main():
    loop, coroutine = asyncio.get_running_loop(), echo(1)
    assert not hasattr(loop, "_nest_patched")
    try:
        loop.run_until_complete(coroutine)
    except RuntimeError as exc:
        assert str(exc) == "This event loop is already running"
        coroutine.close()
        return True
assert run(main)
""",
}


@pytest.mark.parametrize("nest", ["nest_asyncio", "nest_asyncio2"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_loop_inside_itself(program: str, nest: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROLOGUE + PROGRAMS[program], nest], capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if "stop" in program:
        assert "stopped" in done.stdout or "stopped before" in done.stderr
