"""A child of fastrd: ``python -m fastrapi.worker --load|--serve APP FACT=VALUE... --
NAME=VALUE...``

The loader imports the application, compiles it and writes the table. A worker
imports it too, runs its lifespan, compiles again and serves from the sealed table
when both are equal. See ``base/wire.h`` for the contract with the master.
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
from typing import Any, NoReturn

from fastrapi import _engine, wire
from fastrapi.importing import ImportFailed, load_app
from fastrapi.log import open_log


_grace_s = 0  # what requests may take at the end, whoever orders it


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


def _compile(app: Any, settings: dict[str, Any]) -> tuple[bytes, int, int, str]:
    """(table, routes compiled, routes through ASGI, FastAPI's version or "-")."""
    fastapi = sys.modules.get("fastapi")
    if fastapi is None or not isinstance(app, fastapi.FastAPI):
        return b"", 0, 0, "-"
    from fastrapi.compile import compile_app
    from fastrapi.compile.records import NotCompiled

    if settings["force"] == "asgi":
        return b"", 0, len(app.routes), fastapi.__version__
    try:
        compiled = compile_app(app, settings["table_limit"])
    except NotCompiled as refused:
        logging.getLogger("fastrapi").warning("served through ASGI as a whole: %s", refused)
        return b"", 0, len(app.routes), fastapi.__version__
    n = compiled.n_compiled
    return compiled.table, n, len(compiled.entries) - n, fastapi.__version__


def load(
    channel: wire.Channel, spec: str, _facts: dict[str, str], settings: dict[str, Any]
) -> int:
    """The loader's work; its exit code."""
    try:
        app = load_app(spec, app_dir=settings["app_dir"], factory=settings["factory"])
    except ImportFailed as exc:
        return _fail(channel, wire.EXIT_APP, str(exc))
    try:
        table, compiled, rest, version = _compile(app, settings)
    except ValueError as exc:
        return _fail(channel, wire.EXIT_TABLE, str(exc))
    if table:
        _engine.write_table(wire.TABLE_FD, table)
    python = platform.python_version()
    channel.send(f"DONE {len(table)} {compiled} {rest} {python} {version}")
    return wire.EXIT_OK


def _orphaned(_signal: int, _frame: object) -> None:
    """The master was killed, and with it whoever would end a worker that is stuck."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(_grace_s + 2)


class Worker:
    """One worker process: its loop, its application, its connections."""

    def __init__(
        self, channel: wire.Channel, app: Any, spec: str, facts: dict[str, str],
        settings: dict[str, Any],
    ) -> None:  # fmt: skip
        self.channel = channel
        self.app = app
        self.spec = spec
        self.facts = facts
        self.settings = settings
        self.finished = asyncio.Event()
        self.exit_code = wire.EXIT_OK

    async def run(self) -> int:
        """Start the application, serve until told to end; the exit code."""
        from fastrapi.lifespan import Lifespan, LifespanFailed
        from fastrapi.serving import Serving

        loop = asyncio.get_running_loop()
        facts = self.facts
        lifespan = Lifespan(self.app)
        try:
            await lifespan.start()
        except LifespanFailed as exc:
            text = str(exc).strip()
            sys.stderr.write(text + "\n")
            last = text.splitlines()[-1]
            text = f"the lifespan of {self.spec} failed: {last}; see what it printed"
            return _fail(self.channel, wire.EXIT_APP, text)
        sealed = wire.TABLE_FD if facts["table"] != "0" else -1
        serving = Serving(self.app, self.settings, sealed=sealed)
        note = serving.bind()
        if sealed < 0:
            note = ""
        serving.engine.set_state(lifespan.state)
        boards = (wire.BOARDS_FD, int(facts["board"]), int(facts["generation"]))
        self.http = _engine.Worker(serving.engine, loop, self.settings, boards)
        loop.add_signal_handler(signal.SIGTERM, self._drain, _grace_s * 1000)
        signal.signal(wire.ORPHAN_SIGNAL, _orphaned)
        self.channel.socket.setblocking(False)
        loop.add_reader(self.channel.socket, self._order)
        self.channel.send(f"READY {note}")
        await self.finished.wait()
        failed = await lifespan.stop()
        if failed:
            logging.getLogger("fastrapi.error").error("lifespan shutdown failed: %s", failed)
        return self.exit_code

    def _order(self) -> None:
        try:
            text = self.channel.receive()
        except BlockingIOError:
            return
        word, _, rest = text.partition(" ")
        if word == "SERVE":
            for index in range(int(self.facts["listeners"])):
                self.http.listen(wire.LISTENER_FD + index)
        elif word == "DRAIN":
            self._drain(int(rest))
        elif not text:
            # The master is gone: finish what runs, accept nothing new.
            asyncio.get_running_loop().remove_reader(self.channel.socket)
            self._drain(_grace_s * 1000)

    def _drain(self, ms: int) -> None:
        asyncio.get_running_loop().call_later(ms / 1000, self._cut)
        self.http.drain(self.finished.set)

    def _cut(self) -> None:
        self.http.abort()
        self.finished.set()


def serve(
    channel: wire.Channel, spec: str, facts: dict[str, str], settings: dict[str, Any]
) -> int:
    """A worker's life; its exit code."""
    try:
        # Outside the loop, as in the loader: a module may run one of its own.
        app = load_app(spec, app_dir=settings["app_dir"], factory=settings["factory"])
    except ImportFailed as exc:
        return _fail(channel, wire.EXIT_APP, str(exc))

    from fastrapi.loop import EventLoop

    async def main() -> int:
        return await Worker(channel, app, spec, facts, settings).run()

    with asyncio.Runner(loop_factory=EventLoop) as runner:
        return runner.run(main())


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
    global _grace_s
    behind = argv.index("--", 3)
    facts = _pairs(argv[3:behind])
    settings = _engine.settings("child", _pairs(argv[behind + 1 :]))
    _grace_s = settings["timeout_graceful_shutdown"]
    _keep_inherited(int(facts["listeners"]))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    open_log(facts["name"], settings["log_level"])
    os.environ["FASTRD_CHILD"] = argv[1][2:]
    channel = wire.Channel()
    channel.send("BEGUN")
    run = load if argv[1] == "--load" else serve
    try:
        code = run(channel, argv[2], facts, settings)
    except OSError as exc:
        if exc.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        text = f"{exc.strerror}; raise the limit of open files"
        # From here: nothing half made gets to complain as well.
        _leave(_fail(channel, wire.EXIT_BUG, f"cannot start Python: {text}"))
    _leave(code)


if __name__ == "__main__":
    main(sys.argv)
