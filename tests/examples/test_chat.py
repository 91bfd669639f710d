"""The chat, over two workers and a Redis of the test's own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / room) for room in ("e2e", "libraries", "shared")]

from server import Fastrd
from servers import redis


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fastrd]:
    directory = tmp_path_factory.mktemp("chat")
    with redis() as database:
        environment = {"REDIS_URL": f"redis://127.0.0.1:{database.port}"}
        with Fastrd(
            "chat:app", ROOT / "examples", "--workers", "2", env=environment, log=directory / "log"
        ) as server:
            yield server


async def hear(client: ClientConnection) -> dict[str, Any]:
    return json.loads(await asyncio.wait_for(client.recv(), 20))


def address(server: Fastrd, room: str, name: str) -> str:
    return f"ws://127.0.0.1:{server.port}/rooms/{room}?name={name}"


def test_what_one_says_all_of_the_room_hear_whichever_worker_has_them(served):
    async def talk() -> None:
        names = [f"n{i}" for i in range(12)]
        people = []
        for name in names:
            person = await connect(address(served, "a", name))
            while (await hear(person)) != {"name": name, "event": "came"}:
                pass
            people.append(person)
        async with connect(address(served, "b", "other")) as other:
            assert await hear(other) == {"name": "other", "event": "came"}
            await people[3].send("hello ü")
            for person in people:
                while "text" not in (said := await hear(person)):
                    pass
                assert said == {"name": "n3", "text": "hello ü"}
            await people[0].close()
            while (said := await hear(people[1])) != {"name": "n0", "event": "left"}:
                pass
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(other.recv(), 0.2)
        for person in people[1:]:
            await person.close()

    asyncio.run(talk())


def test_who_has_no_name_does_not_come_in(served):
    async def try_it() -> None:
        with pytest.raises(InvalidStatus) as caught:
            await connect(f"ws://127.0.0.1:{served.port}/rooms/a")
        assert caught.value.response.status_code == 403

    asyncio.run(try_it())
