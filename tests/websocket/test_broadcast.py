"""fastrapi.broadcast(): who gets a message, who is left out, what is compressed once, and who waits."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
from raw import BINARY, TEXT, Raw, frame
from server import PATIENCE, Fastrd
from test_deflate import TAIL
from websockets.asyncio.client import connect

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    log = tmp_path_factory.mktemp("room") / "log"
    with Fastrd("room_app:app", HERE, "--ws-ping-interval", "0", log=log) as server:
        yield server.port


@pytest.fixture(scope="module", params=["fastrd", "uvicorn"])
def any_room(
    request: pytest.FixtureRequest, room: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[int]:
    if request.param == "fastrd":
        yield room
        return
    port = servers.free_port()
    command = [*servers.uvicorn("room_app:app", HERE, port), "--ws", "websockets-sansio"]
    with servers.serving(command, port, tmp_path_factory.mktemp("uvicorn") / "log", {}):
        yield port


class Member(Raw):
    """With the context of what it gets, compressed or not."""

    def __init__(self, port: int, path: str = "/member", offer: str = "") -> None:
        fields = [f"Sec-WebSocket-Extensions: permessage-deflate{offer}"] if offer is not None else []
        super().__init__(port, path, *fields)
        self.anew = "server_no_context_takeover" in self.fields.get("sec-websocket-extensions", "")
        self.unpacker = zlib.decompressobj(-15)
        self.size = 0

    def command(self, **what: Any) -> None:
        self.send(frame(TEXT, json.dumps(what).encode()))

    def hear(self) -> bytes:
        """The next message; ``size`` is how many bytes of it came."""
        first, payload = self.read_raw()
        self.size = len(payload)
        if first & 0x40:
            if self.anew:
                self.unpacker = zlib.decompressobj(-15)
            return self.unpacker.decompress(payload + TAIL)
        return payload


def plain(port: int, path: str) -> Member:
    return Member(port, path, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["short", "ü" * 200, "x" * 70000])
def test_all_who_are_connected_get_it(any_room, text):
    ways = ["/member", "/raw/", "/shared", "/member"]
    people = [plain(any_room, way) for way in ways]
    people[0].command(say=text)
    for person in people:
        assert person.read() == (TEXT, text.encode())
    assert people[0].hear() == b"sent 4"
    people[0].command(say=text, bytes=True)
    for person in people:
        assert person.read() == (BINARY, text.encode())
    assert people[0].hear() == b"sent 4"
    leave(people)


def leave(people: list[Member]) -> None:
    """And wait until the room is as empty as it then has to be."""
    with plain(people[0].socket.getpeername()[1], "/count") as other:
        other.command()
        left = int(other.hear()) - len(people)
        for person in people:
            person.socket.close()
        for _ in range(200 * PATIENCE):
            other.command()
            if int(other.hear()) == left:
                return
            time.sleep(0.05)
    raise AssertionError("they have not left")


def test_what_sends_in_its_own_way_does_so(any_room):
    people = [plain(any_room, way) for way in ("/member", "/own", "/wrapped/", "/patched")]
    people[0].command(say="hello")
    assert people[0].hear() == b"hello"
    assert people[1].hear() == b"own hello"
    assert people[2].hear() == b"relayed hello"
    assert people[3].hear() == b"patched hello"
    assert people[0].hear() == b"sent 4"
    leave(people)


def test_what_sends_by_another_does_so(any_room):
    """The method is Starlette's own, and that of another WebSocket."""
    people = [plain(any_room, way) for way in ("/member", "/lent")]
    people[0].command(say="hello")
    assert [people[0].hear() for _ in range(3)] == [b"hello", b"hello", b"sent 2"]
    leave(people)


def test_what_sends_by_the_server_itself_shares_it(room):
    """The engine gives it to all that send as Starlette's WebSocket does, and to no other."""
    people = [plain(room, way) for way in ("/member", "/shared", "/raw/", "/member", "/own", "/wrapped/")]
    with plain(room, "/count") as other:
        other.send(frame(TEXT, b"engine"))
        assert json.loads(other.hear()) == [4, 0, 2]
    assert [one.hear() for one in people[:4]] == [b"hello"] * 4
    leave(people)


def test_who_is_closed_or_not_yet_accepted_is_left_out(any_room):
    async def talk() -> None:
        base = f"ws://127.0.0.1:{any_room}"
        async with connect(base + "/member") as first, connect(base + "/member") as second:
            closed = await connect(base + "/closed")
            await closed.wait_closed()
            pending = asyncio.ensure_future(connect(base + "/pending"))
            await asyncio.sleep(0.3 * PATIENCE)
            await first.send('{"say": "hello"}')
            assert [await first.recv(), await first.recv(), await second.recv()] == ["hello", "sent 2", "hello"]
            async with connect(base + "/on"):
                await pending
        await asyncio.sleep(0.1)

    asyncio.run(talk())


def test_one_that_fails_stops_nobody(any_room):
    people = [plain(any_room, "/member") for _ in range(3)]
    people[0].command(say="hello", broken=True)
    for person in people:
        assert person.hear() == b"hello"
    assert people[0].hear() == b"failed ['LookupError', 'LookupError']"
    leave(people)


def test_a_message_is_text_or_bytes():
    from fastrapi import broadcast

    with pytest.raises(TypeError, match="str or bytes, not dict"):
        asyncio.run(broadcast([], {}))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="neither a WebSocket nor a send: int"):
        asyncio.run(broadcast([1], "a"))  # type: ignore[list-item]
    with pytest.raises(UnicodeEncodeError):
        asyncio.run(broadcast([], "\ud800"))
    assert asyncio.run(broadcast([], memoryview(b"a"))) == 0  # type: ignore[arg-type]


OFFERS = [
    "", "; server_no_context_takeover", "; client_max_window_bits; server_max_window_bits=9",
    "; server_max_window_bits=10; server_no_context_takeover", "; server_max_window_bits=11",
]  # fmt: skip


def test_each_window_goes_on_from_what_its_client_got(room):
    """Broadcasts and messages for one, mixed; members come and go."""
    numbers = random.Random(20)
    people: list[Member] = []
    for i in range(300):
        if len(people) < 3 or numbers.random() < 0.05:
            offer = numbers.choice(OFFERS) if numbers.random() < 0.9 else None
            people.append(Member(room, "/member", offer))  # type: ignore[arg-type]
        person = numbers.choice(people)
        words = numbers.choices("a chat in which words come again and again".split(), k=numbers.choice([2, 30, 3000]))
        text = f"{i}: {' '.join(words)}"
        if numbers.random() < 0.4:
            person.command(echo=text)
            assert person.hear() == text.encode()
        else:
            person.command(say=text)
            assert [one.hear() for one in people] == [text.encode()] * len(people)
            assert person.hear() == f"sent {len(people)}".encode()
        if len(people) > 12:
            leave(people[:4])
            del people[:4]
    leave(people)


def test_a_broadcast_goes_on_from_the_one_before(room):
    """Who has come since gets one that refers to nothing, and goes on with the others."""
    text = " ".join(random.Random(3).choices("all that anybody says in rooms like this".split(), k=60)) + " %d"
    people = [Member(room), Member(room)]
    for i in range(3):
        people[0].command(say=text % i)
        assert [one.hear() for one in people] == [(text % i).encode()] * len(people)
        sizes = [one.size for one in people]
        assert people[0].hear().startswith(b"sent")
        if i == 0:
            whole = sizes[0]
            assert sizes == [whole, whole]
        elif i == 1:
            assert sizes[0] == sizes[1] < whole * 0.6
            people.append(Member(room))
        else:
            assert sizes == [sizes[0], sizes[0], whole] and sizes[0] < whole * 0.6
    people[0].command(say=text % 4)
    assert [one.hear() for one in people] == [(text % 4).encode()] * 3
    assert people[0].size == people[2].size < whole * 0.6
    leave(people)


def test_who_is_slow_does_not_get_it_where_nobody_waits(room):
    first, slow = plain(room, "/member"), plain(room, "/member")
    for n in range(1000):
        first.command(say="x", times=500_000, wait=False)
        assert len(first.hear()) == 500_000
        if first.hear() == b"sent 1":
            break
    else:
        raise AssertionError("it is never full")
    for _ in range(n):
        assert len(slow.hear()) == 500_000
    for _ in range(100 * PATIENCE):
        first.command(say="room again", wait=False)
        assert first.hear() == b"room again"
        if first.hear() == b"sent 2":
            break
        time.sleep(0.05)
    assert slow.hear() == b"room again"
    leave([first, slow])


def test_who_is_slow_is_waited_for_when_the_others_have_it(room):
    first, slow = plain(room, "/member"), plain(room, "/member")
    first.socket.settimeout(1)
    n = 0
    with pytest.raises(TimeoutError):
        while True:
            first.command(say=f"{n} ", times=100_000)
            assert first.hear().startswith(f"{n} ".encode())
            n += 1
            assert first.hear() == b"sent 2"
    for i in range(n):
        assert slow.hear() == f"{i} ".encode() * 100_000
    first.socket.settimeout(20 * PATIENCE)
    assert first.hear() == b"sent 2"
    leave([first, slow])


def test_who_leaves_while_it_is_waited_for_stops_nobody(room):
    first, slow = plain(room, "/member"), plain(room, "/member")
    first.socket.settimeout(1)
    with pytest.raises(TimeoutError):
        while True:
            first.command(say="x", times=500_000)
            assert len(first.hear()) == 500_000
            assert first.hear() == b"sent 2"
    first.socket.settimeout(20 * PATIENCE)
    leave([slow])
    assert first.hear() == b"sent 1"
    leave([first])


def test_in_the_test_client():
    sys.path.insert(0, str(HERE))
    from room_app import app
    from starlette.testclient import TestClient

    with TestClient(app) as client, client.websocket_connect("/member") as first:
        with client.websocket_connect("/raw/") as second:
            first.send_json({"say": "hello"})
            assert [first.receive_text(), first.receive_text()] == ["hello", "sent 2"]
            assert second.receive_text() == "hello"


def test_it_needs_no_compiled_part():
    script = (
        "import asyncio, sys\n"
        "sys.modules['fastrapi._engine'] = None\n"
        "from fastrapi import broadcast\n"
        "async def send(message): print(message)\n"
        "async def gone(message): raise OSError\n"
        "print(asyncio.run(broadcast([send, gone], 'a')))\n"
        "assert not {'starlette', 'fastapi'} & sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["{'type': 'websocket.send', 'text': 'a'}", "1"]
