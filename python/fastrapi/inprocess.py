"""One worker inside the calling process.

For an application that no other process can import: ``serve()`` of an application
without a name in the main script. No master, no reload, no second worker.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import threading
from typing import Any

from . import _engine, wire
from .lifespan import LifespanFailed
from .log import open_log
from .loop import EventLoop
from .server import Server


def serve_here(app: Any, given: dict[str, Any]) -> int:
    """Serve ``app`` until SIGINT or SIGTERM; the exit status.

    ``given`` are those flags of fastrd's that one worker has. RuntimeError for any
    other, or when an event loop runs in this thread already.
    """
    try:
        settings = _engine.settings("alone", given)
    except KeyError as exc:
        raise RuntimeError(
            f"{exc.args[0]} needs the application under a name of the main script, "
            "as in: app = FastrAPI(); app.serve()"
        ) from None
    except ValueError as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_USAGE
    open_log("fastrd", settings["log_level"])
    host, port = settings["host"], settings["port"]
    try:
        listener = socket.create_server((host, port), backlog=settings["backlog"])
    except OSError as exc:
        sys.stderr.write(f"fastrd: cannot listen on {host} port {port}: {exc.strerror}\n")
        return wire.EXIT_LISTEN
    with listener, asyncio.Runner(loop_factory=EventLoop) as runner:
        listener.setblocking(False)
        return runner.run(_serve(app, listener, settings))


async def _serve(app: Any, listener: socket.socket, settings: dict[str, Any]) -> int:
    server = Server(app, settings)
    try:
        await server.start()
    except LifespanFailed as exc:
        sys.stderr.write(f"{exc}\nfastrd: the lifespan of the application failed\n")
        return wire.EXIT_APP
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, server.drain)
        loop.add_signal_handler(signal.SIGINT, server.drain, 1)
    server.listen(listener.fileno())
    address = listener.getsockname()
    sys.stderr.write(
        "fastrd serves in this process, with one worker: the application has no name in "
        f"the main script\n  address  http://{address[0]}:{address[1]}\n"
    )
    await server.ended()
    return wire.EXIT_OK
