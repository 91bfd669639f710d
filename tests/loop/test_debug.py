"""Handles look like asyncio's, and debug mode tells what asyncio's tells."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time

import pytest
from fastrapi import EventLoop


@pytest.fixture
def loop():
    loop = EventLoop()
    loop.set_debug(False)
    yield loop
    loop.close()


@pytest.fixture
def debugged(loop):
    loop.set_debug(True)
    loop.slow_callback_duration = 10
    return loop


def test_handles_are_asyncio_handles(loop):
    soon, later = loop.call_soon(print, 1), loop.call_later(5, print, 1)
    assert isinstance(soon, asyncio.Handle)
    assert not isinstance(soon, asyncio.TimerHandle)
    assert isinstance(later, asyncio.TimerHandle)
    assert isinstance(later, asyncio.Handle)


def test_handles_look_like_asyncio_handles(loop):
    def callback():
        pass

    for args in ((), (1, "two")):
        ours, theirs = loop.call_soon(callback, *args), asyncio.Handle(callback, args, loop)
        assert repr(ours) == repr(theirs)
        assert ours._args == theirs._args
        assert ours.cancelled() is theirs.cancelled() is False
        ours.cancel(), theirs.cancel()
        assert repr(ours) == repr(theirs)
        assert ours._args is theirs._args is None
        assert ours.cancelled() is theirs.cancelled() is True
        ours = loop.call_at(12.5, callback, *args)
        theirs = asyncio.TimerHandle(12.5, callback, args, loop)
        assert repr(ours) == repr(theirs)
        assert ours == theirs
        assert hash(ours) == hash(theirs)
        assert ours.when() == theirs.when()
        ours.cancel()
        assert ours != theirs


def test_timers_compare_by_their_times(loop):
    one, two = loop.call_at(1e9, print), loop.call_at(2e9, print)
    assert one < two and one <= two and two > one and two >= one and one != two
    assert one == loop.call_at(1e9, print)
    assert one != loop.call_at(1e9, repr)
    assert len({one, two, loop.call_at(1e9, print)}) == 2
    with pytest.raises(TypeError):
        one < loop.call_soon(print)  # noqa: B015


def test_debug_mode_can_be_switched(loop):
    assert loop.get_debug() is False
    loop.set_debug(True)
    assert loop.get_debug() is True
    loop.set_debug(False)
    assert loop.get_debug() is False


def test_the_environment_switches_debug_mode_on():
    program = "from fastrapi import EventLoop; loop = EventLoop(); print(loop.get_debug()); loop.close()"
    for value, expected in (("1", "True\n"), ("", "False\n")):
        environment = dict(os.environ, PYTHONASYNCIODEBUG=value)
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        assert done.stdout == expected


def test_an_unclosed_loop_in_debug_mode_ends_quietly_with_the_interpreter():
    program = "from fastrapi import EventLoop; loop = EventLoop(); loop.set_debug(True)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program + "; loop.add_reader(0, print)"],
        stdin=subprocess.PIPE, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")


def test_slow_callbacks_are_logged_in_debug_mode_only(loop, caplog):
    def slow():
        time.sleep(0.02)

    async def slow_task():
        slow()

    loop.slow_callback_duration = 0.01
    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.run_until_complete(slow_task())
        assert caplog.messages == []
        loop.set_debug(True)
        loop.call_soon(slow)
        loop.call_later(0, slow)
        loop.run_until_complete(slow_task())
        loop.run_until_complete(asyncio.sleep(0.03))
    told = [message for message in caplog.messages if "slow" in message]
    assert len(told) == 3
    assert all(re.search(r"took \d+\.\d{3} seconds", message) for message in told)
    assert sum("<Task" in message for message in told) == 1
    assert sum("<TimerHandle" in message for message in told) == 1
    assert sum("slow() at" in message for message in caplog.messages) == 2


def test_another_thread_is_refused_in_debug_mode(debugged):
    failures = []

    def meddle():
        for call in (
            lambda: debugged.call_soon(print),
            lambda: debugged.call_later(1, print),
            lambda: debugged.call_at(1, print),
        ):
            try:
                call()
            except RuntimeError as exc:
                failures.append(str(exc))
        debugged.call_soon_threadsafe(failures.append, "allowed")

    async def main():
        await asyncio.to_thread(meddle)

    debugged.run_until_complete(main())
    debugged.run_until_complete(asyncio.sleep(0))
    assert [text.split()[0] for text in failures] == ["Non-thread-safe"] * 3 + ["allowed"]


def test_what_is_no_callback_is_refused_in_debug_mode(debugged):
    async def coroutine():
        pass

    for wrong in (coroutine, None, 1):
        for call in (
            lambda: debugged.call_soon(wrong),
            lambda: debugged.call_soon_threadsafe(wrong),
            lambda: debugged.call_later(1, wrong),
            lambda: debugged.call_at(1, wrong),
        ):
            with pytest.raises(TypeError):
                call()


def test_handles_know_where_they_were_made_in_debug_mode(debugged):
    handles = [
        debugged.call_soon(print),
        debugged.call_soon_threadsafe(print),
        debugged.call_later(1, print),
        debugged.call_at(1, print),
    ]
    for handle in handles:
        frame = handle._source_traceback[-1]
        assert frame.filename == __file__
        assert frame.line.startswith("debugged.call_")
        assert f"created at {__file__}" in repr(handle)
        handle.cancel()
        assert "print" in repr(handle)
    debugged.set_debug(False)
    assert debugged.call_soon(len, ())._source_traceback is None


def test_a_failed_callback_tells_where_it_was_made_in_debug_mode(debugged):
    seen = []
    debugged.set_exception_handler(lambda _loop, context: seen.append(context))
    handle = debugged.call_soon(divmod, 1, 0)
    debugged.run_until_complete(asyncio.sleep(0))
    (context,) = seen
    assert context["message"] == "Exception in callback divmod(1, 0)"
    assert isinstance(context["exception"], ZeroDivisionError)
    assert context["handle"] is handle
    assert context["source_traceback"] is handle._source_traceback


def test_a_callback_that_ends_the_program_does_so_in_debug_mode(debugged):
    debugged.call_soon(sys.exit, 3)
    with pytest.raises(SystemExit):
        debugged.run_forever()
    assert debugged._current_handle is None


def test_a_failed_task_nobody_waits_for_is_reported_at_once_in_debug_mode(debugged):
    seen = []
    debugged.set_exception_handler(lambda _loop, context: seen.append(context["message"]))

    async def fail():
        1 / 0  # noqa: B018

    async def main():
        debugged.create_task(fail())
        gc.disable()
        try:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        finally:
            gc.enable()

    debugged.run_until_complete(main())
    assert seen == ["Task exception was never retrieved"]


def test_streams_work_in_debug_mode(debugged):
    async def main():
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        threading.Timer(0.01, theirs.send, (b"hello\n",)).start()
        assert await asyncio.wait_for(reader.readline(), 5) == b"hello\n"
        writer.close()
        theirs.close()

    debugged.run_until_complete(main())
