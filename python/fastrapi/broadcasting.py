"""One message to many WebSockets, framed and compressed once.

Under fastrd the connections share it. Under another server, and for a receiver that is not the server's own, it
is sent as the application would send it. This module needs nothing but the standard library.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable
from types import CodeType, FunctionType
from typing import Any, Protocol

_Send = Callable[[Any], Awaitable[None]]


class _WebSocket(Protocol):
    async def send_text(self, data: str) -> None: ...
    async def send_bytes(self, data: bytes) -> None: ...


async def broadcast(
    receivers: Iterable[_WebSocket | _Send], message: str | bytes, *, wait: bool = True
) -> int:
    """Send a message to all ``receivers``: WebSockets of FastAPI and Starlette, or the ``send`` of ASGI.

    Returns to how many it was sent. Those that are closed, or not yet accepted, are left out. All that have room
    get it before anything else runs. Then it is awaited that those take it whose clients are slow, as
    ``send_text()`` would; without ``wait`` these do not get it.

    Receivers of another server get it by their own ``send``, one after the other. What other exception than that of
    a closed WebSocket one of them raises comes as an ExceptionGroup when all others have been served.
    """
    everyone = tuple(receivers)
    if isinstance(message, str):
        payload = message.encode()
    elif isinstance(message, (bytes, bytearray, memoryview)):
        payload = message = bytes(message)
    else:
        raise TypeError(f"a message is str or bytes, not {type(message).__name__}")
    # Who has not loaded it serves nobody.
    engine = sys.modules.get("fastrapi._engine")
    n, full, foreign = 0, list[Any](), list[Any](everyone)
    if engine is not None:
        is_text = isinstance(message, str)
        n, full, foreign = engine.broadcast(everyone, payload, is_text, _looks(is_text))
    groups = [foreign] if foreign else []
    if wait:
        groups += ([one] for one in full)
    _check(foreign)
    if not groups:
        return n
    if len(groups) == 1:
        done = [await _send_each(groups[0], message)]
    else:
        done = await asyncio.gather(*(_send_each(group, message) for group in groups))
    failures = [exc for _, raised in done for exc in raised]
    if failures:
        raise ExceptionGroup("a broadcast has failed for some", failures)
    return n + sum(sent for sent, _ in done)


def _check(receivers: list[Any]) -> None:
    for one in receivers:
        if not callable(one) and not hasattr(one, "send_text"):
            raise TypeError(f"neither a WebSocket nor a send: {type(one).__name__}")


async def _send_each(receivers: list[Any], message: str | bytes) -> tuple[int, list[Exception]]:
    """To one after the other: how many have got it, and what others have raised."""
    starlette = sys.modules.get("starlette.websockets")
    gone: tuple[type[Exception], ...] = (OSError, RuntimeError)
    if starlette is not None:
        gone = (*gone, starlette.WebSocketDisconnect)
    n, failures = 0, list[Exception]()
    for receiver in receivers:
        try:
            n += await _send(receiver, message)
        except gone:
            pass
        except Exception as exc:
            failures.append(exc)
    return n, failures


async def _send(receiver: Any, message: str | bytes) -> bool:
    """To one, in its own way. False: it is not connected."""
    is_text = isinstance(message, str)
    if not hasattr(receiver, "send_text"):
        await receiver({"type": "websocket.send", "text" if is_text else "bytes": message})
    elif getattr(getattr(receiver, "application_state", None), "name", "CONNECTED") != "CONNECTED":
        return False
    else:
        await (receiver.send_text(message) if is_text else receiver.send_bytes(message))
    return True


def _looks(is_text: bool) -> tuple[type | None, Any, Any, Any, CodeType | None, int]:
    """What the engine knows Starlette's own things by: the class of WebSockets, if its methods are as they were
    written, those that send, and the state of an accepted one; the code of the ``send`` that the layer for exceptions
    puts around another, and where that one stands in its closure."""
    module = sys.modules.get("starlette.websockets")
    relay = relay_code()
    inner = relay.co_freevars.index("send") if relay is not None else 0
    if module is None:
        return None, None, None, None, relay, inner
    kind = module.WebSocket
    methods = [vars(kind).get(name) for name in ("send", "send_text" if is_text else "send_bytes")]
    if not all(isinstance(one, FunctionType) and one.__globals__ is vars(module) for one in methods):
        kind = None
    return kind, *methods, module.WebSocketState.CONNECTED, relay, inner


def relay_code() -> CodeType | None:
    """The code of the function ``sender`` within Starlette's wrap_app_handling_exceptions. It looks at answers
    of HTTP and hands on all."""
    module = sys.modules.get("starlette._exception_handler")
    function = getattr(module, "wrap_app_handling_exceptions", None)
    code: CodeType | None = getattr(function, "__code__", None)
    for name in ("wrapped_app", "sender"):
        inside = code.co_consts if code is not None else ()
        code = next((c for c in inside if isinstance(c, CodeType) and c.co_name == name), None)
    if code is not None and code.co_freevars == ("response_started", "send"):
        return code
    return None
