"""call_later() and call_at(): in order, never early, gone when cancelled."""

from __future__ import annotations

import asyncio
import gc
import math
import random
import threading
import time
import weakref

import pytest
from fastrapi import EventLoop

RESOLUTION = time.get_clock_info("monotonic").resolution


@pytest.fixture
def loop():
    loop = EventLoop()
    yield loop
    loop.close()


def run_for(loop, seconds):
    loop.call_later(seconds, loop.stop)
    loop.run_forever()


def test_timers_fire_in_the_order_of_their_times(loop):
    fired = []
    base = loop.time() + 0.01
    times = [base + n * 1e-6 for n in range(10_000)]
    random.Random(1).shuffle(times)
    for when in times:
        loop.call_at(when, fired.append, when)
    loop.call_at(base + 0.02, loop.stop)
    loop.run_forever()
    assert fired == sorted(times)


def test_timers_of_one_time_fire_in_the_order_of_their_calls(loop):
    fired = []
    when = loop.time() + 0.01
    for n in range(1000):
        loop.call_at(when, fired.append, n)
    loop.call_at(when, loop.stop)
    loop.run_forever()
    assert fired == list(range(1000))


def test_timers_are_never_early(loop):
    early = []

    def check(when):
        if loop.time() + RESOLUTION < when:
            early.append(when - loop.time())

    base = loop.time()
    for n in range(2000):
        when = base + n * 37e-6
        loop.call_at(when, check, when)
    run_for(loop, 2000 * 37e-6)
    assert early == []


def test_timers_come_at_once_when_nothing_else_keeps_the_processor(loop):
    """Of many, the best are on time to some microseconds: no coarse clock, no
    whole milliseconds."""
    late = []

    async def main():
        for _ in range(50):
            when = loop.time() + 0.0013
            await asyncio.sleep(0.0013)
            late.append(loop.time() - when)

    loop.run_until_complete(main())
    assert min(late) < 0.0005


def test_times_that_are_past_or_no_numbers_are_due_at_once(loop):
    fired = []
    loop.call_at(math.inf, fired.append, "never")
    loop.call_later(math.nan, fired.append, "nan")
    loop.call_at(-math.inf, fired.append, "past")
    loop.call_later(-5, fired.append, "negative")
    loop.call_at(0, fired.append, "zero")
    run_for(loop, 0.01)
    assert fired == ["past", "zero", "negative", "nan"]


def test_a_far_timer_does_not_hinder_a_near_one(loop):
    fired = []
    loop.call_later(1e9, fired.append, "far")
    loop.call_later(1e30, fired.append, "farther")
    run_for(loop, 0.01)
    loop.call_later(0.01, fired.append, "near")
    run_for(loop, 0.02)
    assert fired == ["near"]


def test_arguments_may_be_named(loop):
    fired = []
    loop.call_later(delay=0.001, callback=lambda: fired.append("later"))
    loop.call_at(loop.time() + 0.002, callback=lambda: fired.append("at"))
    loop.call_soon(callback=lambda: fired.append("soon"), context=None)
    run_for(loop, 0.01)
    assert fired == ["soon", "later", "at"]
    for wrong in (
        lambda: loop.call_later(1),
        lambda: loop.call_later(None, print),
        lambda: loop.call_later("1", print),
        lambda: loop.call_later(1, print, delay=1),
        lambda: loop.call_soon(),
        lambda: loop.call_soon(print, what=1),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_a_cancelled_timer_does_not_fire(loop):
    fired = []
    handles = [loop.call_later(0.005, fired.append, n) for n in range(1000)]
    for handle in handles[::2]:
        handle.cancel()
        handle.cancel()
    assert handles[0].cancelled()
    run_for(loop, 0.01)
    assert fired == list(range(1, 1000, 2))


def test_a_timer_cancelled_by_one_that_fires_with_it_does_not_fire(loop):
    fired = []
    when = loop.time() + 0.005
    loop.call_at(when, lambda: handle.cancel())
    handle = loop.call_at(when, fired.append, 1)
    run_for(loop, 0.01)
    assert fired == []


def test_cancelled_timers_are_let_go_of_at_once(loop):
    class Thing:
        pass

    fired = []
    things = []
    loop.call_later(0.005, fired.append, 1)
    gc.collect()
    gc.disable()
    try:
        for _ in range(100_000):
            thing = Thing()
            things.append(weakref.ref(thing))
            loop.call_later(1000, print, thing).cancel()
            del thing
        assert not any(ref() is not None for ref in things)
    finally:
        gc.enable()
    run_for(loop, 0.01)
    assert fired == [1]


def test_many_long_timers_cancelled_in_any_order_leave_the_others(loop):
    fired = []
    numbers = random.Random(2)
    handles = [loop.call_later(numbers.random() / 50, fired.append, n) for n in range(20_000)]
    numbers.shuffle(handles)
    kept = handles[:100]
    for handle in handles[100:]:
        handle.cancel()
    loop.call_later(0.03, loop.stop)
    loop.run_forever()
    assert fired == [n for _, n in sorted((h.when(), h._args[0]) for h in kept)]


def test_timers_of_a_closed_loop_may_be_cancelled():
    loop = EventLoop()
    handle = loop.call_later(1000, print)
    loop.close()
    handle.cancel()
    assert handle.cancelled()
    assert handle.when() > loop.time() + 900
    with pytest.raises(RuntimeError):
        loop.call_later(1, print)


def test_a_timer_begun_by_a_timer_waits_for_the_next_turn(loop):
    order = []

    def first():
        order.append("first")
        loop.call_later(0, order.append, "timer")
        loop.call_soon(order.append, "soon")

    when = loop.time()
    loop.call_at(when, first)
    loop.call_at(when, order.append, "second")
    run_for(loop, 0.01)
    assert order == ["first", "second", "soon", "timer"]


def test_timers_of_another_thread_do_no_harm(loop):
    """asyncio forbids it, in debug mode it refuses it; it does not break."""
    loop.set_debug(False)
    over = threading.Event()

    def meddle():
        while not over.is_set():
            for handle in [loop.call_later(n / 1000, int) for n in range(50)][::2]:
                handle.cancel()

    thread = threading.Thread(target=meddle)
    thread.start()

    async def main():
        for _ in range(30):
            await asyncio.sleep(0.0005)

    loop.run_until_complete(main())
    over.set()
    thread.join()
