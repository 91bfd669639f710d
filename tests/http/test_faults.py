"""Clients that are slow, leave or flood: the HTTP rows of the fault matrix."""

from __future__ import annotations

import json
import os
import random
import resource
import select
import socket
import time
from pathlib import Path
from typing import Any

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
MB = 1 << 20


def seen(server: Any) -> dict[str, int]:
    answer = server.ask(b"GET /seen HTTP/1.1\r\nHost: a\r\n\r\n")
    return json.loads(answer.rpartition(b"\r\n\r\n")[2])  # type: ignore[no-any-return]


def eventually(condition: Any, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_client_gone_anywhere(plain: Any) -> None:
    """A reset or a close at a random byte, of the request or of the answer."""
    requests = [
        b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + b"x" * 100,
        b"GET /stream/1000000 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /until-left HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 50,
    ]  # fmt: skip
    dice = random.Random(1)
    for _ in range(50):
        plain.ask(HELLO)
    log, before, memory = len(plain.log), seen(plain), plain.rss()
    for i in range(2000):
        request = requests[i % 4]
        client = plain.connect()
        client.send(request[: dice.randrange(1, len(request) + 1)])
        if dice.random() < 0.3:
            time.sleep(0.001)
        if dice.random() < 0.5:
            client.reset()
        else:
            client.socket.close()
    assert eventually(lambda: seen(plain)["running"] == 1)  # the question itself
    assert seen(plain)["disconnects"] > before["disconnects"]
    assert plain.rss() - memory < 8 * MB
    assert len(plain.log) - log < 2000
    assert plain.ask(HELLO).endswith(b"hello")


def test_an_application_that_gives_up_when_the_client_left_is_not_blamed(plain: Any) -> None:
    """By a reset or by the end of what it sends, as under uvicorn."""
    log = len(plain.log)
    before = seen(plain)["disconnects"]
    for leave in ("half_close", "reset"):
        with plain.connect() as client:
            client.send(b"GET /until-left HTTP/1.1\r\nHost: a\r\n\r\n")
            time.sleep(0.05)
            getattr(client, leave)()
            assert eventually(lambda: seen(plain)["running"] == 1)  # the question itself
    assert seen(plain)["disconnects"] == before + 2
    assert "ASGI callable" not in plain.log[log:]


def test_asking_often_whether_the_client_has_left_leaves_nothing(plain: Any) -> None:
    with plain.connect() as client:
        client.send(b"GET /poll/1000 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert int(client.answer()[2]) < 100


def test_huge_content_to_an_application_that_does_not_read(plain: Any) -> None:
    with plain.connect() as client:
        client.send(b"POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000000\r\n\r\n")
        memory, sent = plain.rss(), 0
        client.socket.settimeout(0.5)
        try:
            while sent < 100 * MB:
                sent += client.socket.send(b"x" * MB)
        except TimeoutError:
            pass
        assert sent < 20 * MB
        assert plain.rss() - memory < 4 * MB
    assert eventually(lambda: plain.ask(HELLO).endswith(b"hello"))


def test_requests_sent_ahead_without_end(plain: Any) -> None:
    """Reading pauses, also after each answer; all are answered in order at last."""
    padding = b"x" * 4000
    with plain.connect() as client:
        memory, sent, answered, unsent = plain.rss(), 0, 0, b""
        while answered < 30:
            readable, writable, _ = select.select([client.socket], [client.socket], [])
            if readable:
                assert client.answer()[2] == b"%d" % answered
                answered += 1
            elif writable:
                if not unsent:
                    target = b"/nth/%d/%d" % (50 if sent < 30 else 0, sent)
                    unsent = b"GET %s HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (target, padding)
                    sent += 1
                unsent = unsent[client.socket.send(unsent, socket.MSG_DONTWAIT) :]
        assert sent * len(padding) < 20 * MB
        assert plain.rss() - memory < 4 * MB
        client.send(unsent)
        for i in range(answered, sent):
            assert client.answer()[2] == b"%d" % i
    assert plain.rss() - memory < 4 * MB


def test_huge_content_to_an_application_that_reads_and_forgets(plain: Any) -> None:
    with plain.connect() as client:
        n = 64
        client.send(b"POST /until-left HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (n * MB))
        memory = plain.rss()
        for _ in range(n - 1):
            client.send(b"x" * MB)
        assert plain.rss() - memory < 4 * MB


def test_an_answer_reaches_a_client_that_writes_first_and_reads_later(plain: Any) -> None:
    """RFC 9112 section 9.6. Two such: one connection lives on, the other one ends."""
    n = 15
    head = b"POST /hello HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n"
    with plain.connect() as lives, plain.connect() as ends:
        lives.send(head % (b"", n * MB))
        ends.send(head % (b"Connection: close\r\n", n * MB))
        for _ in range(n):
            lives.send(b"x" * MB)
            ends.send(b"x" * MB)
            time.sleep(0.2)
        assert ends.rest().endswith(b"hello")
        lives.send(HELLO)
        assert [lives.answer()[2] for _ in range(2)] == [b"hello"] * 2


def test_slow_reader_of_a_long_stream(plain: Any) -> None:
    with plain.connect(receive_buffer=4096) as client:
        memory = plain.rss()
        client.send(b"GET /stream/1000000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(100):
            client.socket.recv(4096)
            time.sleep(0.005)
        assert plain.rss() - memory < 4 * MB
        client.socket.setblocking(True)
        total = 0
        while total < 100 * MB:
            total += len(client.socket.recv(MB))
        assert plain.rss() - memory < 4 * MB
    assert eventually(lambda: seen(plain)["running"] == 1)


def test_no_request_follows_the_answer_that_closes(plain: Any) -> None:
    """Though that answer is still being sent (RFC 9112 section 9.6)."""
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with plain.connect(receive_buffer=4096) as client:
        client.send(head % (16 * MB) + b"x" * 16 * MB)
        assert client.socket.recv(4096)
        requests = seen(plain)["requests"]
        client.send(HELLO)
        assert client.rest().endswith(b"xxxx")
    assert seen(plain)["requests"] == requests + 1  # the question itself


def test_slow_heads_do_not_disturb_others(plain: Any) -> None:
    """Slow ones get 408 after 10 s, however steadily they go on; idle
    connections cost little memory; everybody else is served meanwhile."""
    idle = [plain.connect() for _ in range(200)]
    for client in idle:
        client.send(HELLO)
        client.answer()
    memory = plain.rss()
    slow = [plain.connect() for _ in range(200)]
    start = time.monotonic()
    for client in slow:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
    worst = 0.0
    while time.monotonic() - start < 9:
        for client in slow:
            client.send(b"x")
        asked = time.monotonic()
        assert plain.ask(HELLO).endswith(b"hello")
        worst = max(worst, time.monotonic() - asked)
        time.sleep(0.25)
    assert worst < 5  # they keep it busy for 9 s
    assert plain.rss() - memory < 200 * 16 * 1024 + 2 * MB
    for client in slow:
        assert client.answer()[0] == 408
        assert 9.5 < time.monotonic() - start < 30
        client.socket.close()
    for client in idle:
        client.send(HELLO)
        assert client.answer()[2] == b"hello"
        client.socket.close()


def test_idle_connections_cost_little_and_give_it_back(start: Any) -> None:
    """Also when all of them have had requests in hand at once."""
    server, n, request = start("plain"), 2000, b"POST /echo HTTP/1.1\r\nHost: a\r\n"
    request += b"Content-Length: 10000\r\n\r\n"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, n + 200)), hard))
    for _ in range(100):
        server.ask(HELLO)
    memory = server.rss()
    clients = [server.connect() for _ in range(n)]
    for client in clients:
        client.send(HELLO)
        assert client.answer()[2] == b"hello"
    assert server.rss() - memory < n * 6 * 1024
    for client in clients:
        client.send(request)
    for client in clients:
        client.send(b"x" * 10000)
        assert len(client.answer()[2]) == 10000
    assert eventually(lambda: server.rss() - memory < n * 6 * 1024, 10)
    for client in clients:
        client.socket.close()
    assert eventually(lambda: server.rss() - memory < n * 3 * 1024, 10)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def faults(server: Any) -> int:
    """Pages that its processes had to ask the kernel for."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2] for pid in server.pids()]
    return sum(int(stat.split()[7]) for stat in stats)


def test_memory_of_large_content_is_used_again_and_given_back(start: Any) -> None:
    server, length = start("uploads"), 1_500_000
    head = b"POST /request HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length
    clients = [server.connect() for _ in range(4)]

    def upload_to_all(times: int) -> None:
        for _ in range(times):
            for client in clients:
                client.send(head)
            for client in clients:
                client.send(b"x" * length)
                assert client.answer()[2] == b"%d" % length

    for client in clients:
        client.send(HELLO)
        client.answer()
    memory = server.rss()
    upload_to_all(10)
    before = faults(server)
    upload_to_all(20)
    # Each would have been 366 pages, and the pieces that it came in as many again.
    assert "ASAN_OPTIONS" in os.environ or faults(server) - before < 80 * 40
    assert eventually(lambda: server.rss() - memory < 3_000_000, 10)


def test_out_of_descriptors(start: Any) -> None:
    """Accepting pauses without spinning and goes on soon."""
    server = start("plain")
    assert server.ask(HELLO).endswith(b"hello")
    resource.prlimit(server.pids()[-1], resource.RLIMIT_NOFILE, (64, 64))
    clients = []
    for _ in range(200):
        clients.append(server.connect())
    time.sleep(0.3)
    before = server.cpu_s()
    time.sleep(2)
    assert server.cpu_s() - before < 0.1
    for client in clients[:100]:
        client.socket.close()
    for client in clients[100:]:
        client.socket.close()
    assert eventually(lambda: server.ask(HELLO).endswith(b"hello"), 3)
    assert 1 <= server.log.count("cannot accept") < 20
