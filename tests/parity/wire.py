"""Requests as bytes, answers as bytes: no HTTP client that tidies either."""

from __future__ import annotations

import gzip
import socket
import time
from dataclasses import dataclass, field, replace

UNCOMPARED = {b"date", b"server"}
TIMEOUT_S = 10.0


class BrokenAnswer(Exception):
    """The peer sent something that is not an HTTP answer; says what came."""


@dataclass(frozen=True)
class Request:
    """One request exactly as sent; `pause_s` waits first (background work of the one before)."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    pause_s: float = 0.0

    def encode(self) -> bytes:
        """The bytes; content-length is added when there is a body and no framing given."""
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        if not any(name.lower() == "host" for name, _ in self.headers):
            lines.append("Host: parity.test")
        lines += [f"{name}: {value}" for name, value in self.headers]
        framed = any(name.lower() == "transfer-encoding" for name, _ in self.headers)
        if self.body and not framed:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@dataclass
class Answer:
    """What came back: names as sent, in order; `body` without its chunk framing."""

    status: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    chunked: bool = False
    cut: bool = field(default=False)

    def compared(self) -> list[tuple[str, bytes]]:
        """Labelled parts in the order in which two answers are compared. How a gzip body is
        packed does not count, but what it holds, and that its length is announced."""
        parts = [("status line", self.status)]
        kept = [pair for pair in self.headers if pair[0].lower() not in UNCOMPARED]
        body = self.body
        if (b"content-encoding", b"gzip") in kept and body and not self.cut:
            length = (b"content-length", b"%d" % len(body))
            kept = [(b"content-length", b"packed") if pair == length else pair for pair in kept]
            body = gzip.decompress(body)
        parts += [(f"header {i}", name + b": " + value) for i, (name, value) in enumerate(kept)]
        parts.append(("chunked", str(self.chunked).encode()))
        parts.append(("body cut short", str(self.cut).encode()))
        parts.append(("body", body))
        return parts

    def text(self) -> str:
        """For people."""
        head = [repr(self.status)] + [f"  {n!r}: {v!r}" for n, v in self.headers]
        body = f"  body ({len(self.body)} bytes): {self.body[:600]!r}"
        return "\n".join([*head, body])


class Peer:
    """A keep-alive connection to one server, opened again when the server ends it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sock: socket.socket | None = None
        self.data = b""

    def close(self) -> None:
        """End the connection; the next request opens another."""
        if self.sock is not None:
            self.sock.close()
        self.sock, self.data = None, b""

    def ask(self, request: Request) -> Answer:
        """Send and read one answer. Raises BrokenAnswer, OSError."""
        if request.pause_s:
            time.sleep(request.pause_s)
        if self.sock is not None and self._ended():
            self.close()
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.port), TIMEOUT_S)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.sock.sendall(request.encode())
            answer = self._read(request.method)
        except BaseException:
            self.close()
            raise
        last = any(n.lower() == b"connection" and v == b"close" for n, v in answer.headers)
        # Starlette answers 500, then raises again: uvicorn ends the connection a moment
        # later without having said so, thus whether it may be used again is a race.
        if last or answer.cut or answer.status[9:12] == b"500":
            self.close()
        elif self.data:
            raise BrokenAnswer(f"{len(self.data)} bytes after the answer: {self.data[:200]!r}")
        return answer

    def _ended(self) -> bool:
        """Whether the peer ended the idle connection (after an answer cut short)."""
        assert self.sock is not None
        self.sock.setblocking(False)
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.sock.settimeout(TIMEOUT_S)

    def _more(self) -> bool:
        assert self.sock is not None
        got = self.sock.recv(65536)
        self.data += got
        return bool(got)

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.data:
            if not self._more():
                raise BrokenAnswer(f"end of stream before {mark!r}; had {self.data[:200]!r}")
        head, _, self.data = self.data.partition(mark)
        return head

    def _take(self, size: int) -> tuple[bytes, bool]:
        """`size` bytes, or fewer and True when the stream ended."""
        while len(self.data) < size and self._more():
            pass
        taken, self.data = self.data[:size], self.data[size:]
        return taken, len(taken) < size

    def _read(self, method: str) -> Answer:
        status, *lines = self._until(b"\r\n\r\n").split(b"\r\n")
        if not status.startswith(b"HTTP/1.1 "):
            raise BrokenAnswer(f"status line {status!r}")
        headers = []
        for line in lines:
            name, colon, value = line.partition(b": ")
            if not colon:
                raise BrokenAnswer(f"header line {line!r}")
            headers.append((name, value))
        answer = Answer(status, headers)
        known = {name.lower(): value for name, value in headers}
        answer.chunked = known.get(b"transfer-encoding") == b"chunked"
        if method == "HEAD" or status[9:12] in (b"204", b"304"):
            return answer
        if answer.chunked:
            self._read_chunks(answer)
        elif b"content-length" in known:
            answer.body, answer.cut = self._take(int(known[b"content-length"]))
        else:
            while self._more():
                pass
            answer.body, self.data, answer.cut = self.data, b"", True
        return answer

    def _read_chunks(self, answer: Answer) -> None:
        while size := int(self._until(b"\r\n"), 16):
            chunk, answer.cut = self._take(size)
            answer.body += chunk
            if answer.cut:
                return
            if self._take(2)[0] != b"\r\n":
                raise BrokenAnswer("chunk without its end")
        self._until(b"\r\n")


def difference(expected: Answer, got: Answer) -> str | None:
    """The first difference in words, or None."""
    a, b = expected.compared(), got.compared()
    for (label, left), (other, right) in zip(a, b):
        if label != other:
            return f"{label} {left!r} against {other} {right!r}"
        if left != right:
            at = next((i for i, (x, y) in enumerate(zip(left, right)) if x != y), None)
            at = min(len(left), len(right)) if at is None else at
            near = slice(max(0, at - 20), at + 40)
            return f"{label}, byte {at}: {left[near]!r} against {right[near]!r}"
    return None if len(a) == len(b) else f"{len(a)} against {len(b)} parts"


def report(request: Request, expected: Answer | str, got: Answer | str, what: str) -> str:
    """The request, both answers, the first difference."""

    def shown(answer: Answer | str) -> str:
        return answer if isinstance(answer, str) else answer.text()

    return (
        f"\n--- request\n{request.encode()!r}\n--- reference\n{shown(expected)}"
        f"\n--- under test\n{shown(got)}\n--- first difference\n{what}\n"
    )


def compare(reference: Peer, tested: Peer, requests: list[Request]) -> list[str]:
    """Ask both the same, in order; a report per request whose answers differ."""
    reports = []
    for request in requests:
        if request.pause_s:  # one for both
            time.sleep(request.pause_s)
            request = replace(request, pause_s=0.0)
        answers: list[Answer | str] = []
        for peer in (reference, tested):
            try:
                answers.append(peer.ask(request))
            except (BrokenAnswer, OSError, ValueError) as exc:
                answers.append(f"{type(exc).__name__}: {exc}")
        left, right = answers
        if isinstance(left, Answer) and isinstance(right, Answer):
            what = difference(left, right)
        else:
            both = isinstance(left, str) and isinstance(right, str)
            what = f"{'neither' if both else 'one of them'} gave an answer"
        if what:
            reports.append(report(request, left, right, what))
    return reports
