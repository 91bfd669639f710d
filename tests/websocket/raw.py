"""A client that sends whatever bytes it is given, and reads frames."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

from server import PATIENCE

KEY = "AQIDBAUGBwgJCgsMDQ4PEA=="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
Frame = tuple[int, bytes]


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0,
    mask: bytes = b"\x11\xf2\x83\x04",
) -> bytes:  # fmt: skip
    """A client's frame. Without a ``mask`` it is one that no client may send."""
    if len(payload) < 126:
        length = bytes([len(payload)])
    elif len(payload) < 65536:
        length = b"\x7e" + len(payload).to_bytes(2, "big")
    else:
        length = b"\x7f" + len(payload).to_bytes(8, "big")
    masked = bytes(a ^ b for a, b in zip(payload, itertools.cycle(mask))) if mask else payload
    head = bytes([fin << 7 | rsv << 4 | opcode, length[0] | (0x80 if mask else 0)])
    return head + length[1:] + mask + masked


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


class Raw:
    """A connection after its handshake, or after what else was answered: ``status`` and ``fields``.
    What is ``behind`` the head is sent with it. A ``port`` may be the path of a unix socket."""

    def __init__(
        self, port: int | str, path: str = "/", *fields: str, key: str = KEY, version: str = "13",
        behind: bytes = b"", host: str = "a",
    ) -> None:  # fmt: skip
        if isinstance(port, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(20 * PATIENCE)
            self.socket.connect(port)
        else:
            self.socket = socket.create_connection(("127.0.0.1", port), 20 * PATIENCE)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own = [f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
        if key:
            own.append(f"Sec-WebSocket-Key: {key}")
        if version:
            own.append(f"Sec-WebSocket-Version: {version}")
        head = "\r\n".join([f"GET {path} HTTP/1.1", *own, *fields, "", ""])
        self.socket.sendall(head.encode() + behind)
        self.data = b""
        while b"\r\n\r\n" not in self.data:
            self._more()
        answer, _, self.data = self.data.partition(b"\r\n\r\n")
        first, *lines = answer.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.named = dict(line.split(": ", 1) for line in lines)  # as it was spelt
        self.fields = {name.lower(): value for name, value in self.named.items()}

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _more(self) -> None:
        got = self.socket.recv(65536)
        if not got:
            raise EOFError
        self.data += got

    def _take(self, n: int) -> bytes:
        while len(self.data) < n:
            self._more()
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read_raw(self) -> tuple[int, bytes]:
        """The first byte of the next frame, and its payload; EOFError at the end."""
        first, length = self._take(2)
        assert length < 128, "a server masks nothing"
        if length > 125:
            length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
        return first, self._take(length)

    def read(self) -> Frame:
        """The next frame, which is whole: opcode and payload."""
        first, payload = self.read_raw()
        assert first & 0xF0 == 0x80
        return first & 0x0F, payload

    def rest(self) -> Iterator[Frame]:
        """The frames until the server ends the connection."""
        while True:
            try:
                yield self.read()
            except EOFError:
                assert not self.data
                return
