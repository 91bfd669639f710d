"""Free ports for servers that are told theirs (conftest.py puts this directory on the path)."""

from __future__ import annotations

import random
import socket
from pathlib import Path


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has, and none that the kernel gives to whoever asks for any: a client or
    another test's server would have got it before the server that is meant."""
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    others = range(max(1024, first - 16384), first) or range(last + 1, 65536)
    while True:
        port = random.choice(others)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
