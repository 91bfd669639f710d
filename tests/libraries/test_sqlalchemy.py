"""SQLAlchemy's asyncio engine on aiosqlite and on asyncpg; aiosqlite, psycopg and aiofiles alone."""

from __future__ import annotations

import asyncio
import sqlite3

import aiofiles
import aiosqlite
import psycopg
import pytest
from on_loop import run
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import ForeignKey, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncAttrs, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload


class Base(AsyncAttrs, DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list[Book]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


@pytest.fixture(params=["aiosqlite", "asyncpg", "psycopg"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    if request.param == "aiosqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/books.sqlite"
    server = request.getfixturevalue("postgres")
    more = "?ssl=disable" if request.param == "asyncpg" else "?sslmode=disable"
    return f"postgresql+{request.param}://tester@127.0.0.1:{server.port}/postgres{more}"


def test_the_orm_on_every_driver(url):
    async def main():
        engine = create_async_engine(url)
        session = async_sessionmaker(engine, expire_on_commit=False)
        async with engine.begin() as conn:
            await conn.run_sync(Base.metadata.drop_all)
            await conn.run_sync(Base.metadata.create_all)

        async def write(n: int) -> None:
            async with session() as db, db.begin():
                db.add(Author(name=f"a{n}", books=[Book(title=f"b{n}.{i}") for i in range(3)]))

        await asyncio.gather(*(write(n) for n in range(10)))
        with pytest.raises(IntegrityError):
            await write(3)

        async def read(n: int) -> list[str]:
            async with session() as db:
                query = select(Author).where(Author.name == f"a{n}")
                author = (await db.scalars(query.options(selectinload(Author.books)))).one()
                book = await db.get_one(Book, author.books[0].id)
                assert (await book.awaitable_attrs.author).name == f"a{n}"
                return sorted(book.title for book in author.books)

        got = await asyncio.gather(*(read(n) for n in range(10)))
        assert got == [[f"b{n}.{i}" for i in range(3)] for n in range(10)]
        async with session() as db:
            titles = [title async for title in await db.stream_scalars(select(Book.title))]
            assert len(titles) == await db.scalar(select(func.count(Book.id))) == 30
        assert engine.pool.checkedout() == 0
        await engine.dispose()

    run(main)


def test_aiosqlite_writers_take_turns(tmp_path):
    path = tmp_path / "count.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE counter (n int)")
        db.execute("INSERT INTO counter VALUES (0)")

    async def main():
        async def add() -> None:
            async with aiosqlite.connect(path, timeout=10) as db:
                await db.execute("UPDATE counter SET n = n + 1")
                await db.commit()

        await asyncio.gather(*(add() for _ in range(10)))
        async with aiosqlite.connect(path) as db:
            assert await db.execute_fetchall("SELECT n FROM counter") == [(10,)]

    run(main)


def test_psycopg_pool_copy_notify_and_cancelling(postgres):
    info = f"host={postgres.directory} port={postgres.port} user=tester dbname=postgres"

    async def main():
        async with AsyncConnectionPool(info, min_size=2, max_size=4, open=False) as pool:

            async def double(n: int) -> int:
                async with pool.connection() as conn:
                    return (await (await conn.execute("SELECT %s * 2", (n,))).fetchone())[0]

            assert await asyncio.gather(*map(double, range(100))) == [2 * n for n in range(100)]
            async with pool.connection() as conn:
                await conn.execute("CREATE TEMP TABLE copied (n int)")
                async with conn.cursor().copy("COPY copied FROM STDIN") as copy:
                    for n in range(10000):
                        await copy.write_row((n,))
                async with conn.cursor().copy("COPY copied TO STDOUT") as copy:
                    assert sum([int(bytes(row)) async for row in copy]) == 49995000
            async with pool.connection() as conn:
                task = asyncio.create_task(conn.execute("SELECT pg_sleep(60)"))
                await asyncio.sleep(0.05)
                task.cancel()
                with pytest.raises((asyncio.CancelledError, psycopg.errors.QueryCanceled)):
                    await task
            assert await asyncio.gather(*map(double, range(10))) == [2 * n for n in range(10)]
        async with await psycopg.AsyncConnection.connect(info, autocommit=True) as conn:
            await conn.execute("LISTEN news")
            await conn.execute("NOTIFY news, 'heard'")
            async for notice in conn.notifies(timeout=5, stop_after=1):
                assert notice.payload == "heard"

    run(main)


def test_aiofiles_reads_and_writes(tmp_path):
    async def main():
        async def through(n: int) -> bool:
            data = bytes([n]) * 100_000
            async with aiofiles.open(tmp_path / str(n), "wb") as file:
                await file.write(data)
            async with aiofiles.open(tmp_path / str(n), "rb") as file:
                return await file.read() == data

        assert all(await asyncio.gather(*(through(n) for n in range(50))))
        async with aiofiles.tempfile.NamedTemporaryFile("w+") as file:
            await file.writelines(f"{n}\n" for n in range(1000))
            await file.seek(0)
            assert [int(line) async for line in file] == list(range(1000))

    run(main)
