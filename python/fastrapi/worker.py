"""A child of fastrd: ``python -m fastrapi.worker --load|--serve APP FACT=VALUE... --
NAME=VALUE...``

The loader imports the application, compiles it and writes the table. A worker
imports it too, runs its lifespan, compiles again and serves from the sealed table
when both are equal. See ``base/wire.h`` for the contract with the master: the facts
of this child and the settings are what it is told. The application is imported before
anything that it might replace is used.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import platform
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from fastrapi import _engine, wire
from fastrapi.importing import ImportFailed, load_app
from fastrapi.log import open_log

if TYPE_CHECKING:
    from fastrapi.compile.application import Compiled
    from fastrapi.server import Server

logger = logging.getLogger("fastrapi.error")


def _pairs(words: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for word in words)


def _keep_inherited(listeners: int) -> None:
    """Nothing of the master's goes on to processes that the application starts: one
    that outlives the server would keep its port."""
    inherited = range(wire.CHANNEL_FD, wire.LISTENER_FD + listeners)
    for fd in inherited:
        fcntl.fcntl(fd, fcntl.F_SETFD, fcntl.FD_CLOEXEC)

    def forked() -> None:
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in inherited:  # the numbers stay taken: objects still close them
            os.dup2(nothing, fd, inheritable=False)
        os.close(nothing)

    os.register_at_fork(after_in_child=forked)


def _fail(channel: wire.Channel, code: int, text: str) -> int:
    channel.send(f"FAILED {code} {text}")
    return code


def _compiled(app: Any, settings: dict[str, Any]) -> Compiled | None:
    """None: workers serve it through ASGI. ValueError when its table is too large."""
    from fastrapi.compile import NotCompiled, compile_app, is_fastapi

    if settings["force"] == "asgi" or not is_fastapi(app):
        return None
    try:
        return compile_app(app, settings["table_limit"])
    except NotCompiled as refused:
        logger.warning("served through ASGI as a whole: %s", refused)
        return None


def _done(app: Any, compiled: Compiled | None) -> str:
    """What DONE says of it; see ``base/wire.h``."""
    from fastrapi.compile import is_fastapi

    framework = sys.modules["fastapi"].__version__ if is_fastapi(app) else "-"
    n_routes = len(app.routes) if is_fastapi(app) else 0
    n_compiled = 0
    if compiled is not None:
        n_routes, n_compiled = len(compiled.entries), compiled.n_compiled
    size = len(compiled.table) if compiled is not None else 0
    python = platform.python_version()
    return f"{size} {n_compiled} {n_routes - n_compiled} {python} {framework}"


def load(channel: wire.Channel, app: Any, _facts: dict[str, str], settings: dict[str, Any]) -> int:
    """The loader's work; its exit code."""
    try:
        compiled = _compiled(app, settings)
    except ValueError as exc:
        return _fail(channel, wire.EXIT_TABLE, str(exc))
    if compiled is not None:
        _engine.write_table(wire.TABLE_FD, compiled.table)
    channel.send(f"DONE {_done(app, compiled)}")
    return wire.EXIT_OK


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
    elif word == "DRAIN":
        server.drain(int(rest) / 1000)
    elif not text:
        # The master is gone: finish what runs, accept nothing new.
        asyncio.get_running_loop().remove_reader(channel.socket)
        server.drain()


async def _serve(
    channel: wire.Channel, app: Any, facts: dict[str, str], settings: dict[str, Any]
) -> int:
    from fastrapi.lifespan import LifespanFailed
    from fastrapi.server import Server

    def orphaned(_signal: int, _frame: object) -> None:
        # The master was killed, and with it whoever would end a worker that is stuck.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(settings["timeout_graceful_shutdown"] + 2)

    sealed = wire.TABLE_FD if facts["table"] != "0" else -1
    boards = (wire.BOARDS_FD, int(facts["board"]), int(facts["generation"]))
    server = Server(app, settings, sealed=sealed, boards=boards)
    try:
        note = await server.start()
    except LifespanFailed as exc:
        text = str(exc).strip()
        sys.stderr.write(text + "\n")
        last = text.splitlines()[-1]
        text = f"the lifespan of {facts['app']} failed: {last}; see what it printed"
        return _fail(channel, wire.EXIT_APP, text)
    if sealed < 0:
        note = ""  # the loader has said why there is no table
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, server.drain)
    signal.signal(wire.ORPHAN_SIGNAL, orphaned)
    channel.socket.setblocking(False)
    loop.add_reader(channel.socket, _obey, channel, server, int(facts["listeners"]))
    channel.send(f"READY {note}")
    await server.ended()
    return wire.EXIT_OK


def serve(channel: wire.Channel, app: Any, facts: dict[str, str], settings: dict[str, Any]) -> int:
    """A worker's life; its exit code."""
    from fastrapi.loop import EventLoop

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(_serve(channel, app, facts, settings))


def _run(
    channel: wire.Channel, role: str, facts: dict[str, str], settings: dict[str, Any]
) -> int:
    """The child's work, behind the import of the application; the exit code."""
    try:
        # Outside any loop: a module may run one of its own.
        app = load_app(facts["app"], app_dir=settings["app_dir"], factory=settings["factory"])
    except ImportFailed as exc:
        return _fail(channel, wire.EXIT_APP, str(exc))
    return (load if role == "--load" else serve)(channel, app, facts, settings)


def _leave(code: int) -> NoReturn:
    """Threads of the application must not keep a finished process alive."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # full, or closed by the application
            stream.flush()
    os._exit(code)


def main(argv: list[str]) -> int:
    """Entry of ``python -m fastrapi.worker``."""
    if len(argv) < 3 or argv[1] not in ("--load", "--serve"):
        sys.stderr.write("fastrapi.worker is started by fastrd; run fastrd --help\n")
        return wire.EXIT_USAGE
    role = argv[1]
    behind = argv.index("--", 3)
    facts = {"app": argv[2], **_pairs(argv[3:behind])}
    settings = _engine.settings("child", _pairs(argv[behind + 1 :]))
    _keep_inherited(int(facts["listeners"]))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    open_log(facts["name"], settings["log_level"])
    os.environ["FASTRD_CHILD"] = role[2:]
    channel = wire.Channel()
    channel.send("BEGUN")
    try:
        code = _run(channel, role, facts, settings)
    except OSError as exc:
        if exc.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        text = f"{exc.strerror}; raise the limit of open files"
        # From here: nothing half made gets to complain as well.
        _leave(_fail(channel, wire.EXIT_BUG, f"cannot start Python: {text}"))
    _leave(code)


if __name__ == "__main__":
    main(sys.argv)
