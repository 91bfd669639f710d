"""A PostgreSQL and a Redis of our own, each in a temporary directory, on a free
port of 127.0.0.1 and on a unix socket."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ports import free_port

# PostgreSQL refuses to run as root.
USER = "nobody" if os.geteuid() == 0 else getpass.getuser()


@dataclass(frozen=True)
class Server:
    """Where a server listens; ``directory`` holds its files, its socket and its log."""

    directory: Path
    port: int

    @property
    def redis_socket(self) -> str:
        return str(self.directory / "redis.sock")


def certificate(directory: Path) -> tuple[Path, Path]:
    """Key and self-signed certificate for localhost, made in ``directory``."""
    key, cert = directory / "key.pem", directory / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
         "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, cert


def _as_user(command: list[str]) -> list[str]:
    """The command as USER, ended by the kernel when this process dies, without the runtime
    of a sanitizer, under which PostgreSQL hangs."""
    command = ["env", "-u", "LD_PRELOAD", *command]
    if os.geteuid() != 0:
        return ["setpriv", "--pdeathsig=INT", *command]
    group = pwd.getpwnam(USER).pw_gid
    return ["setpriv", f"--reuid={USER}", f"--regid={group}", "--clear-groups",
            "--pdeathsig=INT", *command]  # fmt: skip


@contextmanager
def _directory() -> Iterator[Path]:
    """A directory of USER's; pytest's own are closed to others."""
    directory = Path(tempfile.mkdtemp(prefix="fastrd-libraries-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, USER)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _running(command: list[str], directory: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """Run until the block ends. RuntimeError with the log when not ready in 20 s."""
    log = directory / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            _as_user(command), cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + 20
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text()}")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _postgres_bin() -> Path:
    """Debian's directory of the newest PostgreSQL, else the one of the one on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    if found:
        return found[-1]
    program = shutil.which("postgres")
    if program is None:
        raise RuntimeError("PostgreSQL is not installed (Debian: postgresql)")
    return Path(program).parent


@contextmanager
def postgres() -> Iterator[Server]:
    """An empty cluster with the superuser ``tester``; it offers TLS too."""
    programs = _postgres_bin()
    with _directory() as directory:
        server = Server(directory, free_port())
        data = directory / "data"
        subprocess.run(
            _as_user([str(programs / "initdb"), "-D", str(data), "-U", "tester", "-A", "trust",
                      "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]),
            check=True, capture_output=True, cwd=directory,
        )  # fmt: skip
        for path in certificate(directory):
            path.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(path, USER)
        settings = {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": directory, "ssl": "on",
            "ssl_key_file": directory / "key.pem", "ssl_cert_file": directory / "cert.pem",
            "fsync": "off", "max_connections": 200,
        }  # fmt: skip
        command = [str(programs / "postgres"), "-D", str(data), "-p", str(server.port)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        probe = [str(programs / "pg_isready"), "-q", "-h", str(directory), "-p", str(server.port)]
        with _running(command, directory, lambda: subprocess.run(probe).returncode == 0):
            yield server


@contextmanager
def redis() -> Iterator[Server]:
    """An empty Redis that writes nothing to disk."""
    if shutil.which("redis-server") is None:
        raise RuntimeError("Redis is not installed (Debian: redis-server)")
    with _directory() as directory:
        server = Server(directory, free_port())
        command = [
            "redis-server", "--bind", "127.0.0.1", "--port", str(server.port),
            "--unixsocket", server.redis_socket, "--unixsocketperm", "777", "--save", "",
        ]  # fmt: skip

        def ready() -> bool:
            try:
                with socket.create_connection(("127.0.0.1", server.port), 1) as conn:
                    conn.sendall(b"PING\r\n")
                    return conn.recv(16).startswith(b"+PONG")
            except OSError:
                return False

        with _running(command, directory, ready):
            yield server
