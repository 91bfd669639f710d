"""Signals reach a loop that waits, whoever else cares about them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from fastrapi import EventLoop


def kill_soon(signum):
    threading.Timer(0.1, os.kill, (os.getpid(), signum)).start()


async def noticed(seen):
    """True when what the next signal's Python handler does ends the wait."""
    woken = asyncio.Event()
    loop = asyncio.get_running_loop()
    old = signal.signal(signal.SIGUSR2, lambda *_: (seen.append(2), loop.call_soon(woken.set)))
    kill_soon(signal.SIGUSR2)
    try:
        await asyncio.wait_for(woken.wait(), 5)
    except TimeoutError:
        return False
    finally:
        signal.signal(signal.SIGUSR2, old)
    return True


def test_python_handlers_run_while_idle_after_the_last_remove_signal_handler():
    async def main():
        loop = asyncio.get_running_loop()
        assert await noticed([])
        loop.add_signal_handler(signal.SIGUSR1, print)
        assert loop.remove_signal_handler(signal.SIGUSR1)
        assert not loop.remove_signal_handler(signal.SIGUSR1)
        assert await noticed([])

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        runner.run(main())
    assert signal.set_wakeup_fd(-1) == -1


def test_control_c_ends_an_idle_loop_after_the_last_remove_signal_handler():
    program = """if True:
        import asyncio, signal
        from fastrapi import EventLoop
        loop = EventLoop()
        async def main():
            loop.add_signal_handler(signal.SIGUSR1, print)
            loop.remove_signal_handler(signal.SIGUSR1)
            print("idle", flush=True)
            await asyncio.sleep(20)
        try:
            loop.run_until_complete(main())
        except KeyboardInterrupt:
            print("interrupted")
    """
    with subprocess.Popen([sys.executable, "-c", program], stdout=-1, stderr=-1, text=True) as child:
        assert child.stdout.readline() == "idle\n"
        threading.Timer(0.2, child.send_signal, (signal.SIGINT,)).start()
        assert child.communicate(timeout=10)[0] == "interrupted\n"


def test_a_signal_between_two_runs_is_delivered_in_the_second():
    loop = EventLoop()
    got = []

    async def add():
        loop.add_signal_handler(signal.SIGUSR1, got.append, 1)

    loop.run_until_complete(add())
    os.kill(os.getpid(), signal.SIGUSR1)
    loop.run_until_complete(asyncio.sleep(0.05))
    assert got == [1]
    loop.close()
    assert signal.set_wakeup_fd(-1) == -1


def test_a_wake_up_descriptor_of_somebody_else_is_left_alone():
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno())
    try:
        with asyncio.Runner(loop_factory=EventLoop) as runner:
            runner.run(asyncio.sleep(0))
        assert signal.set_wakeup_fd(theirs.fileno()) == theirs.fileno()
    finally:
        signal.set_wakeup_fd(-1)
        ours.close()
        theirs.close()


def test_a_loop_in_another_thread_leaves_signals_alone():
    failures = []

    def run():
        loop = EventLoop()
        try:
            loop.run_until_complete(asyncio.sleep(0))
            with pytest.raises(RuntimeError):
                loop.add_signal_handler(signal.SIGUSR1, print)
        except BaseException as exc:
            failures.append(exc)
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert failures == []
