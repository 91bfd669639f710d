"""Streaming responses of plans, and files, without the layers that FastAPI puts around them.

C steps the iterator, as Starlette's ``stream_response()`` does (``bindings/plan/pieces``).
In the place of the task group, and of the task in which Starlette waits for
``http.disconnect``, stand a cancel scope and a listener, with the same effect on the
iterator: it is cancelled as in a task group. Where
user code gives the ``receive``, that code needs a task, and Starlette's own ``__call__`` runs;
so it does for server-sent events, whose tasks in FastAPI race with its end.
What a stream raises leaves as from there.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

from anyio import CancelScope, to_thread
from starlette import _utils
from starlette.responses import StreamingResponse

from fastrapi._engine import Asgi, Passage, send_pieces

from . import dialect
from .groups import raise_collapsed
from .recognise import is_own

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
    response: Any, scope: Any, receive: Any, send: Any, exact: bool
) -> Coroutine[Any, Any, None] | None:
    """Does what ``response(scope, receive, send)`` does. None: it is no plain stream.
    ``exact``: tasks that are ended behind it may tell how many turns of the loop it takes."""
    if not is_plain(response) or scope["type"] != "http" or not _listens(scope):
        return None
    if exact or not _needs_no_task(receive):
        own: Coroutine[Any, Any, None] = response(scope, receive, send)
        return own
    return _stream(response, receive, send)


def _needs_no_task(receive: Any) -> bool:
    """Is ``receive`` the server's own, or that of dispatch layers behind it?"""
    owner = getattr(receive, "__self__", None)
    while type(owner) is Passage:
        members = vars(owner.request)
        if members.get("_receive") is not owner.receive or not _RECEIVES.isdisjoint(members):
            return False
        owner = getattr(owner.receive, "__self__", None)
    return type(owner) is Asgi


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
    await _send_as_group(send_pieces(response, send), receive)
    if response.background is not None:
        await response.background()


def _send_as_group(sending: Any, receive: Any) -> Coroutine[Any, Any, None]:
    """Starlette's task group gives ``sending`` a task, and a context, of its own."""
    own: Coroutine[Any, Any, None] = _in_context(copy_context(), _send_pieces(sending, receive))
    return own


def file_behind(sending: Any, receive: Any) -> Coroutine[Any, Any, None]:
    """Does what ``FileResponse.__call__()`` does while ``sending`` sends the file's messages."""
    without = _needs_no_task(receive)
    return _send_as_group(sending, receive) if without else _send_in_group(sending, receive)


async def _send_in_group(sending: Any, receive: Any) -> None:
    async with _utils.create_collapsing_task_group() as task_group:

        async def send_all() -> None:
            try:
                await sending
            finally:
                # A thread closes Starlette's file, and the layers go on meanwhile.
                with CancelScope(shield=True):
                    await to_thread.run_sync(_nothing)
            task_group.cancel_scope.cancel()

        task_group.start_soon(send_all)
        while True:
            if (await receive())["type"] == "http.disconnect":
                task_group.cancel_scope.cancel()
                break


async def _send_pieces(sending: Any, receive: Any) -> None:
    """Await ``sending`` until the client is gone. Raises what a task group raises."""
    errors: list[BaseException] = []
    listener: _Listener | _Watch | None = None
    try:
        with CancelScope() as cancel:
            listener = _listen(receive, cancel.cancel)
            await sending
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        # Raised by the iterator itself: a task group ends silently.
    except Exception as exc:
        errors.append(exc)
    finally:
        if listener is not None:
            listener.stop()
    if listener is not None and listener.error is not None:
        errors.insert(0, listener.error)
    if errors:
        raise_collapsed(errors)


@types.coroutine
def _in_context(context: Context, coroutine: Any) -> Any:
    """The result of ``coroutine``, which runs in ``context``."""
    step, value = coroutine.send, None
    while True:
        try:
            wanted = context.run(step, value)
        except StopIteration as stop:
            return stop.value
        try:
            step, value = coroutine.send, (yield wanted)
        except BaseException as exc:
            step, value = coroutine.throw, exc
