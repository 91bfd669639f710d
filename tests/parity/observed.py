"""What a test compares of two servers beside their answers' bytes: answers without what chance
makes of them, and what user code noted."""

from __future__ import annotations

import re
import time
from pathlib import Path

from wire import Answer, BrokenAnswer, Peer, Request

# As their files are called.
SERVERS = ("reference", "fastrd")
# A session's cookie has the time in it, and the boundary of several ranges is random.
VARIES = re.compile(rb"(session|boundary)=[^;]{20,}")


def ask_steady(peer: Peer, request: Request) -> Answer | str:
    """The answer without what another run would have in other words; or why there is none."""
    try:
        answer = peer.ask(request)
    except (BrokenAnswer, OSError, ValueError) as exc:
        return f"{type(exc).__name__}: {exc}"
    answer.headers = [(name, VARIES.sub(rb"\1=*", value)) for name, value in answer.headers]
    if answer.status[9:12] == b"206":
        answer.body = re.sub(rb"--[0-9a-f]{26}", b"--*", answer.body)
    return answer


class Notes:
    """What user code noted in a file under either server."""

    def __init__(self, files: list[Path]) -> None:
        self.files = [path.open("rb") for path in files]

    def new(self, quiet_s: float) -> list[list[bytes]]:
        """What came since the last call, once nothing has come for so long."""
        taken = [b""] * len(self.files)
        end = time.monotonic() + quiet_s
        while time.monotonic() < end:
            time.sleep(quiet_s / 3)
            for n, file in enumerate(self.files):
                if more := file.read():
                    taken[n] += more
                    end = time.monotonic() + quiet_s
        return [one.splitlines() for one in taken]
