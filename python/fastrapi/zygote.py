"""The process that has loaded the application and forks its generation's workers (--preload).

Workers of a zygote share the memory of what is loaded, and need no import. The application's
lifespan runs in each worker, not here.
"""

from __future__ import annotations

import gc
import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from fastrapi import _engine, wire
from fastrapi.collecting import rarely
from fastrapi.process import leave

if TYPE_CHECKING:
    from fastrapi.worker import Child

logger = logging.getLogger("fastrapi.error")

_PAUSE_SECONDS = 0.0005


class NotForkable(Exception):
    """Forks of this process would not be whole; the text says why, and what to do."""


def _check_threads() -> None:
    """A fork has the forking thread only: locks that another holds are never released."""
    others = len(os.listdir("/proc/self/task")) - 1
    if others == 0:
        return
    named = [t.name for t in threading.enumerate() if t is not threading.main_thread()]
    names = f" ({', '.join(named[:5])})" if named else ""
    raise NotForkable(
        f"--preload: importing the application left {others} thread{'s' if others > 1 else ''} "
        f"running{names}, which its workers would not have; start them in the lifespan, or leave "
        "out --preload"
    )


def _connections() -> list[str]:
    """Where sockets of this process are connected to: workers would share them."""
    found = []
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            if not os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                continue
            sock = socket.socket(fileno=number)
        except OSError:
            continue
        try:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                host, port, *_ = sock.getpeername()
                found.append(f"{host} port {port}")
        except OSError:
            pass  # it is not connected
        finally:
            sock.detach()
    return found


def rehearse(child: Child, app: Any) -> None:
    """Import and make what a worker of ``app`` will import and make."""
    import fastrapi.lifespan
    import fastrapi.server  # noqa: F401
    from fastrapi import compile
    from fastrapi.loop import EventLoop

    EventLoop().close()  # the first one imports what the engine calls
    if child.settings["force"] != "asgi":
        compile.rehearse(app, child.settings["table_limit"])


def _prepare(child: Child, app: Any) -> None:
    """Be ready to fork. NotForkable."""
    with rarely():
        rehearse(child, app)
    _check_threads()
    for address in _connections():
        logger.warning(
            "--preload: importing the application opened a connection to %s, which its workers "
            "share; open it in the lifespan", address,
        )  # fmt: skip
    gc.freeze()


def _complain(exc: OSError) -> None:
    logger.error("cannot fork a worker: %s; raise the limit of processes", exc.strerror)


def _forked() -> bool:
    """Fork twice, so that the worker is the master's child. True: this is the worker. Where that
    fails the master sees that the worker's end of the channel closes."""
    try:
        between = os.fork()
    except OSError as exc:
        _complain(exc)
        return False
    if between != 0:
        os.waitpid(between, 0)
        return False
    between = os.getpid()
    try:
        worker = os.fork()
    except OSError as exc:
        _complain(exc)
        os._exit(wire.EXIT_BUG)
    if worker != 0:
        os._exit(0)
    while os.getppid() == between:
        time.sleep(_PAUSE_SECONDS)
    return True


def fork_workers(child: Child, app: Any) -> None:
    """Fork a worker for each order of the master's, and return in it, where ``child`` is the
    worker then. Ends the zygote when the master is gone. NotForkable."""
    _prepare(child, app)
    child.channel.send("IMPORTED")
    while True:
        text, channel = child.channel.receive_with_descriptor()
        word, _, facts = text.partition(" ")
        if not text:
            leave(wire.EXIT_OK)
        if word != "FORK" or channel < 0:
            if channel >= 0:
                os.close(channel)
            continue
        with child.process.passed_on():
            if _forked():
                child.become(channel, facts)
                _engine.be_orphaned_by(int(child.facts["master"]))
                if not child.channel.send(f"FORKED {os.getpid()}"):
                    leave(wire.EXIT_OK)  # it took too long: nobody would know this worker
                return
        os.close(channel)
