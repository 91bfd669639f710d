"""HAProxy and nginx in front of a server, and what they say in the PROXY protocol."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LINE = b"PROXY TCP4 203.0.113.9 198.51.100.1 51234 443\r\n"
LOCAL = SIGNATURE + b"\x20\0\0\0"

HAPROXY = """
global
    log /dev/null local0
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen plain
    bind 127.0.0.1:{port} {options}
    server fastrd 127.0.0.1:{to} {send}
"""

NGINX = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{}}
stream {{
    server {{
        listen 127.0.0.1:{port};
        proxy_pass 127.0.0.1:{to};
        proxy_protocol on;
    }}
}}
"""


def header(tls: bool = False, client: str = "203.0.113.9", port: int = 51234) -> bytes:
    """Version 2."""
    addresses = socket.inet_aton(client) + socket.inet_aton("198.51.100.1")
    rest = addresses + struct.pack(">HH", port, 443)
    if tls:
        rest += b"\x20\0\x05\x01\0\0\0\0"
    return SIGNATURE + b"\x21\x11" + struct.pack(">H", len(rest)) + rest


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """The program, from when it listens on the port."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while True:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def haproxy(directory: Path, to: int, send: str, options: str = "") -> Iterator[int]:
    """HAProxy before the port `to`; the port where it listens."""
    port, file = free_port(), directory / "haproxy.cfg"
    file.write_text(HAPROXY.format(port=port, to=to, send=send, options=options))
    binary = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
    assert binary is not None, "run tests/install"
    with running([binary, "-db", "-f", str(file)], port, directory / "haproxy.log"):
        yield port


@contextmanager
def nginx(directory: Path, to: int) -> Iterator[int]:
    """nginx likewise, which forwards bytes."""
    port, file = free_port(), directory / "nginx.conf"
    file.write_text(NGINX.format(port=port, to=to, directory=directory))
    binary = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    assert binary is not None, "run tests/install"
    with running([binary, "-c", str(file), "-p", str(directory)], port, directory / "nginx.out"):
        yield port
