"""sse-starlette ends its endless streams when the server ends."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from server import Fastrd, read_all, read_until

APP = """
import asyncio, sys
{before}
import anyio
from fastapi import FastAPI
from sse_starlette.sse import EventSourceResponse

app = FastAPI()

async def events():
    try:
        while True:
            yield {"data": "one"}
            await asyncio.sleep(0.05)
    finally:
        print("ended", flush=True)

@app.get("/events")
async def endless():
    return EventSourceResponse(events())

@app.get("/farewell")
async def farewell():
    over = anyio.Event()
    async def events():
        while not over.is_set():
            yield {"data": "one"}
            await asyncio.sleep(0.05)
        print("ended", flush=True)
        yield {"data": "farewell"}
    return EventSourceResponse(events(), shutdown_event=over, shutdown_grace_period=5)
"""

# It replaces a function of uvicorn's, and looks at SIGTERM's handler; without uvicorn, or
# where another handler stands before ours, only one of these is left.
WAYS = {
    "both": "",
    "handler": "sys.modules['uvicorn'] = sys.modules['uvicorn.main'] = None",
    "function": "import signal\nbefore = signal.getsignal(signal.SIGTERM)\n"
    "signal.signal(signal.SIGTERM, lambda *a: before(*a))",
}


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("path", ["/events", "/farewell"])
@pytest.mark.parametrize("way", WAYS)
def test_an_endless_stream_ends_with_its_server(
    tmp_path: Path, way: str, path: str, order: signal.Signals
) -> None:
    (tmp_path / "app.py").write_text(APP.replace("{before}", WAYS[way]))
    with Fastrd("app:app", tmp_path) as server, server.connect() as conn:
        conn.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert conn.recv(1000).startswith(b"HTTP/1.1 200 ")
        server.signal(order)
        # Within ten seconds, of the thirty that a drain has. A stream that ends in order leaves
        # its connection to the next generation.
        kept = order == signal.SIGHUP and path == "/farewell"
        rest = read_until(conn, b"0\r\n\r\n") if kept else read_all(conn)
        assert (b"data: farewell" in rest) == (path == "/farewell")
        if order == signal.SIGTERM:
            assert server.process is not None and server.process.wait(10) == 0
        else:
            server.wait_log("ended")
        assert server.log().splitlines().count("ended") == 1 and "Traceback" not in server.log()
