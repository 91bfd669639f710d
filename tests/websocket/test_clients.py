"""`websockets` and `aiohttp` as they are out of the box, and with what they can be asked for."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
import websockets.asyncio.client
import websockets.sync.client
from aiohttp import WSMsgType
from server import PATIENCE, Fastrd
from websockets.exceptions import ConnectionClosed, InvalidStatus

HERE = Path(__file__).parent
MESSAGES = ["a", b"\0\xff", "", b"", "ü€😀" * 30000, bytes(range(256)) * 1000, '{"k": "v", "n": 1}' * 50]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fastrd]:
    log = tmp_path_factory.mktemp("clients") / "log"
    with Fastrd("clients_app:app", HERE, "--ws-max-size", "1000000", log=log) as server:
        yield server


def test_websockets_as_it_is(served):
    async def talk() -> None:
        address = f"ws://127.0.0.1:{served.port}/"
        async with websockets.asyncio.client.connect(address, subprotocols=["one", "two"]) as client:
            assert client.subprotocol == "two"
            assert [type(e).__name__ for e in client.protocol.extensions] == ["PerMessageDeflate"]
            for _ in range(2):  # what the first ones left in the windows is used by the others
                for message in MESSAGES:
                    await client.send(message)
                    assert await client.recv() == message
            await client.send(["in ", "three ", "parts"])
            assert await client.recv() == "in three parts"
            assert await asyncio.wait_for(await client.ping(), 20 * PATIENCE) >= 0
            await asyncio.gather(*(client.send(f"{i}") for i in range(1000)))
            assert [await client.recv() for _ in range(1000)] == [f"{i}" for i in range(1000)]
            await client.send("close 4001 as you wish")
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert (client.close_code, client.close_reason) == (4001, "as you wish")
        with pytest.raises(InvalidStatus) as refused:
            await websockets.asyncio.client.connect(address + "refused")
        assert refused.value.response.status_code == 403

    asyncio.run(talk())


def test_websockets_in_threads(served):
    with websockets.sync.client.connect(f"ws://127.0.0.1:{served.port}/") as client:
        for message in MESSAGES:
            client.send(message)
            assert client.recv(20 * PATIENCE) == message
        assert client.ping().wait(20 * PATIENCE)
        client.close(4002, "sync")
    served.wait_log("disconnect 4002 sync")


@pytest.mark.parametrize("compress", [0, 9, 15])
def test_aiohttp(served, compress):
    async def talk() -> None:
        options = {"compress": compress, "protocols": ["p"], "max_msg_size": 0}
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{served.port}") as session,
            session.ws_connect("/", **options) as client,
        ):
            assert client.protocol == "p" and client.compress == (12 if compress else 0)
            for _ in range(2):
                for message in MESSAGES:
                    if isinstance(message, str):
                        await client.send_str(message)
                        assert await client.receive_str(timeout=20 * PATIENCE) == message
                    else:
                        await client.send_bytes(message)
                        assert await client.receive_bytes(timeout=20 * PATIENCE) == message
            await client.close(code=4000 + compress, message=b"aio")
            assert client.close_code == 4000 + compress

    asyncio.run(talk())
    served.wait_log(f"disconnect {4000 + compress} aio")


def test_aiohttp_pings_and_is_closed(served):
    async def talk() -> None:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{served.port}") as session:
            async with session.ws_connect("/", autoping=False) as client:
                await client.ping(b"there?")
                answer = await client.receive(20 * PATIENCE)
                assert (answer.type, bytes(answer.data)) == (WSMsgType.PONG, b"there?")
                await client.send_str("close 3999 why")
                last = await client.receive(20 * PATIENCE)
                assert (last.type, last.data, last.extra) == (WSMsgType.CLOSE, 3999, "why")
            async with session.ws_connect("/", max_msg_size=0) as client:
                await client.send_bytes(bytes(1000001))
                last = await client.receive(20 * PATIENCE)
                assert (last.type, last.data) == (WSMsgType.CLOSE, 1009)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect("/refused")
            assert refused.value.status == 403

    asyncio.run(talk())


def test_aiohttp_with_a_heartbeat_of_its_own_and_the_servers(tmp_path):
    flags = ("--ws-ping-interval", "1", "--ws-ping-timeout", "1")

    async def talk() -> None:
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
            session.ws_connect("/", heartbeat=0.3) as client,
        ):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.receive(), 2.5)  # which answers pings, and hides them
            await client.send_str("still here")
            assert await client.receive_str(timeout=20 * PATIENCE) == "still here"
            server.signal(signal.SIGTERM)
            last = await client.receive(20 * PATIENCE)
            assert (last.type, last.data) == (WSMsgType.CLOSE, 1012)

    with Fastrd("clients_app:app", HERE, *flags, log=tmp_path / "log") as server:
        asyncio.run(talk())
        assert server.process is not None and server.process.wait(20 * PATIENCE) == 0
