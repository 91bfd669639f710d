"""The lifespan of an application: how it fails, ends early, cleans up; and a loop that the
application breaks off."""

from __future__ import annotations

import signal
import threading

import pytest
from server import Fastrd, fails

HEAD = """
import asyncio, os, signal, sys
from contextlib import asynccontextmanager
from plain import App

"""

TAIL = """
app = App(lifespan=lifespan)

@app.get("/")
async def root(): return os.getpid()

@app.get("/wait")
async def wait():
    open("waits", "w").close()
    while not os.path.exists("go"):
        await asyncio.sleep(0.01)
    return "done"
"""


def write(directory, lifespan: str):
    (directory / "app.py").write_text(HEAD + lifespan + TAIL)
    return directory


GROUP = """
@asynccontextmanager
async def lifespan(app):
    async with asyncio.TaskGroup() as group:
        group.create_task(dies())
        {}

async def dies():
    while not os.path.exists("die"):
        await asyncio.sleep(0.01)
    raise ValueError("the child is dead")
"""


def test_a_group_of_the_lifespan_that_dies_is_logged_at_once_and_serving_goes_on(tmp_path):
    with Fastrd("app:app", write(tmp_path, GROUP.format("yield"))) as server:
        worker = server.get("/")
        (tmp_path / "die").touch()
        server.wait_log("ValueError: the child is dead")
        assert "error [worker 0] the lifespan has ended while the application serves" in server.log()
        assert "in dies" in server.log()
        assert server.get("/") == worker
        server.signal(signal.SIGTERM)
        assert server.process.wait(25) == 0
        assert server.log().count("Error: the child is dead") == 1


BARE = """
class app_:
    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            while not os.path.exists("die"):
                await asyncio.sleep(0.01)
            raise ValueError("dead without a word")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"served"})

app = app_()
"""


def test_a_lifespan_that_raises_without_a_message_is_logged_at_once(tmp_path):
    (tmp_path / "app.py").write_text(HEAD + BARE)
    with Fastrd("app:app", tmp_path) as server:
        (tmp_path / "die").touch()
        server.wait_log('raise ValueError("dead without a word")')
        assert b"served" in server.get("/")[1]


@pytest.mark.parametrize(
    ("lifespan", "cause"),
    [
        (
            GROUP.format("await asyncio.sleep(0); await asyncio.Event().wait(); yield"),
            "ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception): "
            "ValueError: the child is dead",
        ),
        (
            "@asynccontextmanager\nasync def lifespan(app):\n"
            "    exc = ValueError('two\\nlines')\n    exc.add_note('and a note')\n"
            "    raise exc\n    yield\n",
            "ValueError: two",
        ),
        (
            "class Broken(Exception): pass\n"
            "@asynccontextmanager\nasync def lifespan(app):\n    raise Broken\n    yield\n",
            "app.Broken",
        ),
    ],
)
def test_a_start_that_fails_is_one_line_with_its_exception(tmp_path, lifespan, cause):
    (tmp_path / "die").touch()
    status, text = fails("app:app", write(tmp_path, lifespan))
    assert status == 3
    assert f"fastrd: the lifespan of app:app failed: {cause}; see what it printed\n" in text
    assert "Traceback" in text


CANCELS_ALL = """
@asynccontextmanager
async def lifespan(app):
    yield
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.01)
    print("cleaned up", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_lifespan_may_cancel_all_tasks_and_then_clean_up(tmp_path, number):
    with Fastrd("app:app", write(tmp_path, CANCELS_ALL)) as server:
        server.get("/")
        server.signal(number)
        if number == signal.SIGTERM:
            assert server.process.wait(25) == 0
            assert "cleaned up" in server.log()
        else:
            server.wait_log("cleaned up")
        assert "Traceback" not in server.log() and "error" not in server.log()


BREAKS_OFF = """
def interrupt(): raise KeyboardInterrupt("by a callback")
def leave(): sys.exit(5)
def stop(): asyncio.get_running_loop().stop()

@asynccontextmanager
async def lifespan(app):
    loop = asyncio.get_running_loop()
    def look():
        if os.path.exists("armed"):
            os.rename("armed", "fired")
            loop.call_soon({})
        loop.call_later(0.01, look)
    look()
    yield
    print("cleaned up", flush=True)
"""


LEAVES = "info [master] the application in worker 0 has ended the event loop: another takes"
ENDED = "warning [master] worker 0 ended with exit status 3\n"


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("interrupt", "the application has raised KeyboardInterrupt through the event loop"),
        ("leave", "the application has raised SystemExit through the event loop"),
        ("stop", "the application has stopped the event loop"),
    ],
)
def test_a_worker_whose_loop_is_broken_off_ends_cleanly_and_says_why(tmp_path, how, cause):
    """With freed memory overwritten: nothing of the worker may outlive its loop."""
    write(tmp_path, BREAKS_OFF.format(how))
    with Fastrd("app:app", tmp_path, env={"MALLOC_PERTURB_": "165"}) as server:
        for round_ in range(2):
            worker = server.get("/")[1]
            got = []
            thread = threading.Thread(target=lambda got=got: got.append(server.get("/wait")))
            thread.start()
            server.wait((tmp_path / "waits").exists, "the request")
            (tmp_path / "armed").touch()
            server.wait((tmp_path / "fired").exists, "the break")
            (tmp_path / "go").touch()
            thread.join()
            assert got == [(200, b'"done"')]
            server.wait(lambda pid=int(worker): pid not in server.children(), "the worker's end")
            assert server.log().count(cause) == server.log().count("cleaned up") == round_ + 1
            for name in ("waits", "fired", "go"):
                (tmp_path / name).unlink()
            server.wait(lambda old=worker: server.get("/")[1] != old, "the next worker")
            server.wait(lambda n=round_ + 1: server.log().count(ENDED) == n, "its last line")
        log = server.log()
        assert "signal" not in log and "SIGTERM" not in log
        assert log.count(LEAVES) == 2


def test_a_loop_that_is_broken_off_during_the_start_fails_it(tmp_path):
    code = BREAKS_OFF.format("stop").replace("look()\n    yield", "look()\n    await asyncio.sleep(60)\n    yield")
    (tmp_path / "armed").touch()
    status, text = fails("app:app", write(tmp_path, code))
    assert status == 3 and "fastrd: the start of app:app was broken off: RuntimeError" in text
