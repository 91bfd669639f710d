"""fastrapi: FastAPI applications at the cost of a C server.

Every name of fastapi and of its submodules is here and is the same object. Only
``FastAPI`` is ``FastrAPI``: FastAPI with a ``serve()`` method. ``broadcast()`` sends a message to
many WebSockets.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

from fastrapi import mirror

if TYPE_CHECKING:
    from fastapi import APIRouter as APIRouter
    from fastapi import BackgroundTasks as BackgroundTasks
    from fastapi import Body as Body
    from fastapi import Cookie as Cookie
    from fastapi import Depends as Depends
    from fastapi import File as File
    from fastapi import Form as Form
    from fastapi import Header as Header
    from fastapi import HTTPException as HTTPException
    from fastapi import Path as Path
    from fastapi import Query as Query
    from fastapi import Request as Request
    from fastapi import Response as Response
    from fastapi import Security as Security
    from fastapi import UploadFile as UploadFile
    from fastapi import WebSocket as WebSocket
    from fastapi import WebSocketDisconnect as WebSocketDisconnect
    from fastapi import WebSocketException as WebSocketException
    from fastapi import status as status

    from fastrapi.app import FastrAPI as FastrAPI
    from fastrapi.broadcasting import broadcast as broadcast
    from fastrapi.loop import EventLoop as EventLoop

    FastAPI = FastrAPI

__version__ = "0.1.0"

mirror.install()


def __getattr__(name: str) -> Any:
    # Lazily: applications that are not FastAPI's are served without it.
    if name in ("FastAPI", "FastrAPI"):
        from fastrapi.app import FastrAPI

        return FastrAPI
    if name == "broadcast":
        from fastrapi.broadcasting import broadcast

        return broadcast
    if name == "EventLoop":
        from fastrapi.loop import EventLoop

        return EventLoop
    if name == "_engine":
        from fastrapi.built import load_engine

        return load_engine()
    if name == "__all__":
        return [n for n in __dir__() if not n.startswith("_")]
    if name == "applications":
        return importlib.import_module("fastrapi.applications")
    if name.startswith("_") and not name.startswith("__") and mirror.is_theirs(name):
        return importlib.import_module(f"fastrapi.{name}")
    if not name.startswith("_") and not mirror.is_own(name):
        import fastapi

        with contextlib.suppress(AttributeError):
            return getattr(fastapi, name)
    raise AttributeError(f"module 'fastrapi' has no attribute {name!r}")


def __dir__() -> list[str]:
    import fastapi

    theirs = [name for name in dir(fastapi) if not name.startswith("_")]
    return sorted({*theirs, "EventLoop", "FastrAPI", "__version__", "broadcast"})
