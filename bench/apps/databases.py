"""One row from PostgreSQL, one increment in Redis; $BENCH_POSTGRES and $BENCH_REDIS lead there."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import redis.asyncio
from fastapi import FastAPI

CREATE = """
CREATE TABLE IF NOT EXISTS item (id int PRIMARY KEY, name text NOT NULL, price float8 NOT NULL);
INSERT INTO item SELECT i, 'item number ' || i, i * 1.25 FROM generate_series(1, 20) i ON CONFLICT DO NOTHING;
"""


async def postgres_pool() -> asyncpg.Pool:
    """A pool on the database, which then has its twenty rows."""
    pool = await asyncpg.create_pool(os.environ["BENCH_POSTGRES"], min_size=16, max_size=16)
    await pool.execute(CREATE)
    return pool


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = app.state.redis = None
    if "BENCH_POSTGRES" in os.environ:
        app.state.pool = await postgres_pool()
    if "BENCH_REDIS" in os.environ:
        app.state.redis = redis.asyncio.from_url(os.environ["BENCH_REDIS"])
        await app.state.redis.delete("counter")
    yield


app = FastAPI(lifespan=lifespan)


@app.get("/row/{number}")
async def row(number: int) -> dict[str, object]:
    return dict(await app.state.pool.fetchrow("SELECT id, name, price FROM item WHERE id = $1", number))


@app.get("/increment")
async def increment() -> dict[str, bool]:
    return {"counted": await app.state.redis.incr("counter") > 0}
