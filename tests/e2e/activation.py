"""Sockets passed as systemd passes them: at descriptors from 3 on, and told in the environment."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from server import Fastrd

PASS_ON = """
import os, sys
high = [os.dup(int(word)) for word in sys.argv[1].split(",")]
while min(high) < 3 + len(high):
    high = [os.dup(fd) for fd in high]
for number, fd in enumerate(high, 3):
    os.dup2(fd, number)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(high))}
os.execv(sys.argv[2], sys.argv[2:])
"""


def passing(sockets: list[socket.socket], command: list[str]) -> list[str]:
    """A command that runs ``command`` in its place, with these sockets."""
    numbers = ",".join(str(sock.fileno()) for sock in sockets)
    return [sys.executable, "-S", "-c", PASS_ON, numbers, *command]


def activated(
    app: str, directory: Path, sockets: list[socket.socket], *flags: str, names: str = "",
    env: dict[str, str] | None = None,
) -> Fastrd:  # fmt: skip
    """A server that was given ``sockets``."""
    fds = tuple(sock.fileno() for sock in sockets)
    env = {**(env or {}), **({"LISTEN_FDNAMES": names} if names else {})}
    server = Fastrd(app, directory, *flags, env=env, fds=fds)
    server.command = passing(sockets, server.command)
    return server


def addresses(log: str) -> list[str]:
    """What the banner says."""
    return [
        line.removeprefix("  address  ")
        for line in log.splitlines()
        if line.startswith("  address  ")
    ]


def unix_listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.fspath(path))
    listener.listen()
    return listener
