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

    Receivers of another server get it by their own ``send``, at the same time. What other exception than that of a
    closed WebSocket one of them raises comes as an ExceptionGroup when all others have been served.
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
    if engine is None:
        n, rest = 0, list[Any](everyone)
    else:
        is_text = isinstance(message, str)
        n, full, rest = engine.broadcast(everyone, payload, is_text, _looks(is_text))
        if wait:
            rest = full + rest
    if not rest:
        return n
    _check(rest)
    sent = await asyncio.gather(*(_send(one, message) for one in rest), return_exceptions=True)
    failures = [one for one in sent if isinstance(one, BaseException)]
    if failures:
        raise BaseExceptionGroup("a broadcast has failed for some", failures)
    return n + sum(one is True for one in sent)


def _check(receivers: list[Any]) -> None:
    for one in receivers:
        if not callable(one) and not hasattr(one, "send_text"):
            raise TypeError(f"neither a WebSocket nor a send: {type(one).__name__}")


async def _send(receiver: Any, message: str | bytes) -> bool:
    """To one, in its own way. False: it is closed."""
    starlette = sys.modules.get("starlette.websockets")
    gone: tuple[type[BaseException], ...] = (OSError, RuntimeError)
    if starlette is not None:
        gone = (*gone, starlette.WebSocketDisconnect)
    is_text = isinstance(message, str)
    try:
        if not hasattr(receiver, "send_text"):
            await receiver({"type": "websocket.send", "text" if is_text else "bytes": message})
        elif getattr(getattr(receiver, "application_state", None), "name", "CONNECTED") != "CONNECTED":
            return False
        elif is_text:
            await receiver.send_text(message)
        else:
            await receiver.send_bytes(message)
    except gone:
        return False
    return True


def _looks(is_text: bool) -> tuple[type | None, Any, Any, Any, CodeType | None, int]:
    """What the engine knows Starlette's own things by: the class of WebSockets, if its methods are as they were
    written, those that send, and the state of an accepted one; the code of the ``send`` that the layer for exceptions
    puts around another, and where that one stands in its closure."""
    module = sys.modules.get("starlette.websockets")
    relay = _relay()
    inner = relay.co_freevars.index("send") if relay is not None else 0
    if module is None:
        return None, None, None, None, relay, inner
    kind = module.WebSocket
    methods = [vars(kind).get(name) for name in ("send", "send_text" if is_text else "send_bytes")]
    if not all(isinstance(one, FunctionType) and one.__globals__ is vars(module) for one in methods):
        kind = None
    return kind, *methods, module.WebSocketState.CONNECTED, relay, inner


def _relay() -> CodeType | None:
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
