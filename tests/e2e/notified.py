"""A service manager's side of sd_notify(3): a datagram socket that keeps what it is told."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from server import PATIENCE


class Manager:
    """``with Manager(path) as manager: Fastrd(..., env=manager.env())``; a path that begins
    with @ is a name in the abstract namespace."""

    def __init__(self, path: Path | str):
        self.path = str(path)
        self.messages: list[dict[str, str]] = []

    def __enter__(self) -> Manager:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.path[1:] if self.path.startswith("@") else self.path)
        self.socket.setblocking(False)
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def env(self, **more: str) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.path, **more}

    def read(self) -> None:
        """What has come since."""
        while True:
            try:
                text = self.socket.recv(65536).decode()
            except BlockingIOError:
                return
            lines = [line.split("=", 1) for line in text.split("\n")]
            assert len(dict(lines)) == len(lines), text
            self.messages.append(dict(lines))

    def wait(self, key: str, value: str = "", seconds: float = 60) -> dict[str, str]:
        """The first message with this key whose value contains ``value``; it and those
        before it are forgotten."""
        end = time.monotonic() + seconds * PATIENCE
        while True:
            self.read()
            for number, message in enumerate(self.messages):
                if key in message and value in message[key]:
                    del self.messages[: number + 1]
                    return message
            assert time.monotonic() < end, f"waited for {key}={value}: {self.messages}"
            time.sleep(0.01)

    def seen(self, key: str) -> int:
        """How many of the messages that were not waited for have this key."""
        self.read()
        return sum(key in message for message in self.messages)
