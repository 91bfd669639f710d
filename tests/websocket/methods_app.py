"""What user code does with Starlette's WebSocket, in cases that are paths: served by uvicorn and by fastrd.
``/seen`` gives what it has noted, ``/counted`` how many calls C has done and how many it has left to
Starlette."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import os
import pickle
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import anyio
import starlette.websockets
from fastapi import FastAPI, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

Case = Callable[[WebSocket], Awaitable[None]]
seen: list[str] = []
counted: list[int] = [0, 0]
running: set[str] = set()
cases: dict[str, Case] = {}


def note(*what: Any) -> None:
    seen.append(" | ".join(map(repr, what)))


def counts() -> list[int]:
    methods: Any = getattr(sys.modules.get("fastrapi.compile.websockets"), "METHODS", None)
    return [methods.done, methods.handed_on] if methods is not None else [0, 0]


def instrument() -> None:
    """As instrumentations do it, when the application is imported."""
    kept = WebSocket.send_text

    @functools.wraps(kept)
    async def send_text(self: Any, data: str) -> None:
        note("sends", data)
        await kept(self, data)

    WebSocket.send_text = send_text  # type: ignore[method-assign]


if "INSTRUMENTED" in os.environ:
    instrument()


def case(function: Case) -> Case:
    cases[function.__name__.replace("_", "-")] = function
    return function


@contextmanager
def said() -> Iterator[None]:
    """Notes what is raised inside it."""
    try:
        yield
    except BaseException as exc:
        mro = [cls.__name__ for cls in type(exc).__mro__ if cls.__module__.startswith("starlette")]
        note(type(exc), mro, exc.args, getattr(exc, "code", None), getattr(exc, "reason", None))
        context = exc.__context__
        note(isinstance(context, OSError), context is None)


def states(ws: WebSocket) -> None:
    note(ws.client_state, ws.application_state)


async def run(ws: WebSocket, name: str) -> None:
    before = counts()
    running.add(name)
    try:
        await cases[name](ws)
    finally:
        states(ws)
        counted[:] = [now - then for now, then in zip(counts(), before, strict=True)]
        running.discard(name)


app = FastAPI()


@app.get("/seen")
async def get_seen() -> list[str]:
    while running:
        await asyncio.sleep(0.02)
    taken = list(seen)
    seen.clear()
    return taken


@app.get("/counted")
async def get_counted() -> list[int]:
    return counted


@app.websocket("/unaccepted/{name}")
async def unaccepted(ws: WebSocket, name: str) -> None:
    await run(ws, name)
    await ws.close()


@app.websocket("/{name}")
async def endpoint(ws: WebSocket, name: str) -> None:
    await ws.accept()
    await run(ws, name)


class Layer:
    """Messages pass through it, and it changes each text."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def changed() -> Any:
            message = await receive()
            return message | {"text": message["text"] + "<"} if "text" in message else message

        async def change(message: Any) -> None:
            await send(message | {"text": message["text"] + ">"} if "text" in message else message)

        await self.app(scope, changed, change)


layered = FastAPI()
layered.add_middleware(Layer)
layered.add_api_websocket_route("/{name}", endpoint)
app.mount("/layered", layered)


@case
async def texts(ws: WebSocket) -> None:
    for _ in range(3):
        await ws.send_text(await ws.receive_text())


@case
async def binaries(ws: WebSocket) -> None:
    for _ in range(3):
        await ws.send_bytes(await ws.receive_bytes())


@case
async def jsons(ws: WebSocket) -> None:
    for _ in range(3):
        await ws.send_json(await ws.receive_json())


@case
async def json_modes(ws: WebSocket) -> None:
    await ws.send_json(await ws.receive_json("text"), "text")
    await ws.send_json(await ws.receive_json(mode="binary"), mode="binary")
    with said():
        await ws.receive_json("both")
    with said():
        await ws.send_json(1, "both")


@case
async def messages(ws: WebSocket) -> None:
    for _ in range(2):
        message = await ws.receive()
        note(message, list(message))
        await ws.send(message | {"type": "websocket.send"})
    await ws.send({"type": "websocket.send", "text": "one", "bytes": None})
    await ws.send({"type": "websocket.send", "text": None, "bytes": b"two"})
    note(await ws.receive())
    states(ws)
    with said():
        await ws.receive()


@case
async def wrong_kinds(ws: WebSocket) -> None:
    """Bytes where a text is wanted, a text where bytes are; the socket can be used all the same."""
    with said():
        await ws.receive_text()
    with said():
        await ws.receive_bytes()
    with said():
        await ws.receive_json()
    with said():
        await ws.receive_json()
    await ws.send_text(await ws.receive_text())


@case
async def what_cannot_be_sent(ws: WebSocket) -> None:
    with said():
        await ws.send_json({1, 2})
    with said():
        await ws.send_text("\ud800")
    with said():
        await ws.send({})
    with said():
        await ws.send({"type": "websocket.receive"})
    await ws.send_json([float("nan"), "ü", {"a": None}])


@case
async def odd_data(ws: WebSocket) -> None:
    """Of classes of their own: they are sent as they are under any server."""
    await ws.send_text(type("Text", (str,), {})("text"))
    await ws.send_bytes(type("Bytes", (bytes,), {})(b"bytes"))
    await ws.send(type("Message", (dict,), {})(type="websocket.send", text="message"))
    await ws.send({"type": type("Type", (str,), {})("websocket.send"), "text": "type"})


@case
async def left(ws: WebSocket) -> None:
    """The client closes while it is waited for."""
    with said():
        await ws.receive_text()
    states(ws)
    with said():
        await ws.receive_text()
    await asyncio.sleep(0.05)
    with said():
        await ws.send_text("late")
    states(ws)
    with said():
        await ws.send_json("later")
    with said():
        await ws.close()


@case
async def left_before(ws: WebSocket) -> None:
    """It has closed before it is waited for, and a message is there."""
    await asyncio.sleep(0.3)
    note(await ws.receive_bytes())
    with said():
        await ws.receive_json()


@case
async def left_twice(ws: WebSocket) -> None:
    """Two tasks wait."""
    tasks = [asyncio.create_task(ws.receive_text()) for _ in range(2)]
    done = await asyncio.gather(*tasks, return_exceptions=True)
    note(sorted(repr((type(exc), getattr(exc, "code", None))) for exc in done))


@case
async def two_wait(ws: WebSocket) -> None:
    tasks = [asyncio.create_task(ws.receive_text()) for _ in range(2)]
    note(sorted(await asyncio.gather(*tasks)))


@case
async def cancelled(ws: WebSocket) -> None:
    """Who is cancelled takes nothing."""
    with said():
        await asyncio.wait_for(ws.receive_text(), 0.05)
    with said(), anyio.fail_after(0.05):
        await ws.receive_bytes()
    task = asyncio.create_task(ws.receive())
    await asyncio.sleep(0)
    task.cancel("why")
    with said():
        await task
    await ws.send_text("go on")
    note(await ws.receive_text())


@case
async def many_at_once(ws: WebSocket) -> None:
    await asyncio.gather(*(ws.send_text(str(n)) for n in range(5)))
    async with anyio.create_task_group() as group:
        group.start_soon(ws.send_text, "a")
        group.start_soon(ws.send_json, "b")
        group.start_soon(ws.receive_text)


@case
async def never_awaited(ws: WebSocket) -> None:
    for make in (ws.receive_text, ws.receive, lambda: ws.send_text("x"), lambda: ws.send_json(1)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            make()
        note([(item.category, str(item.message), item.filename == __file__) for item in caught])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            make().close()
        note(caught)


@case
async def coroutines(ws: WebSocket) -> None:
    for function in (ws.receive_text, ws.send_text, ws.receive_json, ws.send):
        note(function.__name__, function.__qualname__, function.__doc__, inspect.signature(function))
        note(inspect.iscoroutinefunction(function), asyncio.iscoroutinefunction(function))
        note(inspect.isfunction(function.__func__), inspect.ismethod(function))
        note(inspect.getsource(function).split("\n")[0], function.__func__.__defaults__)
        note(pickle.loads(pickle.dumps(function.__func__)) is function.__func__)
        note(function.__code__.co_name, function.__code__.co_firstlineno, function.__code__.co_argcount)
    coro = ws.receive_text()
    note(asyncio.iscoroutine(coro), inspect.iscoroutine(coro), inspect.isawaitable(coro))
    note(coro.__name__, coro.__qualname__, coro.cr_running, coro.cr_origin, coro.cr_await)
    with said():
        coro.throw(ValueError("thrown"))
    with said():
        await coro
    coro = ws.send_text("once")
    note(await coro)
    with said():
        await coro
    with said():
        ws.send_text()  # type: ignore[call-arg]
    with said():
        await WebSocket.send_text(ws, data="named")


@case
async def an_attribute_of_the_socket(ws: WebSocket) -> None:
    """What stands in the object is called, not what stands in its class."""
    own: Any = ws

    async def receive() -> Any:
        return {"type": "websocket.receive", "text": "mine", "bytes": b"bytes"}

    async def send(message: Any) -> None:
        note(message)

    own.receive, own.send = receive, send
    note(await ws.receive_text(), await ws.receive_bytes())
    await ws.send_text("x")
    await ws.send_json([1])
    del own.receive, own.send
    own._raise_on_disconnect = lambda message: note("asked", message)
    note(await ws.receive_text())
    own._receive, own._send = receive, send
    note(await ws.receive_text())
    await ws.send_text("x")
    await ws.send_bytes(b"x")


@case
async def between_call_and_await(ws: WebSocket) -> None:
    """The first step is made where the coroutine is awaited."""
    own: Any = ws

    async def receive() -> Any:
        return {"type": "websocket.receive", "text": "mine"}

    taken, sent, closed = ws.receive_text(), ws.send_text("x"), ws.send_json(1)
    kept, own._receive = own._receive, receive
    note(await taken)
    own._receive = kept
    ws.application_state = WebSocketState.DISCONNECTED
    for coro in (sent, closed):
        with said():
            await coro
    with said():
        await ws.receive_text()
    ws.application_state, ws.client_state = WebSocketState.CONNECTED, WebSocketState.DISCONNECTED
    with said():
        await ws.receive_text()
    ws.client_state = WebSocketState.CONNECTED
    await ws.send_text("still there")


@case
async def a_class_patched(ws: WebSocket) -> None:
    """As an instrumentation does it, before and while a method runs."""
    kept = {name: vars(WebSocket)[name] for name in ("receive", "send", "send_text")}

    async def receive(self: Any) -> Any:
        message = await kept["receive"](self)
        note("received", message)
        return message

    async def send(self: Any, message: Any) -> None:
        note("sends", message)
        await kept["send"](self, message)

    async def send_text(self: Any, data: str) -> None:
        note("sends a text", data)
        await kept["send_text"](self, data)

    cls: Any = WebSocket
    waiting = ws.receive_text()
    cls.receive, cls.send, cls.send_text = receive, send, send_text
    try:
        note(await waiting)
        await ws.send_text(await ws.receive_text())
        await ws.send_json(2)
    finally:
        for name, function in kept.items():
            setattr(WebSocket, name, function)
    await ws.send_text(await ws.receive_text())


@case
async def a_class_of_its_own(ws: WebSocket) -> None:
    class Plain(WebSocket):
        def hello(self) -> Any:
            return self.send_text("hello")

    class Loud(WebSocket):
        async def receive(self) -> Any:
            message = await super().receive()
            return message | {"text": message["text"].upper()}

        async def send(self, message: Any) -> None:
            await super().send(message | {"text": message["text"].upper()})

    class Asked(WebSocket):
        def __getattribute__(self, name: str) -> Any:
            if name == "client_state":
                note("asked for", name)
            return super().__getattribute__(name)

    for cls in (Plain, Loud, Asked):
        other = cls(ws.scope, ws._receive, ws._send)
        other.client_state = other.application_state = WebSocketState.CONNECTED
        await other.send_text(await other.receive_text())
        if isinstance(other, Plain):
            await other.hello()


@case
async def something_else(ws: WebSocket) -> None:
    """The functions are called with what is no socket."""
    function: Any = WebSocket.receive_text
    with said():
        await function(3)
    message = {"type": "websocket.receive", "text": "t"}

    async def receive() -> Any:
        return message

    like = SimpleNamespace(
        application_state=WebSocketState.CONNECTED, receive=receive, _raise_on_disconnect=note
    )
    note(await function(like))


@case
async def another_json(ws: WebSocket) -> None:
    module: Any = starlette.websockets
    module.json = SimpleNamespace(
        loads=lambda text: ["loaded", json.loads(text)], dumps=lambda data, **kw: f"{data} {kw}"
    )
    try:
        await ws.send_json(await ws.receive_json())
    finally:
        module.json = json


@case
async def iterations(ws: WebSocket) -> None:
    taken = 0
    async for text in ws.iter_text():
        note(text)
        taken += 1
        if taken == 2:
            break
    async for data in ws.iter_bytes():
        note(data)
        break
    async for value in ws.iter_json():
        note(value)


@case
async def too_early(ws: WebSocket) -> None:
    """Before it was accepted."""
    for make in (ws.receive_text, ws.receive_bytes, ws.receive_json, lambda: ws.send_text("x")):
        with said():
            await make()
    note(await ws.receive())
    with said():
        await ws.send_json(1)
    await ws.accept()
    await ws.send_text(await ws.receive_text())


@case
async def a_slow_reader(ws: WebSocket) -> None:
    """What is sent waits; nothing is lost, and nothing changes its place."""
    for n in range(60):
        await ws.send_text(str(n) * 50_000)
    await ws.send_bytes(b"end")


@case
async def left_while_sending(ws: WebSocket) -> None:
    """The client is gone while what is sent waits."""
    with said():
        while True:
            await ws.send_text("x" * 50_000)
    states(ws)
    with said():
        await ws.send_bytes(b"x")
    with said():
        await ws.receive_text()


@case
async def cancelled_while_sending(ws: WebSocket) -> None:
    sent = 0
    with said():
        async with asyncio.timeout(0.3):
            while True:
                await ws.send_bytes(b"x" * 50_000)
                sent += 1
    note(sent > 0)
    states(ws)
    await ws.send_text("end")


@case
async def closed_here(ws: WebSocket) -> None:
    await ws.close(4001, "mine")
    states(ws)
    for make in (lambda: ws.send_text("x"), lambda: ws.send_bytes(b"x"), ws.receive_text):
        with said():
            await make()


@case
async def a_debug_loop(ws: WebSocket) -> None:
    """A coroutine then knows where it was made."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    await asyncio.sleep(0.05)
    try:
        coro: Any = ws.receive_text()
        note(coro.cr_origin is not None, coro.cr_code.co_name)
        note(await coro)
        await ws.send_text("x")
    finally:
        loop.set_debug(False)
        await asyncio.sleep(0.05)
