"""Streaming responses of plans, and files, without the layers that FastAPI puts around them.

C steps the iterator, as Starlette's ``stream_response()`` does (``bindings/plan/pieces``), in a
task of its own. In the place of the task group, and of the task in which Starlette waits for
``http.disconnect``, stands a listener without a task. Where user code gives the ``receive``, that
code needs a task; there, and inside a cancel scope of anyio's, the group is Starlette's.
What a stream raises leaves as from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from anyio import CancelScope, to_thread
from starlette import _utils
from starlette.responses import StreamingResponse

from fastrapi._engine import Asgi, Passage, begin_task, resolve, send_pieces
from fastrapi.loop import EventLoop

from . import dialect, groups
from .recognise import is_own
from .scopes import scope_of

_NAMES = ("__call__", "stream_response", "listen_for_disconnect")
_OWN = {name: StreamingResponse.__dict__.get(name) for name in _NAMES}
# What is written here stands for these; earlier versions treat exceptions otherwise.
_KNOWN = all(map(is_own, _OWN.values())) and dialect.uses(
    StreamingResponse.__call__, "create_collapsing_task_group"
)
# Without these nothing is sent at all.
_SENT_FIRST = {"status_code", "raw_headers", "background"}
# From this version of ASGI on Starlette listens no more.
_LISTENS_BEFORE = (2, 4)
# Turns of the loop from the beginning of a task that fails at once to the end of its host.
_FIRST_TURNS = 3
# What a request of a dispatch layer receives by, if nobody has replaced it.
_RECEIVES = frozenset({"wrapped_receive", "receive", "stream"})


def is_plain(response: Any) -> bool:
    """Is ``response`` streamed by Starlette's own methods?"""
    cls = type(response)
    return (
        _KNOWN
        and issubclass(cls, StreamingResponse)
        and all(getattr(cls, name) is own for name, own in _OWN.items())
        and _OWN.keys().isdisjoint(vars(response))
        and _SENT_FIRST <= vars(response).keys()
    )


def _listens(scope: Any) -> bool:
    """Does Starlette listen for ``http.disconnect``, in a request of this scope?"""
    try:
        version = scope.get("asgi", {}).get("spec_version", "2.0")
        return tuple(map(int, version.split("."))) < _LISTENS_BEFORE
    except Exception:
        return False


def streaming(
    response: Any, scope: Any, receive: Any, send: Any
) -> Coroutine[Any, Any, None] | None:
    """Does what ``response(scope, receive, send)`` does. None: it is no plain stream."""
    if not is_plain(response) or scope["type"] != "http" or not _listens(scope):
        return None
    return _stream(response, receive, send)


def _passages(receive: Any) -> list[Passage] | None:
    """The dispatch layers that ``receive`` asks, one after the other, before the server. None: it
    is somebody else's."""
    found = []
    owner = getattr(receive, "__self__", None)
    while type(owner) is Passage:
        members = vars(owner.request)
        if members.get("_receive") is not owner.receive or not _RECEIVES.isdisjoint(members):
            return None
        found.append(owner)
        owner = getattr(owner.receive, "__self__", None)
    return found if type(owner) is Asgi else None


class _Listener:
    """Awaits ``receive()`` outside of any task until ``http.disconnect`` comes or it raises,
    and then calls ``found()``."""

    def __init__(self, receive: Any, found: Callable[[], None]) -> None:
        self.receive = receive
        self.found = found
        self.error: Exception | None = None
        self.coroutine = receive()
        self.go_on()

    def go_on(self, _: Any = None) -> None:
        """Go on until it waits."""
        try:
            while self.coroutine is not None:
                try:
                    wanted = self.coroutine.send(None)
                except StopIteration as stop:
                    over = stop.value["type"] == "http.disconnect"
                    self.coroutine = None if over else self.receive()
                    continue
                if wanted is None:
                    asyncio.get_running_loop().call_soon(self.go_on)
                else:
                    wanted._asyncio_future_blocking = False
                    wanted.add_done_callback(self.go_on)
                return
        except asyncio.CancelledError:
            self.coroutine = None
        except Exception as exc:
            self.coroutine, self.error = None, exc
        self.found()

    def stop(self) -> None:
        """Wait no longer."""
        coroutine, self.coroutine = self.coroutine, None
        self.found = _nothing
        if coroutine is not None:
            coroutine.close()


def _nothing() -> None:
    """Who has stopped finds nothing; the engine closes files itself."""


class _Watch:
    """A listener to the server that has all of the request's content, by the engine's future."""

    error = None

    def __init__(self, gone: Any, found: Callable[[], None]) -> None:
        self.gone = gone
        self.found = found
        gone.add_done_callback(self.tell)

    def tell(self, _: Any) -> None:
        """The client has left."""
        self.found()

    def stop(self) -> None:
        """Wait no longer."""
        self.gone.remove_done_callback(self.tell)
        self.gone.cancel()


def _listen(receive: Any, found: Callable[[], None]) -> _Listener | _Watch:
    server = receive.__self__
    gone = server.watch() if type(server) is Asgi else None
    return _Watch(gone, found) if gone is not None else _Listener(receive, found)


async def _stream(response: Any, receive: Any, send: Any) -> None:
    await _send_beside(send_pieces(response, send), receive)
    if response.background is not None:
        await response.background()


def file_behind(sending: Any, receive: Any) -> Coroutine[Any, Any, None]:
    """Does what ``FileResponse.__call__()`` does while ``sending`` sends the file's messages."""
    return _send_beside(sending, receive, closes=True)


def _send_beside(
    sending: Any, receive: Any, closes: bool = False
) -> Coroutine[Any, Any, None]:
    """Await ``sending`` in a task of its own until ``http.disconnect`` comes. Raises what
    Starlette's task group raises. ``closes``: at the end a thread closes a file."""
    loop = asyncio.get_running_loop()
    passages = _passages(receive)
    for passage in passages or ():
        passage.listened = True
    if (
        passages is not None
        and isinstance(loop, EventLoop)
        and loop.get_task_factory() is None
        and scope_of(asyncio.current_task()) is None
    ):
        return _without_group(sending, receive, loop)
    return _in_group(sending, receive, closes)


async def _closing(sending: Any) -> None:
    try:
        await sending
    finally:
        # A thread closes Starlette's file, and the layers go on meanwhile.
        with CancelScope(shield=True):
            await to_thread.run_sync(_nothing)


async def _in_group(sending: Any, receive: Any, closes: bool) -> None:
    async with _utils.create_collapsing_task_group() as task_group:

        async def send_all() -> None:
            await (_closing(sending) if closes else sending)  # where nothing comes between
            task_group.cancel_scope.cancel()

        task_group.start_soon(send_all)
        while True:
            if (await receive())["type"] == "http.disconnect":
                task_group.cancel_scope.cancel()
                break


async def _without_group(sending: Any, receive: Any, loop: EventLoop) -> None:
    host = asyncio.current_task()
    over = loop.create_future()  # all is sent, or the task has ended
    raised: BaseException | None = None
    child: asyncio.Task[None] | None = None
    cancelled = False

    def tell(_: Any = None) -> None:
        resolve(over)

    async def send_all() -> None:
        await sending
        tell()

    def leave() -> None:
        nonlocal cancelled
        tell()
        cancelled = child is not None and not child.done()
        if cancelled:
            groups.cancel([child], host)

    listener = _listen(receive, leave)
    try:
        child = begin_task(loop, send_all())
    except BaseException:
        listener.stop()
        raise
    try:
        if not child.done():
            child.add_done_callback(tell)
            await over
        elif child.cancelled() or child.exception():
            for _ in range(_FIRST_TURNS):
                await asyncio.sleep(0)
    except asyncio.CancelledError as exc:
        raised = exc
    finally:
        listener.stop()
    raised = listener.error or raised
    if raised is not None or not child.done() or child.cancelled() or child.exception():
        await groups.leave(child, raised, cancelled)
