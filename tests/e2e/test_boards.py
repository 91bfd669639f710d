"""What the workers' boards say while generations come and go."""

from __future__ import annotations

import collections
import signal

from boards import boards, total
from server import Fastrd, read_all

WAIT = """
@app.get("/wait")
async def wait():
    while not os.path.exists("go"):
        await asyncio.sleep(0.02)
    return "gone"
"""


def test_a_reload_under_a_request_keeps_the_counters_right(app_dir):
    with open(app_dir / "app.py", "a") as file:
        file.write(WAIT)
    with Fastrd("app:app", app_dir) as server, server.connect() as waiting:
        waiting.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        server.wait(lambda: total(server, "requests_active") == 1, "the request that runs on")
        server.signal(signal.SIGHUP)
        server.wait(
            lambda: [board.state for board in boards(server)] == ["draining", "serving"],
            "a new worker beside the old one",
        )
        for _ in range(5):
            assert server.get("/")[0] == 200
        old, new = boards(server)
        assert (old.generation, new.generation) == (1, 2)
        assert {old.pid, new.pid} == set(server.children())
        for board, requests, active in ((old, 1, 1), (new, 5, 0)):
            assert board.counters["requests"] == requests
            assert board.counters["requests_active"] == active
            assert board.counters["answers_2xx"] == requests - active
        (app_dir / "go").touch()
        assert read_all(waiting).endswith(b'"gone"')
        server.wait(lambda: len(server.children()) == 1, "the old generation's end")
        assert total(server, "requests") == total(server, "answers_2xx") == 6

        # The next generation gets the board that is free, and counts on.
        server.signal(signal.SIGHUP)
        server.wait_log("generation 3 serves")
        assert server.get("/")[0] == 200
        assert boards(server)[0].generation == 3
        assert total(server, "requests") == 7
        server.wait(
            lambda: boards(server)[0].counters["connections_open"] == 0, "the connection's end"
        )


ADDS_A_ROUTE = """
async def more():
    return "more"

def add():
    if os.path.exists("more"):
        app.get("/more")(more)

app.router.on_startup.append(add)
"""


# FastAPI passes content of another kind on as it is.
UNUSUAL = b"POST /items HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1"


def test_requests_are_counted_by_the_way_they_took(app_dir):
    with Fastrd("app:app", app_dir) as server:
        paths = ("/", "/items/one", "/none", "/%0A")
        assert [server.get(path)[0] for path in paths] == [200, 422, 404, 200]
        assert b" 422 " in server.raw(UNUSUAL)
        (board,) = boards(server)
        counted = [board.counters[name] for name in ("compiled", "replayed", "asgi")]
        assert counted == [3, 1, 1]
        assert board.counters["private_table"] == 0


def test_a_worker_with_a_table_of_its_own_says_so(app_dir):
    """The worker after the first has more routes than that one."""
    with open(app_dir / "app.py", "a") as file:
        file.write(ADDS_A_ROUTE)
    with Fastrd("app:app", app_dir) as server:
        (app_dir / "more").touch()
        (first,) = server.children()
        server.signal_child(first, signal.SIGKILL)
        server.wait_log("worker 0: this process compiled a different table")
        assert server.get("/more")[0] == 200
        (board,) = boards(server)
        assert board.counters["private_table"] == 1
        assert board.counters["compiled"] == 1


def test_a_killed_worker_leaves_its_counters(app_dir):
    with Fastrd("app:app", app_dir) as server:
        for _ in range(3):
            server.get("/")
        (killed,) = boards(server)
        server.signal_child(killed.pid, signal.SIGKILL)
        server.wait(lambda: boards(server)[0].pid != killed.pid, "the next worker")
        server.wait(lambda: boards(server)[0].state == "serving", "its start")
        server.get("/")
        assert len(boards(server)) == 1
        assert total(server, "requests") == 4


def test_connections_that_come_together_are_shared(app_dir):
    with Fastrd("app:app", app_dir, "--workers", "2") as server:
        # The address is printed when both are told to serve: the second may not have read it.
        server.wait(lambda: [board.state for board in boards(server)] == ["serving"] * 2, "both")
        connections = [server.connect() for _ in range(40)]
        share: collections.Counter[bytes] = collections.Counter()
        for connection in connections:
            connection.sendall(b"GET /pid HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            share[read_all(connection)[-8:]] += 1
            connection.close()
        assert len(share) == 2 and min(share.values()) >= 8, share
