"""Compressed messages (RFC 7692): what is agreed on, each goes on from those before, what is refused."""

from __future__ import annotations

import asyncio
import random
import time
import zlib
from pathlib import Path

import pytest
from raw import BINARY, CLOSE, TEXT, Raw, close, frame
from server import Fastrd
from websockets.asyncio.client import connect

HERE = Path(__file__).parent
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
TAIL = b"\x00\x00\xff\xff"


class Packed(Raw):
    """With the contexts of both directions."""

    def __init__(self, port: int, offer: str = OFFER, bits: int = 12) -> None:
        super().__init__(port, "/", offer)
        self.packer = zlib.compressobj(6, zlib.DEFLATED, -bits)
        self.unpacker = zlib.decompressobj(-12)

    def pack(self, data: bytes) -> bytes:
        return (self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)

    def say(self, data: bytes) -> None:
        self.send(frame(TEXT, self.pack(data), rsv=4))

    def hear(self) -> tuple[int, bytes]:
        """How many bytes came, and the text."""
        first, payload = self.read_raw()
        assert first == 0x80 | 0x40 | TEXT
        return len(payload), self.unpacker.decompress(payload + TAIL)


def test_what_is_agreed_on(echo):
    with Packed(echo.port) as client:
        said = client.fields["sec-websocket-extensions"]
        assert said == "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"
    with Raw(echo.port) as client:
        assert "sec-websocket-extensions" not in client.fields


def test_each_goes_on_from_those_before(echo):
    text = b"a text that is long enough to be worth it, and as good as the same each time: %d" * 2
    with Packed(echo.port) as client:
        client.say(text.replace(b"%d", b"1"))
        first, got = client.hear()
        assert got == text.replace(b"%d", b"1")
        client.say(text.replace(b"%d", b"2"))
        second, got = client.hear()
        assert got == text.replace(b"%d", b"2") and second < first / 2


def test_short_messages_are_sent_as_they_are(echo):
    with Packed(echo.port) as client:
        client.say(b"short")
        assert client.read() == (TEXT, b"short")
        client.send(frame(TEXT, b"plain"))
        assert client.read() == (TEXT, b"plain")


def test_fragments_of_a_compressed_message(echo):
    with Packed(echo.port) as client:
        text = random.Random(1).randbytes(200).hex().encode()
        packed = client.pack(text)
        client.send(frame(TEXT, packed[:10], fin=False, rsv=4) + frame(0, packed[10:20], fin=False))
        client.send(frame(0, packed[20:]))
        assert client.hear()[1] == text


def test_a_message_of_zeros_is_larger_than_it_seems(echo):
    """100,000 bytes are the limit of this server."""
    with Packed(echo.port) as client:
        client.send(frame(BINARY, client.pack(bytes(10_000_000)), rsv=4))
        assert client.read()[1][:2] == b"\x03\xf1"


@pytest.mark.parametrize("packed", [b"\xff\xff\xff\xff", b"\x06\x07\x07"])
def test_what_is_not_compressed_so_breaks_the_protocol(echo, packed):
    with Packed(echo.port) as client:
        client.send(frame(TEXT, packed, rsv=4))
        opcode, payload = client.read()
        assert (opcode, payload[:2]) == (CLOSE, b"\x03\xea")


def test_text_is_checked_when_it_is_unpacked(echo):
    with Packed(echo.port) as client:
        client.send(frame(TEXT, client.pack(b"\xff" * 100), rsv=4))
        opcode, payload = client.read()
        assert (opcode, payload[:2]) == (CLOSE, b"\x03\xef")


def test_a_message_of_many_last_blocks_costs_little(echo):
    """Each pair of bytes ends a stream. It is unpacked before its sender could send much more."""
    with Packed(echo.port) as client:
        client.say(b"x" * 40000)
        assert client.hear()[1] == b"x" * 40000
        client.send(frame(TEXT, b"\x03\x00" * 40000 + b"\x00", rsv=4))
        assert client.read() == (TEXT, b"")


def test_more_clients_than_a_worker_has_streams(echo):
    """Each goes on from its own messages, whoever has used the streams meanwhile."""

    async def talk(number: int) -> None:
        numbers = random.Random(number)
        address = f"ws://127.0.0.1:{echo.port}/"
        async with connect(address, compression="deflate", open_timeout=60) as client:
            said = client.response.headers["sec-websocket-extensions"]
            assert said.startswith("permessage-deflate")
            for i in range(5):
                text = f"{number} says {i}: " + "and so on " * numbers.randrange(5, 50)
                await client.send(text)
                assert await client.recv() == text

    async def all_of_them() -> None:
        await asyncio.gather(*(talk(number) for number in range(150)))

    asyncio.run(all_of_them())


@pytest.mark.parametrize(("ratio", "refused"), [("200", True), ("0", False), ("2000", False)])
def test_how_much_may_come_of_little(tmp_path, ratio, refused):
    """Zeros become a thousandth. 1 MiB may come of anything."""
    flags = ("--ws-max-ratio", ratio)
    with Fastrd("echo_app:app", HERE, *flags, log=tmp_path / "log") as server:
        with Packed(server.port) as client:
            client.say(bytes(1024 * 1024))
            assert client.hear()[1] == bytes(1024 * 1024)
            client.say(bytes(2 * 1024 * 1024))
            if refused:
                assert client.read()[1] == b"\x03\xf1message too large"
            else:
                assert client.hear()[1] == bytes(2 * 1024 * 1024)


def test_what_has_not_come_yet_does_not_count(tmp_path):
    """A frame's head promises much: nothing may come of a promise."""
    with Fastrd("echo_app:app", HERE, log=tmp_path / "log") as server:
        with Packed(server.port) as client:
            packed = client.pack(bytes(8 * 1024 * 1024))
            whole = frame(BINARY, packed + bytes(1_000_000), rsv=4)
            client.send(whole[: len(whole) - 1_000_000])
            assert client.read()[1] == b"\x03\xf1message too large"


def test_contexts_are_freed_at_rest_when_asked(tmp_path):
    text = b"a text that is long enough to be worth it, and as good as the same each time: %d" * 2
    flags = ("--ws-deflate-rest", "2")
    with Fastrd("echo_app:app", HERE, *flags, log=tmp_path / "log") as server:
        with Packed(server.port) as client:
            assert "client_no_context_takeover" in client.fields["sec-websocket-extensions"]
            sizes = []
            for pause in (0, 0, 5, 0):
                time.sleep(pause)
                client.packer = zlib.compressobj(6, zlib.DEFLATED, -12)
                client.say(text)
                size, got = client.hear()
                assert got == text
                sizes.append(size)
        assert sizes[1] < sizes[0] / 2 and sizes[2] == sizes[0] and sizes[3] == sizes[1]


def test_not_where_the_settings_say_so(tmp_path):
    flags = ("--ws-per-message-deflate", "false")
    with Fastrd("echo_app:app", HERE, *flags, log=tmp_path / "log") as server:
        with Packed(server.port) as client:
            assert "sec-websocket-extensions" not in client.fields
            client.send(frame(TEXT, b"a", rsv=4))
            assert client.read()[1][:2] == b"\x03\xea"
        with Raw(server.port) as client:
            client.send(close(1000))
            assert client.read() == (CLOSE, b"\x03\xe8")
