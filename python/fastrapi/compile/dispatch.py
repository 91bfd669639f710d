"""Starlette's BaseHTTPMiddleware without its task group, streams and events.

A dispatch layer is an instance of it whose ``dispatch`` is the user's and whose
``__call__`` is Starlette's. An ``_engine.Dispatch`` does what that ``__call__`` does. What
a layer wraps runs in a task of its own, which begins at once; where it is a compiled plan
with a complete answer, it is over when ``call_next()`` has that answer. ``dispatch_ends`` is
what happens when something goes wrong.
"""

from __future__ import annotations

import functools
from typing import Any

import starlette.middleware.base as base
from fastrapi import _engine

from .recognise import is_own
from .sources import fingerprint

try:
    from . import dispatch_ends
except ImportError:  # another anyio: none of its versions is known
    pass

# What C and dispatch_ends stand for, and the digests of those that they were written after.
_SOURCES = (
    "starlette.middleware.base",
    "starlette._utils:create_collapsing_task_group",
    "anyio._backends._asyncio:CancelScope",
    "anyio._backends._asyncio:TaskState",
)
_KNOWN = frozenset({"ae58690fe823997743c6533398bff49a53402c51afe7546b2a9266b6a81c40a0"})
_CALL = base.BaseHTTPMiddleware.__call__


@functools.cache
def is_known() -> bool:
    """Is the installed BaseHTTPMiddleware one that this module stands for?"""
    return is_own(_CALL) and fingerprint(_SOURCES) in _KNOWN


def is_dispatch(cls: Any) -> bool:
    """Are instances of ``cls`` dispatch layers, of a version that is known?"""
    return (
        isinstance(cls, type)
        and issubclass(cls, base.BaseHTTPMiddleware)
        and cls.__call__ is _CALL
        and is_known()
    )


def application_of(layer: Any) -> Any:
    """The ASGI application in the place of a dispatch layer."""
    return _engine.Dispatch(layer, dispatch_ends)
