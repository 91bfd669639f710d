"""This process as its application sees it: the end by SIGTERM, and forks."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

logger = logging.getLogger("fastrapi.error")


def ignore(number: int) -> None:
    """Ignore a signal here, but not in programs that the application starts: what has a
    handler is back at its default there, and what is ignored would stay so."""
    signal.signal(number, _nothing)


def _nothing(_number: int, _frame: object) -> None:
    pass


def _set_by_us(handler: Any) -> bool:
    """Is this handler the server's, or the one that asyncio puts behind its own?"""
    module: str = getattr(handler, "__module__", None) or ""
    return callable(handler) and module.startswith(("fastrapi.", "asyncio.unix_events"))


def _address(sock: socket.socket) -> Any:
    name: Any = sock.getsockname()
    return name[:2] if isinstance(name, tuple) else name


def _look_at(fd: int) -> socket.socket | None:
    """The stream socket of this number, to be detached again; None: it is something else."""
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            return None
        sock = socket.socket(fileno=fd)
    except OSError:
        return None
    if sock.type == socket.SOCK_STREAM:
        return sock
    sock.detach()
    return None


def _listening(descriptors: Iterable[int]) -> set[Any]:
    """The addresses of the listeners among ``descriptors``; of one that listens on every
    address, the port."""
    addresses: set[Any] = set()
    for sock in filter(None, map(_look_at, descriptors)):
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            address = _address(sock)
            addresses.add(address[1] if address[0] in ("0.0.0.0", "::") else address)
        sock.detach()
    return addresses


def _accepted(addresses: set[Any]) -> list[int]:
    """The descriptors of connections that listeners of these addresses have accepted."""
    found = []
    for sock in filter(None, map(_look_at, map(int, os.listdir("/proc/self/fd")))):
        address = _address(sock)
        if address and (address in addresses or address[1] in addresses):
            found.append(sock.fileno())
        sock.detach()
    return found


def leave(status: int) -> NoReturn:
    """End now: threads of the application must not keep a finished process alive."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # full, or closed by the application
            stream.flush()
    os._exit(status)


def _exit_status(code: Any) -> int:
    """The status that SystemExit's ``code`` means to Python; what is no number is printed."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


# The server of this process, or of the process that this one is a fork of.
_serving: Process | None = None


def end_if_fork_exits(exc: BaseException | None) -> None:
    """End a fork whose SystemExit has reached the server as a request's exception."""
    if isinstance(exc, SystemExit) and _serving is not None:
        _serving.end_if_forked(exc)


class Process:
    """The process that serves. Made before the application is imported, by the main thread.

    The end: ``handle_exit`` is SIGTERM's handler, ``should_exit`` says that the end has
    begun, both as in uvicorn's ``Server``. An application may set a handler of its own,
    which may call ours; libraries find ``should_exit`` through
    ``signal.getsignal(signal.SIGTERM).__self__``. ``on_exit`` is called by the handler;
    while there is none, SIGTERM ends the process.

    Forks (``os.fork``, ``multiprocessing``, ``ProcessPoolExecutor``) get nothing of ours.
    A listener would keep the port, the channel would stand for a worker that is gone, a
    connection would not end when the worker closes it. A signal to the fork would be
    written to the worker's own wake-up descriptor. ``descriptors`` are those that we
    own; ``loop`` is to be set once there is one.
    """

    def __init__(self, descriptors: Iterable[int]) -> None:
        self.should_exit = False
        self._asked = False  # by the signal
        self.on_exit: Callable[[int], None] | None = None
        self.loop: Any = None
        self._pid = os.getpid()
        self._descriptors = list(descriptors)
        self._over = False
        self._before_fork = threading.local()
        global _serving
        _serving = self
        os.register_at_fork(
            before=self._block, after_in_parent=self._unblock, after_in_child=self._forked
        )

    def over(self) -> None:
        """Nothing is ours any more: forks keep what they have."""
        global _serving
        self._over = True
        _serving = None

    @contextlib.contextmanager
    def passed_on(self) -> Iterator[None]:
        """Forks that are made inside keep what is ours: one of them is to adopt() it."""
        self._over = True
        try:
            yield
        finally:
            self._over = False

    def adopt(self) -> None:
        """This process, a fork, is the one that serves."""
        self._pid = os.getpid()

    def handle_exit(self, sig: int, _frame: object) -> None:
        """The handler of SIGTERM; in a fork it may still be called by the application's."""
        if self.on_exit is None or os.getpid() != self._pid:
            signal.signal(sig, signal.SIG_DFL)
            os.kill(os.getpid(), sig)
            return
        self._asked = True
        self.on_exit(sig)

    def announce_exit(self) -> None:
        """Let the application know that the end has begun: whatever handles SIGTERM runs,
        as it does under uvicorn, whose workers are ended by that signal."""
        if self.should_exit:
            return
        self._begin_exit()
        if self._asked:
            return  # whoever handles it has done so
        handler = signal.getsignal(signal.SIGTERM)
        ours = not callable(handler) or handler == self.handle_exit
        if ours or threading.current_thread() is not threading.main_thread():
            return
        try:
            signal.raise_signal(signal.SIGTERM)
        except (SystemExit, KeyboardInterrupt):
            pass  # it asks for the end, which has begun

    def _begin_exit(self) -> None:
        """Libraries also learn of the end through a function that they put in the place of
        ``uvicorn.Server.handle_exit``."""
        if self.should_exit:
            return
        self.should_exit = True
        uvicorn: Any = sys.modules.get("uvicorn.server")
        if uvicorn is not None:
            server = uvicorn.Server.__new__(uvicorn.Server)
            server.should_exit = server.force_exit = False
            server._captured_signals = []
            try:
                server.handle_exit(signal.SIGTERM, None)
            except Exception:
                logger.exception("uvicorn.Server.handle_exit, which was replaced, failed")

    def _block(self) -> None:
        """A signal to a fork waits until that has its own handlers."""
        self._before_fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

    def _unblock(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before_fork.mask)

    def _forked(self) -> None:
        if not self._over:
            self._give_up_all()
        self._unblock()

    def _give_up_all(self) -> None:
        signal.set_wakeup_fd(-1)
        for number in signal.valid_signals():
            if _set_by_us(signal.getsignal(number)):
                again = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                signal.signal(number, again)
        if self.loop is not None:
            self.loop._abandon()
        ours = {*self._descriptors, *_accepted(_listening(self._descriptors))}
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in ours:  # the numbers stay taken: objects close them
            os.dup2(nothing, fd, inheritable=False)
        os.close(nothing)

    def end_if_forked(self, cause: BaseException | None = None) -> None:
        """End a fork that has come back from the application's code. ``cause`` is what came
        through the event loop: SystemExit ends it as any process of Python's, without the
        functions at exit, which are the worker's. Otherwise the fork forgot to end."""
        if os.getpid() == self._pid:
            return
        if isinstance(cause, SystemExit):
            leave(_exit_status(cause.code))
        logger.error("a process that the application has forked returns to the server: it ends")
        leave(1)
