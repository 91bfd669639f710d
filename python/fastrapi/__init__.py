"""fastrapi: FastAPI applications at the cost of a C server.

``from fastrapi import FastrAPI`` is FastAPI with a ``serve()`` method; everything
else is FastAPI's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastrapi.app import FastrAPI
    from fastrapi.loop import EventLoop

__version__ = "0.1.0"
__all__ = ["EventLoop", "FastrAPI", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazily: applications that are not FastAPI's are served without it.
    if name == "FastrAPI":
        from fastrapi.app import FastrAPI

        return FastrAPI
    if name == "EventLoop":
        from fastrapi.loop import EventLoop

        return EventLoop
    raise AttributeError(f"module 'fastrapi' has no attribute {name!r}")
