"""An application as people write them: pools made by the lifespan, dependencies with yield."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import asyncpg
import httpx
import psycopg
from fastapi import Depends, FastAPI, HTTPException, Request
from psycopg_pool import ConnectionPool
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

SIZE = 5
logging.getLogger("httpx").setLevel("WARNING")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    name = os.environ["CONNECTION_NAME"]
    directory, port = os.environ["PG_SOCKET"], int(os.environ["PG_PORT"])
    info = f"host={directory} port={port} user=tester dbname=postgres application_name={name}"
    engine = create_async_engine(
        f"postgresql+asyncpg://tester@127.0.0.1:{port}/postgres?ssl=disable",
        pool_size=SIZE, max_overflow=0, connect_args={"server_settings": {"application_name": name}},
    )  # fmt: skip
    async with (
        asyncpg.create_pool(
            host=directory, port=port, user="tester", database="postgres", min_size=SIZE,
            max_size=SIZE, server_settings={"application_name": name},
        ) as pool,
        Redis(
            unix_socket_path=os.environ["REDIS_SOCKET"], client_name=name, decode_responses=True
        ) as redis,
        httpx.AsyncClient(trust_env=False) as client,
    ):  # fmt: skip
        with ConnectionPool(info, min_size=SIZE, max_size=SIZE) as threads:
            yield {
                "pool": pool, "redis": redis, "engine": engine, "client": client, "threads": threads,
                "session": async_sessionmaker(engine),
            }  # fmt: skip
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


async def transaction(request: Request) -> AsyncIterator[asyncpg.Connection]:
    """A connection in a transaction; rolled back when the endpoint fails."""
    async with request.state.pool.acquire() as conn, conn.transaction():
        yield conn


async def session(request: Request) -> AsyncIterator[AsyncSession]:
    async with request.state.session() as db, db.begin():
        yield db


def blocking(request: Request) -> Iterator[psycopg.Connection]:
    with request.state.threads.connection() as conn:
        yield conn


async def redis(request: Request) -> Redis:
    return request.state.redis


Transaction = Annotated[asyncpg.Connection, Depends(transaction)]
Session = Annotated[AsyncSession, Depends(session)]
Blocking = Annotated[psycopg.Connection, Depends(blocking)]
RedisClient = Annotated[Redis, Depends(redis)]


@app.get("/asyncpg/{n}")
async def by_asyncpg(n: int, db: Transaction) -> int:
    return await db.fetchval("SELECT $1::int * 2", n)


@app.get("/sqlalchemy/{n}")
async def by_sqlalchemy(n: int, db: Session) -> int:
    return (await db.execute(text("SELECT CAST(:n AS int) * 2"), {"n": n})).scalar_one()


@app.get("/blocking/{n}")
def by_psycopg(n: int, db: Blocking) -> int:
    return db.execute("SELECT %s * 2", (n,)).fetchone()[0]


@app.get("/redis/{n}")
async def by_redis(n: int, db: RedisClient) -> int:
    async with db.pipeline() as pipe:
        pipe.set(f"n:{n}", n * 2)
        pipe.get(f"n:{n}")
        return int((await pipe.execute())[1])


@app.get("/all/{n}")
async def by_all(n: int, db: Transaction, other: Session, cache: RedisClient, request: Request) -> int:
    """Everything at once, and a request to this very server."""
    async with asyncio.TaskGroup() as group:
        one = group.create_task(by_asyncpg(n, db))
        two = group.create_task(by_sqlalchemy(n, other))
        three = group.create_task(by_redis(n, cache))
        # Anew each time: a kept connection may be closed by a reload just now.
        once = {"Connection": "close"}
        answer = await request.state.client.get(f"{request.base_url}redis/{n}", headers=once)
    assert one.result() == two.result() == three.result() == answer.json()
    return one.result()


@app.post("/note/{n}")
async def note(n: int, db: Transaction, fail: bool = False) -> None:
    await db.execute("INSERT INTO note VALUES ($1)", n)
    if fail:
        raise HTTPException(409, "rolled back")


@app.get("/sleep")
async def sleep(s: float, db: Transaction) -> None:
    await db.execute("SELECT pg_sleep($1)", s)


@app.get("/give-up")
async def give_up(db: Transaction) -> str:
    try:
        async with asyncio.timeout(0.05):
            await db.execute("SELECT pg_sleep(60)")
    except TimeoutError:
        return "gave up"
    return "slept"


@app.get("/pools")
async def pools(request: Request) -> dict[str, int]:
    """Connections that somebody has out."""
    state = request.state
    threads = state.threads.get_stats()
    return {
        "asyncpg": state.pool.get_size() - state.pool.get_idle_size(),
        "sqlalchemy": state.engine.pool.checkedout(),
        "blocking": threads["pool_size"] - threads["pool_available"],
    }
