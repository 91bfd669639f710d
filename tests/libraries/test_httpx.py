"""httpx and anyio as clients of servers that run on the same loop, over TCP and TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
import uvicorn
from anyio.streams.buffered import BufferedByteReceiveStream
from anyio.streams.tls import TLSListener
from on_loop import run

SEEN: set[object] = set()


async def application(scope, receive, send):
    """Echoes the content; /slow sleeps, /large streams 10 MB, /cut ends in the middle."""
    assert scope["type"] == "http"
    SEEN.add(scope["client"])
    content = b""
    while True:
        message = await receive()
        content += message["body"]
        if not message["more_body"]:
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(60)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/cut":
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ConnectionAbortedError("on purpose")
    if scope["path"] == "/large":
        for n in range(100):
            await send({"type": "http.response.body", "body": bytes([n]) * 100_000, "more_body": True})
    await send({"type": "http.response.body", "body": content or scope["path"].encode()})


@asynccontextmanager
async def serving(**options: object) -> AsyncIterator[int]:
    """uvicorn on the running loop; yields its port."""
    config = uvicorn.Config(application, port=0, lifespan="off", log_level="critical", **options)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        server.force_exit = True
        await task


@pytest.fixture(params=["tcp", "tls"])
def options(request: pytest.FixtureRequest, certificate) -> tuple[dict[str, object], ssl.SSLContext | None]:
    """What the server needs and how the client trusts it (None: no TLS)."""
    if request.param == "tcp":
        return {}, None
    key, cert = certificate
    return {"ssl_keyfile": key, "ssl_certfile": cert}, ssl.create_default_context(cafile=str(cert))


@asynccontextmanager
async def client_and_server(options, **more: object) -> AsyncIterator[httpx.AsyncClient]:
    there, trusted = options
    async with serving(**there) as port:
        base = f"{'https' if trusted else 'http'}://localhost:{port}"
        verify = trusted or False
        async with httpx.AsyncClient(base_url=base, verify=verify, trust_env=False, **more) as client:
            yield client


def test_200_requests_at_once_share_20_connections(options):
    async def main():
        SEEN.clear()
        limits = httpx.Limits(max_connections=20, max_keepalive_connections=20, keepalive_expiry=None)
        async with client_and_server(options, limits=limits, timeout=20) as client:

            async def ask(n: int) -> bool:
                data = str(n).encode() * 1000
                return (await client.post("/", content=data)).content == data

            for _ in range(2):
                assert all(await asyncio.gather(*(ask(n) for n in range(200))))
            assert len(SEEN) <= 20

    run(main)


def test_large_answers_stream_and_a_slow_reader_holds_the_server_back(options):
    async def main():
        async with client_and_server(options) as client:

            async def read() -> int:
                total = 0
                async with client.stream("GET", "/large") as response:
                    async for piece in response.aiter_bytes(65536):
                        total += len(piece)
                        await asyncio.sleep(0)
                return total

            assert await asyncio.gather(*(read() for _ in range(4))) == [10_000_006] * 4

    run(main)


def test_time_outs_and_cancelling_leave_the_client_usable(options):
    async def main():
        async with client_and_server(options) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get("/slow", timeout=httpx.Timeout(20, read=0.1))
            tasks = [asyncio.create_task(client.get("/slow")) for _ in range(20)]
            await asyncio.sleep(0.1)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(e, asyncio.CancelledError) for e in ended)
            with anyio.move_on_after(0.05) as scope:
                await client.get("/slow")
            assert scope.cancelled_caught
            answers = await asyncio.gather(*(client.get(f"/{n}") for n in range(20)))
            assert [a.text for a in answers] == [f"/{n}" for n in range(20)]

    run(main)


def test_an_answer_that_is_cut_is_an_error(options):
    async def main():
        async with client_and_server(options) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get("/cut")
            assert (await client.get("/whole")).text == "/whole"

    run(main)


def test_a_certificate_nobody_vouches_for_is_refused(certificate):
    key, cert = certificate

    async def main():
        there = {"ssl_keyfile": key, "ssl_certfile": cert}
        async with client_and_server((there, ssl.create_default_context())) as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get("/")

    run(main)


def test_anyio_streams_both_ways(certificate):
    key, cert = certificate

    async def main():
        there = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        there.load_cert_chain(cert, key)

        async def echo(stream: anyio.abc.ByteStream) -> None:
            async with stream:
                async for data in stream:
                    await stream.send(data)

        tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
        port = tcp.extra(anyio.abc.SocketAttribute.local_port)
        listener = TLSListener(tcp, there)
        trusted = ssl.create_default_context(cafile=str(cert))
        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, echo)
            stream = await anyio.connect_tcp("localhost", port, ssl_context=trusted)
            async with stream:
                group.start_soon(stream.send, b"x" * 3_000_000)
                received = BufferedByteReceiveStream(stream)
                assert await received.receive_exactly(3_000_000) == b"x" * 3_000_000
            group.cancel_scope.cancel()
        await listener.aclose()

    run(main)


def test_a_blocking_client_works_in_a_thread(options):
    async def main():
        there, trusted = options
        async with serving(**there) as port:
            base = f"{'https' if trusted else 'http'}://localhost:{port}"

            def ask() -> list[str]:
                with httpx.Client(base_url=base, verify=trusted or False, trust_env=False) as client:
                    return [client.get(f"/{n}").text for n in range(20)]

            got = await asyncio.gather(*(anyio.to_thread.run_sync(ask) for _ in range(4)))
            assert got == [[f"/{n}" for n in range(20)]] * 4

    run(main)
