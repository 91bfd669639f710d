"""nest_asyncio and nest_asyncio2, applied at import, in the lifespan or in an endpoint: the
loop runs inside its own callbacks, and the connections with it."""

from __future__ import annotations

import concurrent.futures

import pytest
from server import Fastrd, read_all

APP = """
import asyncio, contextlib, importlib, os
from fastapi import Depends, FastAPI, Request
from fastapi.responses import StreamingResponse

nest, when = importlib.import_module(os.environ["NEST"]), os.environ["WHEN"]
if when == "import":
    nest.apply()

@contextlib.asynccontextmanager
async def lifespan(app):
    if when == "lifespan":
        nest.apply()
    yield

class Passing:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app(scope, receive, send)

app = FastAPI(lifespan=lifespan)
if os.environ.get("BEHIND"):
    app.add_middleware(Passing)
waiting = {}

def run(coroutine):
    return asyncio.get_event_loop().run_until_complete(coroutine)

async def echo(value):
    await asyncio.sleep(0)
    return value

@app.get("/apply")
async def apply():
    nest.apply()

@app.get("/spot")
async def spot():
    task = asyncio.current_task()
    assert [asyncio.run(echo(1)), run(echo(2))] == [1, 2]
    assert asyncio.current_task() is task

@app.get("/task")
async def task():
    await asyncio.sleep(0)
    await spot()
    await asyncio.sleep(0)

@app.get("/deep")
async def deep():
    async def count(n):
        await asyncio.sleep(0)
        return n and 1 + run(count(n - 1))
    assert run(count(5)) == 5

def plain():
    assert asyncio.run(echo(3)) == 3

@app.get("/plain", dependencies=[Depends(plain), Depends(spot)])
def in_thread():
    plain()

@app.post("/body")
async def body(request: Request):
    return len(run(request.body()))

@app.get("/raises")
async def raises():
    async def fail():
        await asyncio.sleep(0)
        raise KeyError("on purpose")
    try:
        run(fail())
    except KeyError:
        return None
    raise AssertionError("nothing was raised")

@app.get("/stream")
async def stream():
    async def pieces():
        for n in range(3):
            yield str(run(echo(n)))
    return StreamingResponse(pieces())

@app.get("/wait/{name}")
async def wait(name: str):
    waiting[name] = asyncio.Event()
    run(waiting[name].wait())

@app.get("/set/{name}")
async def set(name: str):
    waiting[name].set()

@app.get("/waits/{name}")
async def waits(name: str):
    return name in waiting
"""
PATHS = ["/spot", "/task", "/deep", "/plain", "/raises"]


@pytest.mark.parametrize(
    ("when", "behind"),
    [("import", ""), ("import", "middleware"), ("lifespan", ""), ("endpoint", "")],
)
@pytest.mark.parametrize("nest", ["nest_asyncio", "nest_asyncio2"])
def test_loops_run_inside_themselves(tmp_path, nest, when, behind):
    (tmp_path / "app.py").write_text(APP)
    env = {"NEST": nest, "WHEN": when, "BEHIND": behind}
    with Fastrd("app:app", tmp_path, env=env) as server:
        if when == "endpoint":
            assert server.get("/apply") == (200, b"null")
        for path in PATHS:
            assert server.get(path) == (200, b"null"), path
        assert server.get("/stream")[1].endswith(b"1\r\n2\r\n0\r\n\r\n")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(server.get, PATHS * 8))
        assert found == [(200, b"null")] * len(found)
        uploads(server)
        others_are_served_meanwhile(server)
        assert "Traceback" not in server.log()


def uploads(server: Fastrd) -> None:
    """The content comes while its own request runs the loop; the next request is in line."""
    size = 300_000
    head = b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % size
    with server.connect() as connection:
        connection.sendall(head + b"\r\n" + b"x")
        connection.sendall(b"x" * (size - 1) + b"GET /spot HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answers = read_all(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == 2 and b"\r\n\r\n%d" % size in answers


def others_are_served_meanwhile(server: Fastrd) -> None:
    """A client stays and another leaves while the requests of both run the loop."""
    request = b"GET /wait/%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    def waits(name: str) -> bool:
        return server.get(f"/waits/{name}") == (200, b"true")

    with server.connect() as staying:
        staying.sendall(request % b"stays")
        server.wait(lambda: waits("stays"), "the first one to wait")
        with server.connect() as leaving:
            leaving.sendall(request % b"leaves")
            server.wait(lambda: waits("leaves"), "the second one to wait")
        assert server.get("/spot") == (200, b"null")
        # The inner one ends first, and the outer one goes on.
        assert server.get("/set/leaves") == (200, b"null")
        assert server.get("/set/stays") == (200, b"null")
        assert read_all(staying).endswith(b"null")
