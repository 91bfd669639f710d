import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from server import Fastrd


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--reloads", type=int, default=1, help="of a server under load")


@pytest.fixture
def crashes_on_purpose(monkeypatch):
    """A sanitizer leaves the crashes of this test's servers to Python's own handler."""
    if "ASAN_OPTIONS" in os.environ:
        options = re.sub(r"\bhandle_(\w+)=2", r"handle_\1=0", os.environ["ASAN_OPTIONS"])
        monkeypatch.setenv("ASAN_OPTIONS", options)


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    """A directory with a small FastAPI application in app.py."""
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fastrd]:
    """A server of it, for tests that only ask."""
    directory = tmp_path_factory.mktemp("served")
    (directory / "app.py").write_text(APP)
    with Fastrd("app:app", directory) as server:
        yield server


@pytest.fixture
def plain_dir(tmp_path: Path) -> Path:
    """The same with one that starts sooner, for tests of what is around applications."""
    (tmp_path / "app.py").write_text(PLAIN)
    return tmp_path


PLAIN = '''
import asyncio, os, time
from plain import App

app = App()

@app.get("/")
async def root():
    return {"hello": "world"}

@app.get("/pid")
async def pid():
    return os.getpid()

@app.get("/slow")
async def slow(s: float):
    await asyncio.sleep(s)
    return "done"
'''

APP = '''
import asyncio, os, threading, time
import anyio
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

app = FastAPI()

class Item(BaseModel):
    name: str
    price: float

@app.get("/")
async def root():
    return {"hello": "world"}

@app.get("/pid")
async def pid():
    return os.getpid()

@app.get("/items/{item_id}")
async def item(item_id: int, q: str | None = None):
    return {"item_id": item_id, "q": q}

@app.post("/items", response_model=Item)
async def post(item: Item):
    return item

@app.get("/slow")
async def slow(s: float = 0.5):
    await asyncio.sleep(s)
    return "done"

@app.get("/block")
def block(s: float = 0.1):
    time.sleep(s)
    return threading.current_thread() is not threading.main_thread()

forty = threading.Barrier(40)

@app.get("/meet")
def meet():
    """Answered only when forty run at the same time."""
    return forty.wait(15) >= 0

async def double(x):
    await asyncio.sleep(0)
    return 2 * x

@app.get("/inside")
def inside():
    return [asyncio.run(double(1)), anyio.from_thread.run(double, 2)]

loops = []

@app.get("/loop")
async def loop():
    loops.append(asyncio.get_running_loop())
    return type(loops[0]).__name__

@app.get("/threadsafe")
def threadsafe():
    return asyncio.run_coroutine_threadsafe(double(3), loops[0]).result(5)

def pair():
    return 1, 2

@app.get("/pair")
async def get_pair(v=Depends(pair)):
    await asyncio.sleep(0)
    return v

@app.get("/error")
async def error():
    raise ValueError("on purpose")

@app.get("/task")
async def task():
    return asyncio.current_task() is not None
'''
