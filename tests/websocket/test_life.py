"""Pings, slow readers and writers, the end of a worker: what happens to a WebSocket besides its messages."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw import BINARY, CLOSE, PING, PONG, TEXT, Raw, close, frame
from server import PATIENCE, Fastrd

APP = """
import asyncio, os, time

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("shutdown", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    await receive()
    if scope["path"] == "/hesitant":
        print("hesitant:", await receive(), flush=True)
        return
    if scope["path"] == "/late":
        print("late begins", flush=True)
        try:
            while not os.path.exists("go"):
                await asyncio.sleep(0.01)
            await send({"type": "websocket.accept"})
            print("late accepted:", await receive(), flush=True)
        except BaseException as exc:
            print("late:", type(exc).__name__, exc, flush=True)
        return
    if scope["path"].startswith("/busy"):
        turns = scope["path"][5:]
        print("busy begins", turns, flush=True)
        while not os.path.exists("go" + turns):
            time.sleep(0.01)
        for _ in range(int(turns)):
            await asyncio.sleep(0)
        try:
            await send({"type": "websocket.accept"})
            print("busy", turns, "accepted", flush=True)
        except OSError as exc:
            print("busy", turns, type(exc).__name__, flush=True)
        return
    await send({"type": "websocket.accept"})
    if scope["path"] == "/parting":
        for _ in range(22):
            await send({"type": "websocket.send", "bytes": bytes(10000)})
        await send({"type": "websocket.close", "code": 3000})
        print("parting closed", flush=True)
        return
    if scope["path"] == "/tidy":
        try:
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})
        finally:
            await asyncio.sleep(0.2)
            print("tidied up", flush=True)
        return
    if scope["path"] == "/wrong":
        for message in ({"text": b"x"}, {"bytes": [1]}, {"bytes": "x"}):
            try:
                await send({"type": "websocket.send", **message})
            except TypeError as exc:
                print("wrong:", exc, flush=True)
        return
    if scope["path"] == "/flood":
        try:
            while True:
                await send({"type": "websocket.send", "bytes": bytes(100000)})
                with open("sent", "ab") as sent:
                    sent.write(b".")
        except OSError as exc:
            print("flood ended:", type(exc).__name__, flush=True)
        return
    if scope["path"] == "/slow":
        while not os.path.exists("go"):
            await asyncio.sleep(0.01)
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            print("disconnect", message.get("code"), message.get("reason"), flush=True)
            return
        await send({**message, "type": "websocket.send"})
"""


@contextlib.contextmanager
def serving(directory: Path, *flags: str) -> Iterator[Fastrd]:
    (directory / "app.py").write_text(APP)
    with Fastrd("app:app", directory, *flags) as server:
        yield server


def test_a_client_that_answers_pings_stays(tmp_path):
    flags = ("--ws-ping-interval", "1", "--ws-ping-timeout", "5")
    with serving(tmp_path, *flags) as server, Raw(server.port) as client:
        payloads = set()
        for _ in range(2):
            opcode, payload = client.read()
            assert (opcode, len(payload)) == (PING, 4)
            payloads.add(payload)
            client.send(frame(PONG, payload))
        assert len(payloads) == 2  # each asks for an answer of its own
        client.send(frame(TEXT, b"still here"))
        assert client.read() == (TEXT, b"still here")


def test_a_client_that_answers_no_ping_is_let_go(tmp_path):
    flags = ("--ws-ping-interval", "1", "--ws-ping-timeout", "1")
    with serving(tmp_path, *flags) as server, Raw(server.port) as client:
        assert client.read()[0] == PING
        client.send(frame(PONG, b"else"))
        assert list(client.rest()) == [(CLOSE, b"\x03\xf3keepalive ping timeout")]
        server.wait_log("disconnect 1011 keepalive ping timeout")


def test_no_pings_where_the_settings_say_so(tmp_path):
    with serving(tmp_path, "--ws-ping-interval", "0") as server, Raw(server.port) as client:
        client.socket.settimeout(2)
        with pytest.raises(TimeoutError):
            client.read()


def test_a_client_that_does_not_read_makes_send_wait(tmp_path):
    with serving(tmp_path) as server, Raw(server.port, "/flood") as client:
        sent = tmp_path / "sent"
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.wait(sent.exists, "the first message")
        last = 0
        while (now := sent.stat().st_size) != last:  # until it stands still
            last = now
            time.sleep(0.5)
        assert last < 200  # 20 MB: what the kernel and our queue hold
        client.socket.close()
        server.wait_log("flood ended: ClientDisconnected")


def test_an_application_that_does_not_read_stops_the_client(tmp_path):
    flags = ("--ws-ping-interval", "1", "--ws-ping-timeout", "1")
    with serving(tmp_path, *flags) as server, Raw(server.port, "/slow") as client:
        client.socket.settimeout(3)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        sent = 0
        message = frame(BINARY, bytes(10000))
        whole = message * 2000  # 20 MB
        with pytest.raises(TimeoutError):
            while sent < len(whole):
                sent += client.socket.send(whole[sent : sent + 65536])
        # It was not read, so it could not answer pings either: it is not let go.
        (tmp_path / "go").touch()
        client.socket.settimeout(20 * PATIENCE)
        client.send(message[sent % len(message) :])
        for _ in range(sent // len(message) + 1):
            opcode, payload = client.read()
            while opcode == PING:
                opcode, payload = client.read()
            assert (opcode, payload) == (BINARY, bytes(10000))


def test_the_end_of_the_server_closes_with_1012(tmp_path):
    with serving(tmp_path) as server, Raw(server.port) as one, Raw(server.port) as other:
        server.signal(signal.SIGTERM)
        for client in (one, other):
            assert list(client.rest()) == [(CLOSE, b"\x03\xf4")]
            client.socket.close()
        assert server.process.wait(20 * PATIENCE) == 0
        log = server.log()
        assert "closed 2 WebSockets: 1012" in log
        assert log.count("disconnect 1012") == 2
        assert log.index("disconnect 1012") < log.index("shutdown")


def test_at_the_deadline_where_the_settings_say_so(tmp_path):
    flags = ("--ws-drain", "deadline", "--timeout-graceful-shutdown", "1")
    with serving(tmp_path, *flags) as server, Raw(server.port) as client:
        server.signal(signal.SIGTERM)
        server.wait_log("ending")
        client.send(frame(TEXT, b"during"))
        assert client.read() == (TEXT, b"during")
        assert list(client.rest()) == [(CLOSE, b"\x03\xf4")]
        client.socket.close()
        assert server.process.wait(20 * PATIENCE) == 0
        assert "closed 1 WebSocket: 1012" in server.log()


def test_a_reload_leaves_it_to_the_old_generation(tmp_path):
    with serving(tmp_path, "--timeout-graceful-shutdown", "2") as server, Raw(server.port) as client:
        server.signal(signal.SIGHUP)
        server.wait_log("reloaded in")
        client.send(frame(TEXT, b"old"))
        assert client.read() == (TEXT, b"old")
        with Raw(server.port) as newer:
            newer.send(frame(TEXT, b"new"))
            assert newer.read() == (TEXT, b"new")
            assert list(client.rest()) == [(CLOSE, b"\x03\xf4")]
            newer.send(close(1000))
            assert list(newer.rest()) == [(CLOSE, b"\x03\xe8")]


def test_endpoints_have_time_after_their_end_and_before_the_shutdown(tmp_path):
    flags = ("--ws-drain", "deadline", "--timeout-graceful-shutdown", "4")
    with serving(tmp_path, *flags) as server, Raw(server.port, "/tidy") as client:
        client.send(frame(TEXT, b"a"))
        assert client.read() == (TEXT, b"a")
        server.signal(signal.SIGTERM)
        assert list(client.rest()) == [(CLOSE, b"\x03\xf4")]
        client.socket.close()
        assert server.process.wait(20 * PATIENCE) == 0
        log = server.log()
        assert log.index("tidied up") < log.index("shutdown")
        assert "cut after" not in log


def test_the_server_closes_first_when_both_have_said_so(tmp_path):
    with serving(tmp_path) as server, Raw(server.port, "/parting") as client:
        while client.read()[0] != CLOSE:
            pass
        client.send(close(3000))
        assert client.socket.recv(1) == b""
        with pytest.raises(OSError):  # what lingers would read this away
            for _ in range(100):
                client.socket.sendall(b"x")
                time.sleep(0.1)


def test_it_is_in_the_access_log_when_it_is_accepted(tmp_path):
    with serving(tmp_path, "--access-log", "--access-log-format", "%(m)s %(U)s %(s)s") as server:
        with Raw(server.port, "/path") as client:
            server.wait_log("GET /path 101")
            client.send(frame(TEXT, b"a"))
            assert client.read() == (TEXT, b"a")


def test_a_client_that_leaves_before_it_is_accepted(tmp_path):
    with serving(tmp_path) as server:
        client = Hasty(server.port, "/hesitant")
        client.socket.close()
        server.wait_log("hesitant: {'type': 'websocket.disconnect', 'code': 1006}")
        client = Hasty(server.port, "/late")
        server.wait_log("late begins")
        client.socket.close()
        (tmp_path / "go").touch()
        server.wait_log("late: ClientDisconnected")


def test_a_client_that_leaves_in_the_turn_in_which_it_is_accepted(tmp_path):
    """The loop is held meanwhile: it hears of the end so many of its turns after the application goes on."""
    with serving(tmp_path, "--blocked-warning", "0") as server:
        for turns in range(6):
            client = Hasty(server.port, f"/busy{turns}")
            server.wait_log(f"busy begins {turns}")
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.close()
            (tmp_path / f"go{turns}").touch()
            server.wait(lambda: re.search(rf"busy {turns} \w+\n", server.log()), "its end")
        assert re.search(r"busy \d ClientDisconnected", server.log())


class Hasty(Raw):
    """It does not wait for an answer to its handshake."""

    def _more(self) -> None:
        self.data += b"HTTP/1.1 0\r\n\r\n"


@pytest.mark.parametrize("part", [b"\x81", frame(PING, b"half")[:4], frame(TEXT, b"half")[:8]])
def test_a_client_that_leaves_in_the_middle_of_a_frame_is_let_go(tmp_path, part):
    flags = ("--ws-ping-interval", "1", "--ws-ping-timeout", "1")
    with serving(tmp_path, *flags) as server, Raw(server.port) as client:
        client.send(part)
        assert client.read()[0] == PING
        assert list(client.rest()) == [(CLOSE, b"\x03\xf3keepalive ping timeout")]


def test_what_was_sent_before_a_close_arrives_however_slow_the_client(tmp_path):
    """A unix socket holds about 200 kB: the rest and the close frame wait in the server."""
    with serving(tmp_path, "--uds", "socket"), Raw(str(tmp_path / "socket"), "/parting") as client:
        time.sleep(12)  # longer than the client's close frame is waited for
        for _ in range(22):
            assert client.read() == (BINARY, bytes(10000))
        assert client.read() == (CLOSE, b"\x0b\xb8")


def test_a_handshake_that_is_in_hand_at_the_end_is_answered(tmp_path):
    with serving(tmp_path) as server:
        client = Hasty(server.port, "/late")
        server.wait_log("late begins")
        server.signal(signal.SIGTERM)
        client.socket.settimeout(20 * PATIENCE)
        assert client.socket.recv(12) == b"HTTP/1.1 503"
        client.socket.close()
        (tmp_path / "go").touch()
        assert server.process.wait(20 * PATIENCE) == 0
        assert "late: ClientDisconnected" in server.log()


def test_a_rule_cancels_a_handshake_that_is_not_answered(tmp_path):
    with serving(tmp_path, "--route", "/late timeout=1") as server:
        with Raw(server.port, "/late") as client:
            assert client.status == 504
        server.wait_log("late: CancelledError")


def test_what_is_no_text_or_no_bytes_is_named(tmp_path):
    with serving(tmp_path) as server, Raw(server.port, "/wrong") as client:
        assert list(client.rest()) == []
        log = server.log()
        assert "wrong: text of websocket.send must be a str, not bytes\n" in log
        assert "wrong: bytes of websocket.send must be bytes, not list\n" in log
        assert "wrong: bytes of websocket.send must be bytes, not str\n" in log
