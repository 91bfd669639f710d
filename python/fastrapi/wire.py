"""The contract with the master: the Python half of ``base/wire.h``."""

from __future__ import annotations

import os
import signal
import socket
import struct
from dataclasses import dataclass

import fastrapi

SETTINGS = "--"
CHANNEL_FD = 3
TABLE_FD = 4
BOARDS_FD = 5
TAKE_FD = 6
GIVE_FD = 7
LISTENER_FD = 8
LISTENERS_MAX = 16
MESSAGE_MAX = 1024
CHILD_FDS_MAX = LISTENER_FD - CHANNEL_FD + LISTENERS_MAX + 1
WARM_MAX = 65536
ORPHAN_SIGNAL = signal.SIGRTMAX
STACKS_SIGNAL = signal.SIGRTMAX - 1

EXIT_OK = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_APP = 3
EXIT_LISTEN = 4
EXIT_PYTHON = 5
EXIT_TABLE = 6
EXIT_DESCRIPTORS = 87


def check_version(fastrd: str) -> None:
    """ImportError, which says why, when this package is not of fastrd's version: the two of one version
    understand each other."""
    version = getattr(fastrapi, "__version__", "")  # PyPI's fastrapi has none
    if fastrd != version:
        where = f"the fastrapi in {os.path.dirname(__file__)}"
        said = f"is version {version}, fastrd is {fastrd}" if version else "was overwritten by another package"
        raise ImportError(f"{where} {said}")


_DESCRIPTOR = struct.Struct("i")


@dataclass(frozen=True, slots=True)
class Birth:
    """What a child is told that has had no command line of its own."""

    words: list[str]
    secrets: dict[str, str]  # by the variable; empty: it is not set
    directory: int
    descriptors: list[int]


class Channel:
    """Orders from the master, replies to it. One packet is one text."""

    def __init__(self, fd: int = CHANNEL_FD) -> None:
        self.socket = socket.socket(fileno=fd)

    def send(self, text: str) -> bool:
        """Send a reply. False: the master is gone, or hears this process no more."""
        try:
            self.socket.send(text.encode("utf-8", "replace")[:MESSAGE_MAX])
        except OSError:
            return False
        return True

    def receive(self) -> str:
        """The next order, blocking unless the socket was made non-blocking;
        empty when the master is gone. A descriptor that nobody expects is closed."""
        text, descriptor = self.receive_with_descriptor()
        if descriptor >= 0:
            os.close(descriptor)
        return text

    def receive_birth(self) -> Birth | None:
        """The only order to a Python that waits to be a child; None when the master is gone."""
        packet, descriptors, _, _ = socket.recv_fds(self.socket, WARM_MAX, 1 + CHILD_FDS_MAX)
        if not packet:
            return None
        texts = iter(os.fsdecode(packet[:-1]).split("\0"))
        secrets = {}
        while name := next(texts):
            secrets[name] = next(texts)
        return Birth(list(texts), secrets, descriptors[0], descriptors[1:])

    def receive_with_descriptor(self) -> tuple[str, int]:
        """The same, and the descriptor that came with it, which is the caller's; -1: none."""
        room = socket.CMSG_LEN(_DESCRIPTOR.size)
        try:
            text, extra, _, _ = self.socket.recvmsg(MESSAGE_MAX, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            raise
        except OSError:
            return "", -1
        descriptor = -1
        for level, kind, data in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                (descriptor,) = _DESCRIPTOR.unpack(data)
        return text.decode("utf-8", "replace"), descriptor
