"""Requests begin in their task at once, whatever else happens meanwhile."""

from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest
from fastrapi import EventLoop
from fastrapi.testclient import MemoryConnection

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def application(scope, receive, send):
    assert asyncio.current_task() is not None
    await asyncio.sleep(0)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


class BusyLoop(EventLoop):
    """Does something whenever a Task asks get_debug() while it is constructed: what a
    finalizer or another thread may do at that moment."""

    def __init__(self):
        super().__init__()
        self.busy = None

    def get_debug(self):
        if self.busy is not None:
            self.busy()
        return super().get_debug()


def serve(loop, requests):
    async def main():
        connection = MemoryConnection(application)
        for _ in range(requests):
            connection.feed(REQUEST)
            assert b"ok" in await connection.read()

    loop.run_until_complete(asyncio.wait_for(main(), 10))
    loop.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def loop():
    loop = BusyLoop()
    yield loop
    loop.busy = None
    loop.close()


def test_a_callback_of_a_finalizer_keeps_its_arguments(loop):
    got = []
    loop.busy = lambda: EventLoop.call_soon(loop, lambda *args: got.append(args), 1, 2)
    serve(loop, 10)
    assert len(got) >= 10
    assert set(got) == {(1, 2)}


def test_a_callback_without_arguments_is_not_taken_for_the_first_step(loop):
    got = []
    loop.busy = lambda: EventLoop.call_soon(loop, lambda: got.append(asyncio.current_task()))
    serve(loop, 10)
    assert len(got) >= 10
    assert set(got) == {None}


def test_a_task_begun_meanwhile_is_scheduled_like_any_other(loop):
    async def other():
        names.append(asyncio.current_task().get_name())

    def busy():
        loop.busy = None
        tasks.append(asyncio.Task(other(), loop=loop, name="other"))

    names, tasks = [], []

    async def main():
        connection = MemoryConnection(application)
        loop.busy = busy
        connection.feed(REQUEST)
        assert b"ok" in await connection.read()
        await asyncio.gather(*tasks)

    loop.run_until_complete(asyncio.wait_for(main(), 10))
    assert names == ["other"]


def test_a_callback_of_another_thread_runs_in_its_own_context(loop):
    var = contextvars.ContextVar("var", default="none")
    got = []

    def tell():
        var.set("thread")
        loop.call_soon_threadsafe(lambda *args: got.append((args, var.get())), 1)

    def busy():
        thread = threading.Thread(target=tell)
        thread.start()
        thread.join()

    loop.busy = busy
    serve(loop, 10)
    assert len(got) >= 10
    assert set(got) == {((1,), "thread")}
