"""One worker inside the calling process.

For an application that no other process can import: ``serve()`` of an application
without a name in the main script. No master, no reload, no second worker.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from typing import Any

from . import _engine, wire
from .compile.edge import edge_of
from .lifespan import LifespanFailed
from .log import open_log
from .loop import EventLoop
from .process import Process
from .server import Server


def serve_here(app: Any, given: dict[str, Any]) -> int:
    """Serve ``app`` until SIGINT or SIGTERM; the exit status.

    ``given`` are those flags of fastrd's that one worker has; False is as if absent.
    RuntimeError for any other, or when an event loop runs in this thread already.
    """
    known = _engine.settings("alone", {})
    given = {k: v for k, v in given.items() if v is not False or k in known}
    proxies = os.environ.get("FORWARDED_ALLOW_IPS")
    if proxies is not None and not os.environ.get("FASTRD_FORWARDED_ALLOW_IPS"):
        given = {"forwarded_allow_ips": proxies, **given}
    try:
        settings = _engine.settings("alone", given)
        edge_of(app, settings)
    except KeyError as exc:
        raise RuntimeError(
            f"{exc.args[0]} needs the application under a name of the main script, "
            "as in: app = FastrAPI(); app.serve()"
        ) from None
    except ValueError as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_USAGE
    if not _log_to(settings):
        return wire.EXIT_USAGE
    open_log("fastrd", settings["log_level"], settings["log_format"])
    host, port = settings["host"], settings["port"]
    try:
        listener = socket.create_server((host, port), backlog=settings["backlog"])
    except OSError as exc:
        sys.stderr.write(f"fastrd: cannot listen on {host} port {port}: {exc.strerror}\n")
        return wire.EXIT_LISTEN
    process = Process([listener.fileno()])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with listener, asyncio.Runner(loop_factory=EventLoop) as runner:
            listener.setblocking(False)
            process.loop = runner.get_loop()
            return _serve(app, listener, settings, process, runner)
    finally:
        process.over()
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():  # None: not set by Python
                if handler is not None:
                    signal.signal(number, handler)


def _log_to(settings: dict[str, Any]) -> bool:
    """Begin the log where the settings want it. False: it cannot be, which has been said."""
    if settings["access_log_file"] not in ("", "-"):  # the application may go elsewhere
        settings["access_log_file"] = os.path.abspath(settings["access_log_file"])
    if not settings["log_file"]:
        return True
    settings["log_file"] = os.path.abspath(settings["log_file"])
    try:
        _engine.log_file(settings["log_file"])
    except OSError as exc:
        sys.stderr.write(f"fastrd: cannot write the log to {exc.filename}: {exc.strerror}\n")
        return False
    return True


def _serve(
    app: Any, listener: socket.socket, settings: dict[str, Any], process: Process,
    runner: asyncio.Runner,
) -> int:  # fmt: skip
    async def start() -> Server:
        server = Server(app, settings, process)
        await server.start()
        return server

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, process.handle_exit)
    try:
        server = runner.run(start())
    except LifespanFailed as exc:
        sys.stderr.write(f"{exc}\nfastrd: the lifespan of the application failed\n")
        return wire.EXIT_APP
    finally:
        process.end_if_forked()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, process.handle_exit)
    server.listen(listener.fileno())
    address = listener.getsockname()
    sys.stderr.write(
        "fastrd serves in this process, with one worker: the application has no name in "
        f"the main script\n  address  http://{address[0]}:{address[1]}\n"
    )
    return wire.EXIT_OK if server.run() else wire.EXIT_APP
