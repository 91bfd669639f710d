"""A child of fastrd: ``python -m fastrapi.child APP FACT=VALUE... -- NAME=VALUE...``

A worker imports the application, runs its lifespan's start-up, compiles it and serves. The first
one of a generation writes the table of what it has compiled; the others serve from that where
they have compiled the same. See ``base/wire.h`` for the contract with the master: the facts
of this child and the settings are what it is told. The application is imported before
anything that it might replace is used.
"""

from __future__ import annotations

import asyncio
import atexit
import errno
import logging
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from fastrapi import _engine, wire
from fastrapi.collecting import rarely
from fastrapi.importing import ImportFailed, Loaded, load_app
from fastrapi.inherited import Inherited
from fastrapi.log import open_log
from fastrapi.process import Process, ignore, leave
from fastrapi.stacks import show_stacks
from fastrapi.tables import Received, Table, TooLarge, Written

if TYPE_CHECKING:
    from fastrapi.server import Server

logger = logging.getLogger("fastrapi.error")

# As the master would: what is stuck has so long beyond the time for requests.
ORPHAN_MORE_SECONDS = 2
# What is to run at exit has so long; the process then ends without it.
EXIT_SECONDS = 2


def _pairs(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def _fail(channel: wire.Channel, code: int, text: str) -> int:
    channel.send(f"FAILED {code} {text}")
    return code


def _print_once(facts: dict[str, str], text: str) -> None:
    """Print a traceback, unless the process before this one has printed it."""
    if facts["again"] != "1":
        sys.stderr.write(text)


def _obey(channel: wire.Channel, server: Server, listeners: int) -> None:
    """One order of the master's."""
    try:
        text = channel.receive()
    except BlockingIOError:
        return
    word, _, rest = text.partition(" ")
    if word == "SERVE":
        for index in range(listeners):
            server.listen(wire.LISTENER_FD + index)
        server.take(wire.TAKE_FD, wire.GIVE_FD)
    elif word == "DRAIN":
        server.drain(int(rest) / 1000)
    elif word == "GIVE":
        server.drain(int(rest) / 1000, give=True)
    elif not text:
        # The master is gone: finish what runs, accept nothing new. The kernel's own
        # signal does not come after a setuid().
        signal.raise_signal(wire.ORPHAN_SIGNAL)
        asyncio.get_running_loop().remove_reader(channel.socket)
        server.drain()


async def _start(
    channel: wire.Channel, server: Server, table: Table, facts: dict[str, str],
    settings: dict[str, Any],
) -> None:
    """Start the application, say so and obey from now on. LifespanFailed, TooLarge."""
    note = await server.start()
    # The sockets of a supervisor that passed them are not ours to end.
    own = int(facts["listeners"]) if facts["own"] == "1" else 0
    grace = int(settings["timeout_graceful_shutdown"])
    _engine.expect_orphanhood(grace + ORPHAN_MORE_SECONDS, wire.LISTENER_FD, own)
    channel.socket.setblocking(False)
    loop = asyncio.get_running_loop()
    loop.add_reader(channel.socket, _obey, channel, server, int(facts["listeners"]))
    # Where no worker has a table the first one has said why.
    channel.send(f"READY {note if table.sealed >= 0 else ''}")


def serve(
    channel: wire.Channel, loaded: Loaded, facts: dict[str, str], settings: dict[str, Any],
    process: Process,
) -> int:  # fmt: skip
    """A worker's life; its exit code."""
    from fastrapi.compile.edge import Refused, edge_of
    from fastrapi.lifespan import LifespanFailed, one_line
    from fastrapi.loop import EventLoop
    from fastrapi.server import Server

    try:
        edge = edge_of(loaded.app, settings)
    except Refused as exc:
        return _fail(channel, wire.EXIT_USAGE, str(exc))
    around = f"; {edge.text()}" if edge is not None else ""
    loads = facts["loads"] == "1"
    table: Table = Written(channel, loaded, around) if loads else Received(channel)
    boards = (wire.BOARDS_FD, int(facts["board"]), int(facts["generation"]))

    async def start() -> Server:
        server = Server(
            loaded.app, settings, process, table=table, boards=boards,
            leaving=lambda cause: channel.send(f"LEAVING {cause}"),
        )  # fmt: skip
        await _start(channel, server, table, facts, settings)
        return server

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        process.loop = runner.get_loop()
        try:
            server = runner.run(start())
        except TooLarge as exc:
            return _fail(channel, wire.EXIT_TABLE, str(exc))
        except LifespanFailed as exc:
            _print_once(facts, str(exc).strip() + "\n")
            text = f"the lifespan of {loaded.name} failed: {exc.cause}; see what it printed"
            return _fail(channel, wire.EXIT_APP, text)
        except (SystemExit, KeyboardInterrupt, asyncio.CancelledError, RuntimeError) as exc:
            # RuntimeError: the loop was stopped. Our own code raises none of them.
            logger.error("the start has been broken off", exc_info=exc)
            text = f"the start of {loaded.name} was broken off: {one_line(exc)}"
            return _fail(channel, wire.EXIT_APP, text)
        finally:
            process.end_if_forked()
        in_order = server.run()
    if server.shut_down:
        channel.send("ENDED")
    return wire.EXIT_OK if in_order else wire.EXIT_APP


def _run(
    channel: wire.Channel, inherited: Inherited, process: Process, facts: dict[str, str],
    settings: dict[str, Any],
) -> int:  # fmt: skip
    """The child's work, behind the import of the application; the exit code."""
    try:
        # Outside any loop: a module may run one of its own.
        with rarely():
            loaded = load_app(
                facts["app"], app_dir=settings["app_dir"], factory=settings["factory"]
            )
    except ImportFailed as exc:
        _print_once(facts, exc.frames)
        return _fail(channel, wire.EXIT_APP, str(exc))
    finally:
        process.end_if_forked()
    if inherited.are_gone():
        return wire.EXIT_DESCRIPTORS
    channel.send("IMPORTED")
    return serve(channel, loaded, facts, settings, process)


def _surprised(channel: wire.Channel, inherited: Inherited, exc: Exception) -> int:
    """The exit code after an exception that nobody expected. Without a word from here the
    master would call it the application's doing."""
    if inherited.are_gone():
        return wire.EXIT_DESCRIPTORS
    if isinstance(exc, OSError) and exc.errno in (errno.EMFILE, errno.ENFILE):
        text = f"cannot start Python: {exc.strerror}; raise the limit of open files"
        return _fail(channel, wire.EXIT_BUG, text)
    logger.error("fastrd itself failed", exc_info=exc)
    text = f"fastrd itself failed: {type(exc).__name__}: {exc}; see the traceback"
    return _fail(channel, wire.EXIT_BUG, text)


def _finish(code: int) -> None:
    """What Python does at its end: executors end, daemonic children of multiprocessing too,
    and what is registered with atexit runs."""
    late = threading.Timer(EXIT_SECONDS, os._exit, (code,))
    late.daemon = True
    late.start()
    ends = [*reversed(getattr(threading, "_threading_atexits", [])), atexit._run_exitfuncs]
    for end in ends:
        try:
            end()
        except Exception:
            logger.exception("a function at exit failed")


def main(argv: list[str]) -> int:
    """The work of ``python -m fastrapi.child``; the exit code."""
    if "--" not in argv[2:]:
        sys.stderr.write("fastrapi.child is started by fastrd; run fastrd --help\n")
        return wire.EXIT_USAGE
    behind = argv.index("--", 2)
    facts = {"app": argv[1], **_pairs(argv[2:behind])}
    settings = _engine.settings("child", _pairs(argv[behind + 1 :]))
    inherited = Inherited(int(facts["listeners"]))
    process = Process(inherited.numbers)
    ignore(signal.SIGHUP)
    ignore(signal.SIGINT)
    signal.signal(signal.SIGTERM, process.handle_exit)
    open_log(facts["name"], settings["log_level"])
    show_stacks(wire.STACKS_SIGNAL)
    os.environ["FASTRD_CHILD"] = "serve"
    channel = wire.Channel()
    channel.send("BEGUN")
    try:
        code = _run(channel, inherited, process, facts, settings)
    except Exception as exc:
        # From here: nothing half made gets to complain as well.
        leave(_surprised(channel, inherited, exc))
    _finish(code)
    leave(code)
