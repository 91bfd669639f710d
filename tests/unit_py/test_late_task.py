"""A request's task is made only when its application is suspended. Until then a stand-in is the
current task, and user code must not be able to tell: programs written from random numbers run
in a task of asyncio's and as applications, and say the same."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
import re
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio
import pytest
from fastapi import FastAPI

from fastrapi.hooks import RequestTask
from fastrapi.loop import EventLoop
from fastrapi.testclient import MemoryConnection

PROGRAMS = 800
var: contextvars.ContextVar[int] = contextvars.ContextVar("var", default=0)

OPS = (
    "keep", "weak", "cancel", "cancel", "uncancel", "cancelling", "yield", "yield", "sleep",
    "sleep", "done", "fails", "later", "set", "get", "callback", "same", "shield", "child",
    "soon", "late", "bad", "mark", "marked", "name",
)  # fmt: skip
BLOCKS = ("catch", "finally", "timeout", "timeout", "scope", "group")


def program(rng: random.Random, depth: int = 0) -> list[Any]:
    made: list[Any] = []
    for _ in range(rng.randint(1, 4)):
        if depth < 3 and rng.random() < 0.3:
            made.append((rng.choice(BLOCKS), program(rng, depth + 1)))
        else:
            made.append((rng.choice(OPS), rng.randint(0, 2)))
    return made


def words(exc: BaseException) -> tuple[str, str]:
    return type(exc).__name__, re.sub("scope [0-9a-f]+", "scope", str(exc))


class Boom(Exception):
    pass


class BadYield:
    def __await__(self) -> Any:
        yield 5


def after(turns: int, then: Callable[[], object]) -> None:
    """Call ``then`` in a later turn of the loop: no test here depends on the clock."""
    loop = asyncio.get_running_loop()
    loop.call_soon(then) if turns == 1 else loop.call_soon(after, turns - 1, then)


class Actor:
    """Runs one program. What it sees goes to ``log``."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.kept: list[Any] = []
        self.first: Any = None
        self.names: set[str] = set()

    def task(self) -> asyncio.Task[Any]:
        task = asyncio.current_task()
        assert task is not None
        return task

    async def run(self, steps: list[Any]) -> None:
        self.log.append("begins")
        var.set(1)
        try:
            await self.block(steps)
        except BaseException as exc:
            self.log.append(("through", *words(exc)))
            if not isinstance(exc, asyncio.CancelledError | Boom | RuntimeError):
                raise
        self.log.append(("ends", self.task().cancelling()))

    async def block(self, steps: list[Any]) -> None:
        for name, value in steps:
            if isinstance(value, list):
                await getattr(self, f"in_{name}")(value)
            else:
                result = await getattr(self, f"do_{name}")(value)
                self.log.append((name, result))

    async def in_catch(self, steps: list[Any]) -> None:
        try:
            await self.block(steps)
        except (asyncio.CancelledError, Boom, RuntimeError) as exc:
            self.log.append(("caught", *words(exc)))

    async def in_finally(self, steps: list[Any]) -> None:
        try:
            await self.block(steps)
        finally:
            self.log.append(("finally", self.task().cancelling()))
            await asyncio.sleep(0)
            self.log.append("finally ends")

    async def in_timeout(self, steps: list[Any]) -> None:
        try:
            async with asyncio.timeout(None) as limit:
                after(4, lambda: limit.expired() or limit._state.name == "ENTERED" and limit.reschedule(0))
                await self.block(steps)
        except TimeoutError:
            self.log.append("timed out")

    async def in_scope(self, steps: list[Any]) -> None:
        with anyio.CancelScope() as scope:
            after(3, scope.cancel)
            await self.block(steps)
        self.log.append(("scope", scope.cancelled_caught))

    async def in_group(self, steps: list[Any]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(0))
                await self.block(steps)
        except* (Boom, RuntimeError) as group_exc:
            self.log.append(("group", len(group_exc.exceptions)))

    async def do_keep(self, value: int) -> None:
        self.kept.append(self.task())

    async def do_weak(self, value: int) -> None:
        self.kept.append(weakref.ref(self.task()))

    async def do_cancel(self, value: int) -> bool:
        return self.task().cancel("word") if value else self.task().cancel()

    async def do_uncancel(self, value: int) -> int:
        return self.task().uncancel()

    async def do_cancelling(self, value: int) -> int:
        return self.task().cancelling()

    async def do_yield(self, value: int) -> None:
        await asyncio.sleep(0)

    async def do_sleep(self, value: int) -> None:
        for _ in range(2 * value):
            await asyncio.sleep(0)

    async def do_done(self, value: int) -> Any:
        future = asyncio.get_running_loop().create_future()
        future.set_result(value)
        return await future

    async def do_fails(self, value: int) -> None:
        future = asyncio.get_running_loop().create_future()
        after(1, lambda: future.done() or future.set_exception(Boom(value)))
        await future

    async def do_later(self, value: int) -> Any:
        future = asyncio.get_running_loop().create_future()
        after(value + 1, lambda: future.done() or future.set_result(value))
        try:
            return await future
        finally:
            self.log.append(("later", future.cancelled()))

    async def do_set(self, value: int) -> None:
        var.set(value)

    async def do_get(self, value: int) -> int:
        return var.get()

    async def do_callback(self, value: int) -> None:
        self.task().add_done_callback(lambda task: self.log.append(("callback", task.cancelled())))

    async def do_same(self, value: int) -> bool:
        if self.first is None:
            self.first = self.task()
        return self.first is self.task() and not self.task().done()

    async def do_shield(self, value: int) -> Any:
        return await asyncio.shield(asyncio.sleep(0, value))

    async def do_child(self, value: int) -> Any:
        return await asyncio.create_task(asyncio.sleep(0, value))

    async def do_soon(self, value: int) -> None:
        asyncio.get_running_loop().call_soon(
            lambda: self.log.append(("soon", value, asyncio.current_task(), var.get()))
        )

    async def do_late(self, value: int) -> None:
        task = self.task()
        asyncio.get_running_loop().call_soon(lambda: self.log.append(("late", task.cancel())))

    async def do_mark(self, value: int) -> None:
        self.task().mark = value  # type: ignore[attr-defined]

    async def do_marked(self, value: int) -> Any:
        return getattr(self.task(), "mark", None)

    async def do_name(self, value: int) -> bool:
        self.names.add(self.task().get_name())
        return len(self.names) == 1 and all(name.startswith("Task-") for name in self.names)

    async def do_bad(self, value: int) -> None:
        await BadYield()


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(main())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def as_task(act: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await act()

    task = asyncio.create_task(whole())
    await asyncio.wait([task])
    await settle()


async def ask(application: Any) -> None:
    connection = MemoryConnection(application)
    connection.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    while await connection.read():
        pass
    await settle()


async def as_route(act: Callable[[], Awaitable[None]]) -> None:
    app = FastAPI()

    @app.get("/")
    async def endpoint() -> None:
        await act()

    await ask(app)


async def as_application(act: Callable[[], Awaitable[None]]) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        await act()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    await ask(application)


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("way", [as_application, as_route])
def test_programs(way: Any, part: int) -> None:
    async def both(steps: list[Any]) -> tuple[list[Any], list[Any]]:
        logs = []
        for one in (as_task, way):
            actor = Actor()
            await one(lambda actor=actor: actor.run(steps))  # type: ignore[misc]
            logs.append(actor.log)
        return logs[0], logs[1]

    for seed in range(part, PROGRAMS, 4):
        steps = program(random.Random(seed))
        theirs, ours = run(lambda steps=steps: both(steps))  # type: ignore[misc]
        assert ours == theirs, (seed, steps)


def test_whose_task_is_kept_gets_it_at_once_the_next_times() -> None:
    """Stand-ins that become tasks are dearer than tasks."""
    kinds: list[type] = []

    async def main() -> None:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            task = asyncio.current_task()
            kinds.append(type(task))
            await asyncio.sleep(0)
            assert task is asyncio.current_task()
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

        connection = MemoryConnection(application)
        for _ in range(3):
            connection.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await connection.read()

    run(main)
    assert kinds == [RequestTask, asyncio.Task, asyncio.Task]


def test_what_is_suspended_gets_a_task_of_its_own() -> None:
    kinds: list[type] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        kinds.append(type(asyncio.current_task()))
        await asyncio.sleep(0)
        kinds.append(type(asyncio.current_task()))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    run(lambda: ask(application))
    assert kinds == [RequestTask, asyncio.Task]


def test_between_requests_nobody_sees_a_stand_in() -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def main() -> None:
        await ask(application)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_all_tasks_are_cancelled_between_two_requests() -> None:
    """Also the stand-in, which somebody has found: the next request gets another one."""
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(asyncio.current_task() is not None)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def main() -> None:
        await ask(application)
        loop = asyncio.get_running_loop()
        found = [o for o in gc.get_objects() if type(o) is RequestTask and o.get_loop() is loop]
        assert found
        for task in found:
            task.cancel()
        await settle()
        await ask(application)

    run(main)
    assert seen == [True, True]


def test_the_task_of_an_application_that_has_kept_it_ends() -> None:
    done: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        task = asyncio.current_task()
        assert task is not None and not task.done()
        done.append(task)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    run(lambda: ask(application))
    assert done[0].done() and not done[0].cancelled() and done[0].result() is None


def requests_of(application: Any, number: int) -> None:
    async def main() -> None:
        connection = MemoryConnection(application)
        for _ in range(number):
            connection.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await connection.read()

    run(main)


async def answer(send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_nothing_that_a_request_puts_on_its_task_is_seen_by_another() -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        task: Any = asyncio.current_task()
        seen.append((getattr(task, "mark", None), task.get_name()))
        task.mark = len(seen)
        await answer(send)

    requests_of(application, 4)
    assert [mark for mark, _ in seen] == [None] * 4
    assert len({name for _, name in seen}) == 4


def test_a_stand_in_keeps_nothing_of_a_request() -> None:
    class Large:
        pass

    held: list[weakref.ref[Large]] = []
    kept: contextvars.ContextVar[Any] = contextvars.ContextVar("kept")

    async def application(scope: Any, receive: Any, send: Any) -> None:
        kept.set(Large())
        held.append(weakref.ref(kept.get()))
        gc.collect()
        assert [one() is not None for one in held[:-1]] == [False] * (len(held) - 1)
        await answer(send)

    requests_of(application, 3)
    assert len(held) == 3


@pytest.mark.parametrize("suspends", [False, True])
def test_who_keeps_its_task_leaves_no_cycle(suspends: bool) -> None:
    gone: list[weakref.ref[Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        task: Any = asyncio.current_task()
        task.mark = 1
        if suspends:
            await asyncio.sleep(0)
        gone.append(weakref.ref(task))
        await answer(send)

    async def main() -> None:
        gc.collect()
        gc.disable()
        try:
            await ask(application)
            await settle()
            assert gone[0]() is None
        finally:
            gc.enable()

    run(main)
