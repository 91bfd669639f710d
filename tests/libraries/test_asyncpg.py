"""asyncpg against a real PostgreSQL."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from on_loop import run
from servers import Server


@asynccontextmanager
async def pool_of(server: Server, size: int = 5, **more: object) -> AsyncIterator[asyncpg.Pool]:
    """A pool over TCP that must have all of its connections back at the end."""
    async with asyncpg.create_pool(
        port=server.port, user="tester", database="postgres", min_size=size, max_size=size,
        **{"host": "127.0.0.1", "ssl": False, **more},
    ) as pool:  # fmt: skip
        yield pool
        assert pool.get_idle_size() == pool.get_size()


def test_a_pool_smaller_than_its_users_serves_them_all(postgres):
    async def main():
        async with pool_of(postgres) as pool:
            got = await asyncio.gather(*(pool.fetchval("SELECT $1::int * 2", n) for n in range(300)))
            assert got == [2 * n for n in range(300)]

    run(main)


def test_large_results_and_parameters(postgres):
    async def main():
        async with pool_of(postgres, 2) as pool:
            rows = await pool.fetch("SELECT n, repeat('x', 1000) FROM generate_series(1, 5000) n")
            assert [row[0] for row in rows] == list(range(1, 5001))
            data = bytes(range(256)) * 20000
            assert await pool.fetchval("SELECT $1::bytea", data) == data

    run(main)


def test_a_transaction_is_all_or_nothing(postgres):
    async def main():
        async with pool_of(postgres, 2) as pool:
            await pool.execute("CREATE TABLE account (id int PRIMARY KEY, money int CHECK (money >= 0))")
            await pool.execute("INSERT INTO account SELECT n, 100 FROM generate_series(1, 2) n")

            async def pay(amount: int) -> None:
                async with pool.acquire() as conn, conn.transaction():
                    await conn.execute("UPDATE account SET money = money + $1 WHERE id = 1", amount)
                    await conn.execute("UPDATE account SET money = money - $1 WHERE id = 2", amount)

            ended = await asyncio.gather(*(pay(30) for _ in range(5)), return_exceptions=True)
            assert sum(isinstance(e, asyncpg.CheckViolationError) for e in ended) == 2
            rows = await pool.fetch("SELECT money FROM account ORDER BY id")
            assert [row["money"] for row in rows] == [190, 10]
            async with pool.acquire() as conn, conn.transaction():
                with pytest.raises(ZeroDivisionError):
                    async with conn.transaction():
                        await conn.execute("UPDATE account SET money = 0")
                        raise ZeroDivisionError
                assert await conn.fetchval("SELECT sum(money) FROM account") == 200

    run(main)


def test_a_cursor_streams_inside_a_transaction(postgres):
    async def main():
        async with pool_of(postgres, 1) as pool, pool.acquire() as conn, conn.transaction():
            total = 0
            async for row in conn.cursor("SELECT n FROM generate_series(1, 1000) n", prefetch=7):
                total += row["n"]
            assert total == 500500

    run(main)


def test_listen_and_notify(postgres):
    async def main():
        async with pool_of(postgres, 2) as pool, pool.acquire() as listener:
            heard: asyncio.Queue[str] = asyncio.Queue()

            def on_notice(_conn, _pid, _channel, text):
                heard.put_nowait(text)

            await listener.add_listener("news", on_notice)
            for n in range(100):
                await pool.execute("SELECT pg_notify('news', $1)", str(n))
            got = [await asyncio.wait_for(heard.get(), 5) for _ in range(100)]
            assert got == [str(n) for n in range(100)]
            await listener.remove_listener("news", on_notice)

    run(main)


def test_copy_in_and_out(postgres):
    async def main():
        async with pool_of(postgres, 1) as pool, pool.acquire() as conn:
            await conn.execute("CREATE TEMP TABLE copied (n int, t text)")
            records = [(n, "é" * (1 + n % 50)) for n in range(20000)]
            assert await conn.copy_records_to_table("copied", records=records) == "COPY 20000"
            pieces: list[bytes] = []

            async def collect(piece: bytes) -> None:
                await asyncio.sleep(0)
                pieces.append(piece)

            await conn.copy_from_query(
                "SELECT * FROM copied ORDER BY n", output=collect, format="csv"
            )
            assert b"".join(pieces).decode() == "".join(f"{n},{t}\n" for n, t in records)

    run(main)


def test_a_cancelled_query_leaves_the_pool_usable(postgres):
    async def main():
        async with pool_of(postgres, 3) as pool:
            for _ in range(5):
                tasks = [asyncio.create_task(pool.execute("SELECT pg_sleep(60)")) for _ in range(6)]
                await asyncio.sleep(0.02)
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
                assert all(isinstance(e, asyncio.CancelledError) for e in ended)
                got = await asyncio.gather(*(pool.fetchval("SELECT $1::int", n) for n in range(20)))
                assert got == list(range(20))
            query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND state = 'active'"
            while await pool.fetchval(query):
                await asyncio.sleep(0.01)

    run(main)


def test_time_outs_of_queries_and_of_waiting_for_a_connection(postgres):
    async def main():
        async with pool_of(postgres, 1) as pool:
            with pytest.raises(TimeoutError):
                await pool.execute("SELECT pg_sleep(60)", timeout=0.05)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await pool.execute("SELECT pg_sleep(60)")
            async with pool.acquire():
                with pytest.raises(TimeoutError):
                    await pool.acquire(timeout=0.05)
            assert await pool.fetchval("SELECT 1") == 1

    run(main)


def test_a_connection_the_server_ends_is_replaced(postgres):
    async def main():
        async with pool_of(postgres, 2) as pool:
            async with pool.acquire() as victim:
                query = asyncio.create_task(victim.execute("SELECT pg_sleep(60)"))
                await asyncio.sleep(0.02)
                await pool.execute("SELECT pg_terminate_backend($1)", victim.get_server_pid())
                with pytest.raises(asyncpg.PostgresError, match="administrator"):
                    await query
            assert await asyncio.gather(*(pool.fetchval("SELECT 2") for _ in range(9))) == [2] * 9

    run(main)


def test_over_tls_and_over_a_unix_socket(postgres):
    query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"

    async def main():
        context = ssl.create_default_context(cafile=str(postgres.directory / "cert.pem"))
        async with pool_of(postgres, 3, ssl=context) as pool:
            assert await asyncio.gather(*(pool.fetchval(query) for _ in range(30))) == [True] * 30
            data = "ü" * 1_000_000
            assert await pool.fetchval("SELECT $1::text", data) == data
        async with pool_of(postgres, 3, host=str(postgres.directory)) as pool:
            assert await pool.fetchval(query) is False

    run(main)
