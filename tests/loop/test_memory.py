"""A loop that nobody closed, or wants any more, leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import warnings
import weakref

import pytest
from fastrapi import EventLoop


def queued(loop):
    loop.call_soon(print, loop)


def timed(loop):
    loop.call_later(1000, print, loop)


def of_another_thread(loop):
    def last():
        loop.stop()
        thread.start()
        thread.join()

    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(print, loop))
    loop.call_soon(last)
    loop.run_forever()


def watched(loop):
    ours, theirs = socket.socketpair()
    loop.add_reader(ours, print, loop, ours, theirs)


def watched_and_queued(loop):
    ours, theirs = socket.socketpair()
    loop.add_reader(ours, print, loop, ours, theirs)
    theirs.send(b"x")
    loop.call_soon(loop.stop)
    loop.run_forever()


@pytest.mark.parametrize("use", [queued, timed, watched, watched_and_queued, of_another_thread])
def test_an_unclosed_loop_is_collected_with_its_descriptors(use, capsys):
    def make():
        loop = EventLoop()
        use(loop)
        return weakref.ref(loop)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        make()
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        alive = [make() for _ in range(20)]
        gc.collect()
        assert [ref() for ref in alive] == [None] * 20
        gc.collect()
        assert len(os.listdir("/proc/self/fd")) == before


def test_closing_lets_go_of_what_was_queued():
    class Thing:
        pass

    loop = EventLoop()
    things = [Thing() for _ in range(3)]
    refs = [weakref.ref(thing) for thing in things]
    loop.call_soon(print, things[0])
    loop.call_later(1000, print, things[1])
    loop.call_soon_threadsafe(print, things[2])
    del things
    loop.close()
    assert [ref() for ref in refs] == [None] * 3


def test_a_finalizer_cannot_use_the_loop_that_lets_go_of_it():
    class Thing:
        def __del__(self):
            try:
                loop.call_soon(print)
            except RuntimeError as exc:
                refused.append(str(exc))

    refused = []
    loop = EventLoop()
    loop.call_soon(print, Thing())
    loop.call_later(1000, print, Thing())
    loop.close()
    assert refused == ["Event loop is closed"] * 2


def test_collecting_while_the_loop_runs_does_no_harm():
    over = threading.Event()

    def collect():
        while not over.is_set():
            gc.collect()

    async def main():
        for _ in range(50):
            ours, theirs = socket.socketpair()
            reader, writer = await asyncio.open_connection(sock=ours)
            theirs.send(b"x\n")
            assert await reader.readline() == b"x\n"
            writer.close()
            theirs.close()

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        with asyncio.Runner(loop_factory=EventLoop) as runner:
            runner.run(main())
    finally:
        over.set()
        thread.join()
