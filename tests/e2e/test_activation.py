"""Socket activation: the supervisor listens, fastrd serves what it is given."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

from activation import activated, addresses, passing, unix_listener
from ports import free_port
from server import BINARY, PATIENCE, Fastrd, read_all

ASK = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def asked(address) -> bytes:
    """The content of one answer from a TCP address, or a unix socket's path."""
    with socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX) as conn:
        conn.settimeout(10 * PATIENCE)
        conn.connect(address)
        conn.sendall(ASK)
        return read_all(conn).partition(b"\r\n\r\n")[2]


def test_tcp_and_unix_sockets_are_served_and_named(plain_dir):
    path = plain_dir / "socket"
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        unix_listener(path) as three,
    ):
        with activated("app:app", plain_dir, [one, two, three], names="web:unknown:local") as server:
            ports = [sock.getsockname()[1] for sock in (one, two)]
            assert addresses(server.log()) == [
                f"http://127.0.0.1:{ports[0]} (web)",
                f"http://127.0.0.1:{ports[1]}",
                f"unix:{path} (local)",
            ]
            for address in (*(("127.0.0.1", port) for port in ports), os.fspath(path)):
                assert asked(address) == b'{"hello":"world"}'
            server.signal(signal.SIGTERM)
            assert server.process.wait(25 * PATIENCE) == 0
        # The supervisor goes on listening, and its socket's name stays.
        assert path.is_socket()


def test_a_connection_waits_for_the_next_server(plain_dir):
    """Between two servers nothing is refused: the supervisor's queue takes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with activated("app:app", plain_dir, [listener]):
            assert asked(address) == b'{"hello":"world"}'
        with socket.create_connection(address, 10 * PATIENCE) as conn:
            conn.sendall(ASK)
            with activated("app:app", plain_dir, [listener]):
                assert read_all(conn).endswith(b'{"hello":"world"}')


def refused(directory: Path, sockets: list[socket.socket], env: dict[str, str] | None = None):
    done = subprocess.run(
        passing(sockets, [BINARY, "app:app"]), cwd=directory, capture_output=True, text=True,
        timeout=60, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
        pass_fds=[sock.fileno() for sock in sockets],
    )  # fmt: skip
    return done.returncode, done.stderr


def test_what_is_no_listener_is_refused_by_name(plain_dir):
    listener = socket.create_server(("127.0.0.1", 0))
    datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    one, other = socket.socketpair()
    with listener, datagram, bound, one, other:
        env = {"LISTEN_FDNAMES": "web:dns"}
        assert refused(plain_dir, [listener, datagram], env) == (
            4,
            "fastrd: descriptor 4 (dns) is no stream socket; "
            "use ListenStream= where the socket is configured\n",
        )
        assert refused(plain_dir, [one]) == (
            4,
            "fastrd: descriptor 3 is a connection; use Accept=no where the socket is configured\n",
        )
        assert refused(plain_dir, [bound]) == (
            4,
            "fastrd: descriptor 3 is no listening socket; "
            "pass one that bind() and listen() were called on\n",
        )


def test_the_application_sees_nothing_of_it(plain_dir):
    """What it starts would take the sockets for its own."""
    (plain_dir / "names.py").write_text(
        "import os\nfrom fastapi import FastAPI\napp = FastAPI()\n"
        "@app.get('/')\ndef names():\n"
        "    return [name for name in os.environ if name.startswith('LISTEN_')]\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with activated("names:app", plain_dir, [listener], names="web"):
            assert asked(listener.getsockname()) == b"[]"


def test_systemds_own_tool(plain_dir):
    """systemd-socket-activate listens, and becomes the server at the first connection."""
    path = plain_dir / "socket"
    port = free_port()
    server = Fastrd("app:app", plain_dir)
    server.command = [
        "systemd-socket-activate", "--listen", f"127.0.0.1:{port}", "--listen", str(path),
        "--fdname", "web:local", "--setenv", "PYTHONPATH", *server.command,
    ]  # fmt: skip
    waiting = []

    def await_first() -> bool:
        try:
            waiting.append(socket.create_connection(("127.0.0.1", port), 1))
        except OSError:
            return False
        return True

    server.log_file = open(server.log_path, "wb")
    server.process = subprocess.Popen(
        server.command, cwd=plain_dir, stdin=subprocess.DEVNULL, stdout=server.log_file,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        server.wait(await_first, "the listener")
        waiting[0].settimeout(20 * PATIENCE)
        waiting[0].sendall(ASK)
        assert read_all(waiting[0]).endswith(b'{"hello":"world"}')
        assert asked(str(path)) == b'{"hello":"world"}'
        assert addresses(server.log()) == [f"http://127.0.0.1:{port} (web)", f"unix:{path} (local)"]
    finally:
        server.__exit__()
        for conn in waiting:
            conn.close()


def test_odd_names_do_no_harm(plain_dir):
    names = f"{'x' * 100}:\x1b[31m"
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
        activated("app:app", plain_dir, [one, two], names=names) as server,
    ):
        first, second = (f"http://127.0.0.1:{sock.getsockname()[1]}" for sock in (one, two))
        assert addresses(server.log()) == [first, f"{second} (?[31m)"]
