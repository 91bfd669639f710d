"""Whatever an application does with a WebSocket, client and application see under fastrd what they see under
uvicorn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import websockets
from pair import both, observe
from websockets.asyncio.client import connect

SAYS = [
    "accept", "accept,send", "accept,send,close", "accept,both,close", "accept,neither,send,close",
    "accept,none-text,bytearray,close", "close", "close,receive", "close,send", "send", "accept,accept,close",
    "accept,close,close", "accept,close,send", "accept,close,receive",
    "accept,unknown,close", "unknown", "start,body,last", "start,last", "start,body,last,receive", "start",
    "start,send", "start,last,send", "start-bad,start,last", "accept,start,close", "accept,last,close",
    "return", "receive-nothing", "accept,close-none",
]  # fmt: skip
PATHS: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "echo": ("/echo", ["a", b"b", "", b"", "ü" * 40000, b"\0" * 70000], {}),
    "echo of fragments": ("/echo", [["a", "b", "c"], [b"a", b"b"]], {}),
    "echo, closed with a reason": ("/echo", ["a", ("close", 4321, "bye")], {}),
    "echo, closed without": ("/echo", [("close", 1000, "")], {}),
    "echo, broken off": ("/echo", ["a", ("abort",)], {}),
    "scope": ("/scope/7?a=1&b=%20", [], {}),
    "scope with subprotocols": ("/scope/7", [], {"subprotocols": ["one", "two"]}),
    "scope with fields": ("/scope/7?x=ü", [],
        {"additional_headers": [("X-A", "1"), ("x-a", "2"), ("Cookie", "k=v")]}),
    "escaped path": ("/in/route/a%2Fb%20c", [], {}),
    "json": ("/json", ['{"a": [1, 2.5, null]}'], {}),
    "never accepted": ("/never", [], {}),
    "refused": ("/refuse", [], {}),
    "denied": ("/deny", [], {}),
    "raises before": ("/raise-before", [], {}),
    "HTTPException before": ("/http-exception", [], {}),
    "WebSocketException": ("/websocket-exception", [], {}),
    "WebSocketException before": ("/websocket-exception-before", [], {}),
    "raises after": ("/raise-after", [], {}),
    "returns after": ("/return-after", [], {}),
    "closes": ("/close-plain", [], {}),
    "sends after close": ("/send-after-close", [], {}),
    "client gone": ("/gone", [("close", 1001, "away")], {}),
    "close when gone": ("/close-when-gone", [("close", 1001, "away")], {}),
    "two accepts": ("/two-accepts", [], {}),
    "depends": ("/depends/5?q=4", ["x"],
        {"additional_headers": [("Cookie", "token=t"), ("X-Name", "n")]}),
    "depends, wrong path": ("/depends/0", [], {}),
    "depends, no number": ("/depends/x", [], {}),
    "depends, wrong query": ("/depends/5?q=x", [], {}),
    "depends, raises": ("/depends/5?q=9", ["x"], {}),
    "endpoint": ("/endpoint", ['{"a": 1}', ("close", 1000, "")], {}),
    "endpoint, malformed": ("/endpoint", ["{"], {}),
    "no such path": ("/nowhere", [], {}),
    "an HTTP route": ("/seen", [], {}),
    **{f"raw {say}": (f"/raw?{say}", [], {}) for say in SAYS},
}  # fmt: skip
UNCOMPARED = {"date", "server", "sec-websocket-accept", "sec-websocket-extensions"}


def fields(headers: Any) -> list[tuple[str, str]]:
    pairs = [(name.lower(), value) for name, value in headers.raw_items()]
    return sorted(pair for pair in pairs if pair[0] not in UNCOMPARED)


async def talk(port: int, path: str, script: list[Any], options: dict[str, Any]) -> list[Any]:
    """What the client sees, step by step."""
    log: list[Any] = []
    try:
        address = f"ws://127.0.0.1:{port}{path}"
        plain: dict[str, Any] = {"compression": None, "max_size": None, "open_timeout": 30}
        async with connect(address, **plain, **options) as client:
            assert client.response is not None
            log.append([client.response.status_code, client.subprotocol, fields(client.response.headers)])
            try:
                for step in script:
                    if isinstance(step, tuple) and step[0] == "close":
                        await client.close(step[1], step[2])
                    elif isinstance(step, tuple):
                        client.transport.abort()
                    else:
                        await client.send(step)
                        log.append(await asyncio.wait_for(client.recv(), 20))
                while True:
                    log.append(await asyncio.wait_for(client.recv(), 1 if not script else 0.2))
            except TimeoutError:
                log.append("open")
            except websockets.ConnectionClosed:
                log.append(["closed", client.close_code, client.close_reason])
    except websockets.InvalidStatus as exc:
        log.append([exc.response.status_code, fields(exc.response.headers), bytes(exc.response.body or b"")])
    except (websockets.InvalidMessage, EOFError) as exc:
        log.append(["no answer", type(exc).__name__])
    return log


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    with both("parity_app:app", tmp_path_factory.mktemp("parity")) as ports:
        yield ports


@pytest.mark.parametrize("case", PATHS)
def test_as_under_uvicorn(ports, case):
    expected, got = (observe(port, talk(port, *PATHS[case])) for port in ports)
    assert got[0] == expected[0]
    assert got[1] == expected[1]
