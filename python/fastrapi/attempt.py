"""Importing an application, and a look at it, in a process of its own: whatever the import
does to its process is judged as the master judges a worker, in the same words.

The process has the descriptors of a worker, so that one that closes them is found out. It
says how far it has come on a channel, as a worker does, but with two words only: IMPORTED,
and DONE when its end is its own.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from fastrapi import wire
from fastrapi.importing import ImportFailed, Loaded
from fastrapi.inherited import Inherited
from fastrapi.process import Process, leave
from fastrapi.stacks import show_stacks

Load = Callable[[], Loaded]
Look = Callable[[Loaded], tuple[int, list[str]]]

# As in master/overdue.h: between the order to show stacks and KILL.
_STACKS_SECONDS = 1
_WAITED = {signal.SIGCHLD, signal.SIGTERM}


def _run(load: Load, look: Look, inherited: Inherited, channel: wire.Channel) -> int:
    """The work of the process; its exit code."""
    process = Process(inherited.numbers)
    try:
        loaded = load()
    except ImportFailed as exc:
        channel.send("DONE")
        sys.stderr.write(f"{exc.frames}fastrd: {exc}\n")
        return wire.EXIT_APP
    finally:
        process.end_if_forked()
    if inherited.are_gone():
        return wire.EXIT_DESCRIPTORS
    channel.send("IMPORTED")
    code, lines = look(loaded)
    channel.send("DONE")
    try:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
    except OSError as exc:
        sys.stderr.write(f"fastrd: cannot write to standard output: {exc.strerror}\n")
        return wire.EXIT_BUG
    return code


def _child(load: Load, look: Look, theirs: int, alive: int) -> NoReturn:
    """Over both descriptors go those at fixed numbers. ``alive`` is readable when the one
    that waits is gone, and kills this process then."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, wire.LISTENER_FD) for fd in (theirs, alive)]
    os.dup2(high[0], wire.CHANNEL_FD)
    for number in range(wire.TABLE_FD, wire.LISTENER_FD):
        os.dup2(high[1], number)
    for fd in {theirs, alive, *high} - set(Inherited(0).numbers):
        os.close(fd)
    fcntl.fcntl(wire.TABLE_FD, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(wire.TABLE_FD, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(wire.TABLE_FD, fcntl.F_SETFL, os.O_ASYNC)
    show_stacks(wire.STACKS_SIGNAL)
    channel = wire.Channel()
    try:
        code = _run(load, look, Inherited(0), channel)
    except Exception:
        traceback.print_exc()
        code = wire.EXIT_BUG
    leave(code)


def _wait(pid: int, seconds: float) -> int | None:
    """The status of the process; None: it is still there after ``seconds``."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        info = signal.sigtimedwait(_WAITED, left)
        if info is not None and info.si_signo == signal.SIGTERM:
            _die(signal.SIGTERM)
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
    return None


def _die(number: int) -> None:
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)


def _words(ours: socket.socket) -> set[str]:
    """What the process has said until now."""
    ours.setblocking(False)
    found = set()
    try:
        while word := ours.recv(wire.MESSAGE_MAX):
            found.add(word.decode())
    except OSError:
        pass
    return found


def _doing(words: set[str]) -> str:
    return f"{'compiling' if 'IMPORTED' in words else 'importing'} the application"


def _ended(status: int, words: set[str]) -> int:
    """The exit code after the process has ended, or the same signal."""
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGPIPE or ("DONE" in words and code < 0):
        _die(-code)
    if "DONE" in words:
        return code
    if code < 0:
        text = f"signal {-code} ({signal.strsignal(-code)}) while {_doing(words)}"
    elif code == wire.EXIT_DESCRIPTORS:
        text = (
            f"exit status {code} while {_doing(words)}, which closed descriptors that it had "
            "not opened; let it close its own only"
        )
    else:
        text = (
            f"exit status {code} while {_doing(words)}, which called os._exit() or became a "
            "daemon; let it stay"
        )
    sys.stderr.write(f"fastrd: the process that loads it ended with {text}\n")
    return wire.EXIT_APP


def _hangs(pid: int, words: set[str]) -> int:
    """Show where, and give it up."""
    os.kill(pid, wire.STACKS_SIGNAL)
    if _wait(pid, _STACKS_SECONDS) is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    sys.stderr.write(
        f"fastrd: the application did not start in time: it hangs while {_doing(words)}; "
        "see --timeout-startup\n"
    )
    return wire.EXIT_APP


def attempt(load: Load, look: Look, seconds: float) -> int:
    """Print the lines that ``look`` has to say of what ``load`` returns; the exit code, which
    is that of ``look`` or says what the import came to. Blocks for ``seconds`` at most."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    alive, we_are = os.pipe()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED)
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(we_are)
        ours.close()
        _child(load, look, theirs.detach(), alive)
    theirs.close()
    os.close(alive)
    status = _wait(pid, seconds)
    code = _hangs(pid, _words(ours)) if status is None else _ended(status, _words(ours))
    ours.close()
    os.close(we_are)
    return code
