"""The same libraries inside an application that the real fastrd serves."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import asyncpg
import httpx
import psycopg
import pytest
from app import SIZE
from on_loop import run
from redis import Redis
from server import Fastrd
from servers import Server

HERE = Path(__file__).parent
KINDS = ("asyncpg", "sqlalchemy", "blocking", "redis", "all")
NONE_OUT = {"asyncpg": 0, "sqlalchemy": 0, "blocking": 0}


Start = Callable[..., AbstractContextManager[Fastrd]]


@pytest.fixture(scope="module")
def serve(
    tmp_path_factory: pytest.TempPathFactory, postgres: Server, redis_server: Server
) -> Start:
    """Serves app.py with the given flags; nothing may be in the log or left at the databases."""
    env = {
        "PG_SOCKET": str(postgres.directory), "PG_PORT": str(postgres.port),
        "REDIS_SOCKET": redis_server.redis_socket,
    }  # fmt: skip

    @contextmanager
    def start(*flags: str, mode: str = "compiled") -> Iterator[Fastrd]:
        directory = tmp_path_factory.mktemp("served")
        named = {**env, "CONNECTION_NAME": directory.name, "FASTRD_FORCE": mode}
        with Fastrd("app:app", directory, "--app-dir", str(HERE), *flags, env=named) as server:
            yield server
            server.signal(signal.SIGTERM)
            assert server.process is not None and server.process.wait(10) == 0
            for sign in ("Traceback", "never retrieved", "was never awaited", "Unclosed"):
                assert sign not in server.log(), server.log()
        assert connections(directory.name, postgres, redis_server) == (0, 0)

    return start


@pytest.fixture(scope="module", params=["compiled-threads", "compiled-inline", "asgi-threads"])
def server(request: pytest.FixtureRequest, serve: Start) -> Iterator[Fastrd]:
    """One worker for all of the tests; each must leave its pools whole."""
    mode, sync = request.param.split("-")
    with serve("--sync", sync, mode=mode) as server:
        yield server


def connections(name: str, postgres: Server, redis_server: Server) -> tuple[int, int]:
    """How many connections of the application of that name PostgreSQL and Redis have."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    info = f"host={postgres.directory} port={postgres.port} user=tester dbname=postgres"
    with psycopg.connect(info) as conn:
        here = conn.execute(query, (name,)).fetchone()[0]
    with Redis(unix_socket_path=redis_server.redis_socket) as redis:
        return here, sum(row["name"] == name for row in redis.client_list())


def client_of(server: Fastrd, **more: object) -> httpx.AsyncClient:
    base = f"http://127.0.0.1:{server.port}"
    return httpx.AsyncClient(base_url=base, timeout=20, trust_env=False, **more)


def wait_for_whole_pools(server: Fastrd) -> None:
    """Until nobody has a connection out: dependencies are left after the answer was sent."""

    def whole() -> bool:
        status, content = server.get("/pools")
        return status == 200 and json.loads(content) == NONE_OUT

    server.wait(whole, "the connections to come back")


def test_50_clients_get_right_answers_and_the_pools_are_whole_afterwards(server):
    async def ask() -> None:
        # Through ASGI a plain dependency that waits for a connection holds one of anyio's
        # 40 threads; when all do, those with a connection find none to give it back from.
        # That is FastAPI's own (uvicorn answers 500 just so) and not the subject here.
        threads = asyncio.Semaphore(30)
        async with client_of(server) as client:

            async def visit(first: int) -> None:
                for n in range(first, first + 5):
                    kind = KINDS[n % len(KINDS)]
                    path = f"/{kind}/{n}"
                    async with threads if kind == "blocking" else nullcontext():
                        answer = await client.get(path)
                    assert (answer.status_code, answer.text) == (200, str(2 * n)), path

            async with asyncio.TaskGroup() as group:
                for n in range(50):
                    group.create_task(visit(n * 5))

    run(ask)
    wait_for_whole_pools(server)


def test_an_endpoint_that_fails_rolls_back(server, postgres):
    async def ask() -> None:
        db = await asyncpg.connect(
            host=str(postgres.directory), port=postgres.port, user="tester", database="postgres"
        )
        await db.execute("CREATE TABLE note (n int)")
        async with client_of(server) as client:
            answers = await asyncio.gather(
                *(client.post(f"/note/{n}", params={"fail": n % 2 == 1}) for n in range(40))
            )
            assert [a.status_code for a in answers] == [200, 409] * 20
        rows = await db.fetch("SELECT n FROM note ORDER BY n")
        assert [row["n"] for row in rows] == list(range(0, 40, 2))
        await db.execute("DROP TABLE note")
        await db.close()

    run(ask)
    wait_for_whole_pools(server)


def test_clients_that_leave_in_the_middle_of_a_query_do_not_use_the_pool_up(server):
    for _ in range(4 * SIZE):
        with server.connect() as conn:
            conn.sendall(b"GET /sleep?s=0.1 HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_for_whole_pools(server)
    assert server.get("/asyncpg/4") == (200, b"8")


def test_a_query_given_up_by_the_endpoint_leaves_the_pool_usable(server):
    async def ask() -> None:
        async with client_of(server) as client:
            answers = await asyncio.gather(*(client.get("/give-up") for _ in range(30)))
            assert [a.json() for a in answers] == ["gave up"] * 30
            assert (await client.get("/asyncpg/4")).json() == 8

    run(ask)
    wait_for_whole_pools(server)


async def ask_again(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """A GET, sent anew when a kept connection turns out to be closed (RFC 9112 section 9.3.1)."""
    try:
        return await client.get(path)
    except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
        return await client.get(path)


def test_a_reload_under_load_loses_no_request_and_leaves_no_connection(serve, postgres, redis_server):
    asked = 0

    async def visit(client: httpx.AsyncClient, n: int, stop: asyncio.Event) -> None:
        nonlocal asked
        while not stop.is_set():
            path = f"/{KINDS[n % len(KINDS)]}/{n}"
            answer = await (ask_again(client, path) if n % 2 else client.get(path))
            assert (answer.status_code, answer.text) == (200, str(2 * n))
            asked += 1
            await asyncio.sleep(0.05)  # the reload needs the processor too

    async def ask(server: Fastrd) -> None:
        """Half of the clients keep their connections, half make one for each request."""
        once = {"Connection": "close"}
        stop = asyncio.Event()
        async with (
            client_of(server) as kept,
            client_of(server, headers=once) as fresh,
            asyncio.TaskGroup() as group,
        ):
            for n in range(20):
                group.create_task(visit(kept if n % 2 else fresh, n, stop))
            server.signal(signal.SIGHUP)
            await asyncio.to_thread(server.wait_log, "generation 2 serves", 60)
            ended = lambda: len(server.children()) == 2  # noqa: E731
            await asyncio.to_thread(server.wait, ended, "the old generation's end")
            before = asked
            answered = lambda: asked > before + 100  # noqa: E731
            await asyncio.to_thread(server.wait, answered, "answers")
            stop.set()

    with serve("--workers", "2") as server:
        run(lambda: ask(server), 120)
        here, there = connections(server.directory.name, postgres, redis_server)
        # asyncpg's and psycopg's pools of two workers are filled, SQLAlchemy's is so on demand.
        assert 2 * 2 * SIZE <= here <= 2 * 3 * SIZE
        assert 2 <= there <= 2 * 20
        wait_for_whole_pools(server)
