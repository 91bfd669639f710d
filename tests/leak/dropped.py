"""A client that opens WebSockets, speaks, and leaves anywhere: within the handshake, a frame or a
message, behind a Close, without reading, with a reset.

    python dropped.py PORT SEED CONNECTIONS

What it does follows from the seed. Prints how many of its connections were opened, and left.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
import sys
import zlib
from collections import Counter
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / name) for name in ("websocket", "e2e")]

from raw import BINARY, CLOSE, KEY, PING, PONG, TEXT, close, frame  # noqa: E402

PATHS = (
    "/text", "/bytes/1", "/bytes/3", "/flood", "/deaf", "/late", "/denied", "/closes", "/both", "/raw", "/nowhere",
)  # fmt: skip
TOGETHER = 300
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() resets
WORDS = ("spam", "κόσμε", "{}", "x" * 130, "y" * 3000, "z" * 70_000)


def handshake(dice: random.Random, deflated: bool) -> bytes:
    fields = ["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"] if deflated else []
    lines = [
        f"GET {dice.choice(PATHS)} HTTP/1.1", "Host: a", "Upgrade: websocket", "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", *fields,
    ]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode()


def frames(dice: random.Random, deflated: bool) -> bytes:
    """What a client may send, and now and then what it may not."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -12)
    said = []
    for _ in range(dice.randrange(6)):
        word = dice.choice(WORDS).encode()
        how = dice.randrange(12)
        if how < 4 and deflated:
            packed = packer.compress(word) + packer.flush(zlib.Z_SYNC_FLUSH)
            said.append(frame(TEXT, packed[:-4], rsv=4))
        elif how < 6:
            said.append(frame(TEXT, word))
        elif how == 6:
            said.append(frame(BINARY, word))
        elif how == 7:
            said.append(frame(dice.choice((PING, PONG)), word[:100]))
        elif how == 8:
            cut = dice.randrange(len(word) + 1)
            said += [frame(TEXT, word[:cut], fin=False), frame(PING, b"p"), frame(0, word[cut:])]
        elif how == 9:
            said.append(frame(TEXT, word, fin=False))
        elif how == 10:
            said.append(close(dice.choice((1000, 1001, 3000, 999)), b"bye"))
        else:
            said.append(dice.choice((
                frame(TEXT, b"\xff"), frame(TEXT, word, mask=b""), frame(TEXT, b"\xff\xff\xff", rsv=4),
                frame(3), frame(CLOSE, b"\x03"), b"\x82\xff\xff" + bytes(11),
            )))  # fmt: skip
    return b"".join(said)


async def read(sock: socket.socket, most: int) -> None:
    """Until so many bytes have come, or the end; not for long."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(0.2):
        while most > 0 and (got := await loop.sock_recv(sock, min(most, 65536))):
            most -= len(got)


async def speak(sock: socket.socket, dice: random.Random, seen: Counter[str]) -> None:
    loop = asyncio.get_running_loop()
    deflated = dice.random() < 0.5
    head, rest = handshake(dice, deflated), frames(dice, deflated)
    cut = dice.random()
    if cut < 0.2:
        sent, rest = head[: dice.randrange(len(head))], b""
        seen["within the handshake"] += 1
    elif cut < 0.6:
        sent, rest = head, rest[: dice.randrange(len(rest) + 1)]
        seen["within a frame"] += 1
    else:
        sent = head
        seen["behind a frame"] += 1
    if dice.random() < 0.2:
        sent, rest = sent + rest, b""  # before the handshake is answered
    await asyncio.wait_for(loop.sock_sendall(sock, sent), 5)
    if dice.random() < 0.7 and sent.startswith(head):
        await read(sock, 60)
        seen["answered"] += 1
    if rest:
        await asyncio.wait_for(loop.sock_sendall(sock, rest), 5)
    if dice.random() < 0.5:
        await read(sock, dice.choice((1, 200, 10_000, 1 << 22)))
    if dice.random() < 0.2:
        sock.shutdown(socket.SHUT_WR)
        seen["half closed"] += 1
        await read(sock, 1 << 22)


async def one(port: int, dice: random.Random, seen: Counter[str]) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        # A port of one address is not used again for a minute.
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        sock.bind((f"127.0.{dice.randrange(250)}.{2 + dice.randrange(250)}", 0))
        if dice.random() < 0.3:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        await asyncio.wait_for(loop.sock_connect(sock, ("127.0.0.1", port)), 30)
        seen["connections"] += 1
        with contextlib.suppress(OSError, TimeoutError):
            await speak(sock, dice, seen)
        if dice.random() < 0.4:
            seen["reset"] += 1
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


async def main(port: int, seed: str, connections: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    numbers = iter(range(connections))

    async def several() -> None:
        for n in numbers:
            await one(port, random.Random(f"{seed}/{n}"), seen)

    await asyncio.gather(*(several() for _ in range(TOGETHER)))
    return seen


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))))
