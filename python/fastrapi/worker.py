"""A child of fastrd: ``python -m fastrapi.child APP FACT=VALUE... -- NAME=VALUE...``

A worker imports the application, runs its lifespan's start-up, compiles it and serves. The first
one of a generation writes the table of what it has compiled; the others serve from that where
they have compiled the same. A zygote imports, writes the table and forks the workers; a spare
imports and waits until a worker is missed. See ``base/wire.h`` for the contract with the master:
the facts of this child and the settings are what it is told. The application is imported before
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
from dataclasses import dataclass
from typing import Any

from fastrapi import _engine, wire, zygote
from fastrapi.collecting import rarely
from fastrapi.environment import prepare_environment, take_settings
from fastrapi.importing import ImportFailed, Loaded, load_app
from fastrapi.inherited import Inherited
from fastrapi.log import name_log, open_log
from fastrapi.page import Page
from fastrapi.process import Process, ignore, leave
from fastrapi.stacks import show_stacks
from fastrapi.tables import NoTable, Received, Table, TooLarge, Written

logger = logging.getLogger("fastrapi.error")

# As the master would: what is stuck has so long beyond the time for requests.
ORPHAN_MORE_SECONDS = 2
# What is to run at exit has so long; the process then ends without it.
EXIT_SECONDS = 2


def pairs(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def _show_facts(facts: dict[str, str]) -> None:
    """Let ps(1) show these facts in the place of those that the process was started with."""
    with open("/proc/self/cmdline", "rb") as file:
        words = os.fsdecode(file.read()).split("\0")
    for at, word in enumerate(words[: words.index(wire.SETTINGS)]):
        key, same, _ = word.partition("=")
        if same and key in facts:
            words[at] = f"{key}={facts[key]}"
    _engine.show_arguments(os.fsencode("\0".join(words)))


@dataclass(slots=True)
class Child:
    """This process as the master knows it."""

    channel: wire.Channel
    inherited: Inherited
    process: Process
    facts: dict[str, str]
    settings: dict[str, Any]
    page: Page | None = None  # what it serves in the application's place

    def fail(self, code: int, text: str) -> int:
        """Say why it cannot go on; the exit code."""
        self.channel.send(f"FAILED {code} {text}")
        return code

    def excused(self, text: str, frames: str) -> Loaded | None:
        """A page that says why the application cannot be loaded, to be served in its place while
        somebody works at it; None: nobody does."""
        if not self.settings["reload"]:
            return None
        self.page = Page(text, frames)
        return Loaded(self.page, self.facts["app"] or "no application")

    def print_once(self, text: str) -> None:
        """Print a traceback, unless the process before this one has printed it."""
        if self.facts["again"] != "1":
            sys.stderr.write(text)

    def named(self, facts: str) -> None:
        """Be what ``facts`` say from now on."""
        self.facts |= pairs(facts.split("\t"))
        _show_facts(self.facts)
        name_log(self.facts["name"], self.settings["log_level"], self.settings["log_format"])

    def become(self, channel: int, facts: str) -> None:
        """In a fork: be a child of its own, which talks to the master over this descriptor."""
        self.channel.socket.detach()
        os.dup2(channel, wire.CHANNEL_FD, inheritable=False)
        os.close(channel)
        self.channel = wire.Channel()
        self.process.adopt()
        self.named(facts)
        if self.facts["loads"] != "1":
            os.dup2(wire.BOARDS_FD, wire.TABLE_FD, inheritable=False)

    def expect_orphanhood(self) -> None:
        """The master may be killed: then this process ends, and the listening of what fastrd has
        opened. The sockets of a supervisor that passed them are not ours to end."""
        first = wire.LISTENER_FD + (0 if self.facts["own"] == "1" else self.listeners)
        end = wire.LISTENER_FD + self.listeners + self.admin
        grace = int(self.settings["timeout_graceful_shutdown"])
        _engine.expect_orphanhood(grace + ORPHAN_MORE_SECONDS, first, end - first)

    @property
    def listeners(self) -> int:
        return int(self.facts["listeners"])

    @property
    def admin(self) -> int:
        """How many listeners there are for probes, behind the others."""
        return int(self.facts["admin"])


def _obey(child: Child, server: Any) -> None:
    """One order of the master's."""
    try:
        text = child.channel.receive()
    except BlockingIOError:
        return
    word, _, rest = text.partition(" ")
    if word == "SERVE":
        for index in range(child.listeners):
            server.listen(wire.LISTENER_FD + index)
        if child.admin:
            server.admin(wire.LISTENER_FD + child.listeners)
        server.take(wire.TAKE_FD, wire.GIVE_FD)
    elif word == "UNREADY":
        server.unready()
    elif word == "PARK":
        server.park()
    elif word == "RESUME":
        server.resume()
    elif word in ("DRAIN", "GIVE") and child.page is not None:
        child.page.end()
        server.drain(int(rest) / 1000, give=word == "GIVE")
    elif word == "DRAIN":
        server.drain(int(rest) / 1000)
    elif word == "GIVE":
        server.drain(int(rest) / 1000, give=True)
    elif word == "REOPEN":
        server.reopen_log()
    elif not text:
        # The master is gone: finish what runs, accept nothing new. The kernel's own
        # signal does not come after a setuid().
        signal.raise_signal(wire.ORPHAN_SIGNAL)
        asyncio.get_running_loop().remove_reader(child.channel.socket)
        server.drain()


async def _start(child: Child, server: Any, table: Table) -> None:
    """Start the application, say so and obey from now on. LifespanFailed, TooLarge."""
    note = await server.start()
    child.expect_orphanhood()
    if child.page is not None:
        child.channel.send(f"ROUTES {child.page.summary}")
        child.channel.send(f"EXCUSED {child.page.text}")
    child.channel.socket.setblocking(False)
    asyncio.get_running_loop().add_reader(child.channel.socket, _obey, child, server)
    # Where no worker has a table the first one has said why.
    child.channel.send(f"READY {note if table.sealed >= 0 else ''}")


class _NotStarted(Exception):
    """The application could not be started; ``frames`` is what it has to say of that."""

    def __init__(self, text: str, frames: str) -> None:
        super().__init__(text)
        self.frames = frames


def _run_loop(child: Child, loaded: Loaded, table: Table) -> int:
    """A worker's life; its exit code. _NotStarted."""
    from fastrapi.lifespan import LifespanFailed, one_line
    from fastrapi.loop import EventLoop
    from fastrapi.server import Server

    boards = (wire.BOARDS_FD, int(child.facts["board"]), int(child.facts["generation"]))

    async def start() -> Server:
        server = Server(
            loaded.app, child.settings, child.process, table=table, boards=boards,
            leaving=lambda cause: child.channel.send(f"LEAVING {cause}"),
        )  # fmt: skip
        await _start(child, server, table)
        return server

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        child.process.loop = runner.get_loop()
        try:
            server = runner.run(start())
        except TooLarge as exc:
            return child.fail(wire.EXIT_TABLE, str(exc))
        except LifespanFailed as exc:
            text = f"the lifespan of {loaded.name} failed: {exc.cause}; see what it printed"
            raise _NotStarted(text, str(exc).strip() + "\n") from None
        except (SystemExit, KeyboardInterrupt, asyncio.CancelledError, RuntimeError) as exc:
            # RuntimeError: the loop was stopped. Our own code raises none of them.
            logger.error("the start has been broken off", exc_info=exc)
            text = f"the start of {loaded.name} was broken off: {one_line(exc)}"
            raise _NotStarted(text, "") from None
        finally:
            child.process.end_if_forked()
        in_order = server.run()
    if server.shut_down:
        child.channel.send("ENDED")
    return wire.EXIT_OK if in_order else wire.EXIT_APP


def _serve(child: Child, loaded: Loaded, table: Table) -> int:
    """The same, of a page where the application does not start."""
    try:
        return _run_loop(child, loaded, table)
    except _NotStarted as exc:
        child.print_once(exc.frames)
        page = child.excused(str(exc), exc.frames)
        if page is None:
            return child.fail(wire.EXIT_APP, str(exc))
        logger.error("%s; waiting for a change", exc)
    return _run_loop(child, page, table)


def _wait_until_missed(child: Child) -> Table:
    """A spare's life: until it takes the place of a worker, which is to serve from this table."""
    table = NoTable()
    while True:
        text, descriptor = child.channel.receive_with_descriptor()
        word, _, rest = text.partition(" ")
        if word == "TABLE":
            table.sealed = descriptor
        elif word == "ADOPT":
            child.named(rest)
            return table
        elif not text:
            leave(wire.EXIT_OK)


def _table(child: Child, loaded: Loaded) -> Table:
    """What a worker serves from. A zygote and a spare come back when they are a worker.
    NotForkable, TooLarge, Refused (``compile.edge``)."""
    from fastrapi.compile.edge import edge_of, with_secrets

    child.settings = with_secrets(child.settings)
    edge = edge_of(loaded.app, child.settings)
    around = f"; {edge.text()}" if edge is not None else ""
    role = child.facts["role"]
    if role == "spare":
        zygote.rehearse(child, loaded.app)
        return _wait_until_missed(child)
    if role == "zygote":
        zygote.fork_workers(child, loaded.app)
    if child.facts["loads"] == "1":
        return Written(child.channel, loaded, around, child.settings["route"])
    return Received(child.channel)


def _load(child: Child) -> Loaded:
    """The application, or the page that the master wants in its place. ImportFailed."""
    page = child.excused(child.facts["excuse"], "") if child.facts["excuse"] else None
    if page is not None:
        return page
    with rarely():  # outside any loop: a module may run one of its own
        return load_app(
            child.facts["app"], app_dir=child.settings["app_dir"],
            factory=child.settings["factory"],
            prepare=lambda: prepare_environment(child.settings),
        )  # fmt: skip


def _run(child: Child) -> int:
    """The child's work, behind the import of the application; the exit code."""
    first = child.facts["loads"] == "1" or child.facts["role"] == "zygote"
    try:
        loaded = _load(child)
    except ImportFailed as exc:
        if first or not child.settings["reload"]:
            child.print_once(exc.frames)
        page = child.excused(str(exc), exc.frames)
        if page is None:
            return child.fail(wire.EXIT_APP, str(exc))
        if first:
            logger.error("%s; waiting for a change", exc)
        loaded = page
    finally:
        child.process.end_if_forked()
    if child.inherited.are_gone():
        return wire.EXIT_DESCRIPTORS
    if child.facts["role"] != "zygote":
        child.channel.send("IMPORTED")
    from fastrapi.compile.edge import Refused

    try:
        table = _table(child, loaded)
    except (Refused, zygote.NotForkable) as exc:
        return child.fail(wire.EXIT_USAGE, str(exc))
    except TooLarge as exc:
        return child.fail(wire.EXIT_TABLE, str(exc))
    return _serve(child, loaded, table)


def _surprised(child: Child, exc: Exception) -> int:
    """The exit code after an exception that nobody expected. Without a word from here the
    master would call it the application's doing."""
    if child.inherited.are_gone():
        return wire.EXIT_DESCRIPTORS
    if isinstance(exc, OSError) and exc.errno in (errno.EMFILE, errno.ENFILE):
        text = f"cannot start Python: {exc.strerror}; raise the limit of open files"
        return child.fail(wire.EXIT_BUG, text)
    logger.error("fastrd itself failed", exc_info=exc)
    text = f"fastrd itself failed: {type(exc).__name__}: {exc}; see the traceback"
    return child.fail(wire.EXIT_BUG, text)


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
    if wire.SETTINGS not in argv[2:]:
        sys.stderr.write("fastrapi.child is started by fastrd; run fastrd --help\n")
        return wire.EXIT_USAGE
    behind = argv.index(wire.SETTINGS, 2)
    facts = {"app": argv[1], **pairs(argv[2:behind])}
    settings = take_settings(pairs(argv[behind + 1 :]))
    inherited = Inherited(int(facts["listeners"]) + int(facts["admin"]))
    process = Process(inherited.numbers)
    ignore(signal.SIGHUP)
    ignore(signal.SIGINT)
    signal.signal(signal.SIGTERM, process.handle_exit)
    open_log(facts["name"], settings["log_level"], settings["log_format"])
    show_stacks(wire.STACKS_SIGNAL)
    os.environ["FASTRD_CHILD"] = "serve"
    child = Child(wire.Channel(), inherited, process, facts, settings)
    child.channel.send("BEGUN")
    try:
        code = _run(child)
    except Exception as exc:
        # From here: nothing half made gets to complain as well.
        leave(_surprised(child, exc))
    _finish(code)
    leave(code)
