"""redis-py's asyncio client against a real Redis."""

from __future__ import annotations

import asyncio

import pytest
from on_loop import run
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import WatchError
from servers import Server


def client(server: Server, **more: object) -> Redis:
    return Redis(host="127.0.0.1", port=server.port, decode_responses=True, **more)


def test_concurrent_commands_over_a_small_pool(redis_server):
    async def main():
        pool = BlockingConnectionPool(
            host="127.0.0.1", port=redis_server.port, max_connections=5, timeout=10
        )
        async with Redis(connection_pool=pool) as redis:
            await asyncio.gather(*(redis.incr("counted") for _ in range(500)))
            assert int(await redis.get("counted")) == 500
        await pool.aclose()

    run(main)


def test_large_values_and_a_unix_socket(redis_server):
    async def main():
        data = bytes(range(256)) * 40000
        async with Redis(unix_socket_path=redis_server.redis_socket) as redis:
            await redis.set("large", data)
            got = await asyncio.gather(*(redis.get("large") for _ in range(4)))
            assert got == [data] * 4

    run(main)


def test_pipelines_and_transactions(redis_server):
    async def main():
        async with client(redis_server) as redis:
            async with redis.pipeline(transaction=False) as pipe:
                for n in range(5000):
                    pipe.set(f"many:{n}", n)
                    pipe.get(f"many:{n}")
                got = await pipe.execute()
            assert got[1::2] == [str(n) for n in range(5000)]
            async with redis.pipeline(transaction=True) as pipe:
                await pipe.watch("watched")
                await redis.set("watched", "changed")
                pipe.multi()
                pipe.set("watched", "lost")
                with pytest.raises(WatchError):
                    await pipe.execute()
            assert await redis.get("watched") == "changed"

    run(main)


def test_publish_and_subscribe(redis_server):
    async def main():
        async with client(redis_server) as redis, redis.pubsub() as channel:
            await channel.subscribe("news")
            heard: list[str] = []
            ready = asyncio.Event()

            async def listen() -> None:
                async for message in channel.listen():
                    if message["type"] == "subscribe":
                        ready.set()
                    elif message["data"] == "end":
                        return
                    else:
                        heard.append(message["data"])

            listener = asyncio.create_task(listen())
            await ready.wait()
            for n in range(200):
                await redis.publish("news", n)
            await redis.publish("news", "end")
            await asyncio.wait_for(listener, 5)
            assert heard == [str(n) for n in range(200)]

    run(main)


def test_a_cancelled_command_leaves_the_client_usable(redis_server):
    async def main():
        async with client(redis_server) as redis:
            for _ in range(5):
                waiting = [asyncio.create_task(redis.blpop("never", 60)) for _ in range(5)]
                await asyncio.sleep(0.02)
                for task in waiting:
                    task.cancel()
                ended = await asyncio.gather(*waiting, return_exceptions=True)
                assert all(isinstance(e, asyncio.CancelledError) for e in ended)
                got = await asyncio.gather(*(redis.echo(str(n)) for n in range(20)))
                assert got == [str(n) for n in range(20)]
            # Long enough to be past the connection: redis-py loses a cancellation that comes
            # before, on asyncio's own loop, too.
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await redis.blpop("never", 60)
            assert await redis.ping()

    run(main)


def test_a_connection_the_server_ends_is_replaced(redis_server):
    async def main():
        async with client(redis_server) as redis, client(redis_server) as other:
            number = await redis.client_id()
            await other.client_kill_filter(_id=number)
            assert await redis.ping()
            assert await redis.client_id() != number
            async with redis.pubsub() as channel:
                await channel.subscribe("quiet")
                assert (await channel.get_message(timeout=5))["type"] == "subscribe"
                assert await channel.get_message(timeout=0.05) is None

    run(main)


def test_nobody_listens_there():
    async def main():
        async with Redis(unix_socket_path="/nonexistent", retry=None) as redis:
            with pytest.raises(RedisConnectionError):
                await redis.ping()

    run(main)
