"""Has what a server said reached its log? Where that is a file, another process writes it."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
import time
from pathlib import Path

WRITER = "fastrd-log"


def comm(pid: int) -> str:
    """The name of a process; empty when there is none."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _waiting(pid: int) -> int:
    """Bytes in the pipe that the process reads."""
    directory = f"/proc/{pid}/fd"
    pipes = [name for name in os.listdir(directory) if os.readlink(f"{directory}/{name}").startswith("pipe:")]
    if not pipes:
        return 0
    fd = os.open(f"{directory}/{pipes[0]}", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0\0\0\0"))[0])
    finally:
        os.close(fd)


def _is_idle(pid: int) -> bool:
    """Is there nothing in its pipe, and does it sleep? Then it has written what it had read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return _waiting(pid) == 0 and stat[0] in "STZ" and _waiting(pid) == 0
    except OSError:  # it has ended
        return True


def wait_written(master: int, seconds: float = 1) -> None:
    """Until the log of this server has what was said before the call. One whose writer is stopped, or
    whose disk is, has it later: so many seconds are waited."""
    end = time.monotonic() + seconds
    below = children(master)  # the master may itself be the child of a script
    for pid in [*below, *(pid for child in below for pid in children(child))]:
        while comm(pid) == WRITER and not _is_idle(pid) and time.monotonic() < end:
            time.sleep(0.001)
