"""Subscriptions of strawberry's, over the protocol of today and that of yesterday."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from server import PATIENCE, Fastrd
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

APP = """
import asyncio
from collections.abc import AsyncGenerator
import strawberry
from fastapi import FastAPI
from strawberry.fastapi import GraphQLRouter

@strawberry.type
class Query:
    hello: str = "world"

@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncGenerator[int, None]:
        try:
            for number in range(to):
                yield number
                await asyncio.sleep(0.001)
        finally:
            print("ended at", to, flush=True)

app = FastAPI()
schema = strawberry.Schema(query=Query, subscription=Subscription)
app.include_router(GraphQLRouter(schema), prefix="/graphql")
"""
# What a subscription, an item and the end of one are called.
WORDS = {
    "graphql-transport-ws": ("subscribe", "next", "complete"),
    "graphql-ws": ("start", "data", "stop"),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fastrd]:
    directory = tmp_path_factory.mktemp("strawberry")
    (directory / "app.py").write_text(APP)
    with Fastrd("app:app", directory) as server:
        yield server


@pytest.mark.parametrize("protocol", WORDS)
def test_a_subscription(served, protocol):
    subscribe, item, stop = WORDS[protocol]
    with connect(f"ws://127.0.0.1:{served.port}/graphql", subprotocols=["else", protocol]) as client:
        assert client.subprotocol == protocol

        def send(**what: object) -> None:
            client.send(json.dumps(what))

        def hear() -> dict[str, object]:
            said: dict[str, object] = json.loads(client.recv(30 * PATIENCE))
            return said

        send(type="connection_init", payload={})
        assert hear()["type"] == "connection_ack"
        send(id="1", type=subscribe, payload={"query": "subscription { count(to: 3) }"})
        for number in range(3):
            assert hear() == {"id": "1", "type": item, "payload": {"data": {"count": number}}}
        assert hear() == {"id": "1", "type": "complete"}
        send(id="2", type=subscribe, payload={"query": "subscription { count(to: 1000000) }"})
        assert hear()["id"] == "2"
        send(id="2", type=stop)
        served.wait_log("ended at 1000000")
        send(id="3", type=subscribe, payload={"query": "subscription { count(to: 2000000) }"})
    served.wait_log("ended at 2000000")  # by the end of the connection


def test_without_its_protocol_it_closes(served):
    with connect(f"ws://127.0.0.1:{served.port}/graphql") as client, pytest.raises(ConnectionClosed):
        client.recv(30 * PATIENCE)
    assert client.close_code == 4406
