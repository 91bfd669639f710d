"""The two servers: uvicorn as the reference and the one under test, on free ports."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ports import free_port
from wire import Peer

ROOT = Path(__file__).parents[2]
Pair = tuple[Peer, Peer]
FASTRD = str(Path(os.environ.get("FASTRD_BUILD", ROOT / "build")) / "bin/fastrd")


def uvicorn(app: str, app_dir: Path, port: int, http: str = "httptools") -> list[str]:
    """The reference's command."""
    return [
        sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port),
        "--http", http, "--app-dir", str(app_dir), "--log-level", "warning", app,
    ]  # fmt: skip


def fastrd(app: str, app_dir: Path, port: int) -> list[str]:
    """The tested server's command."""
    return [
        FASTRD, "--host", "127.0.0.1", "--port", str(port),
        "--python", sys.executable, "--app-dir", str(app_dir), app,
    ]  # fmt: skip


def answers(port: int, deadline: float) -> bool:
    """Does it serve, rather than just listen? Asked with what is no request."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as sock:
            sock.settimeout(max(1.0, deadline - time.monotonic()))
            sock.sendall(b"?\r\n\r\n")
            return bool(sock.recv(1))
    except OSError:
        return False


@contextmanager
def serving(command: list[str], port: int, log: Path, env: dict[str, str]) -> Iterator[int]:
    """Run until the block ends. RuntimeError with the log if it does not answer in 60 s.

    PYTHONHASHSEED is fixed: Starlette joins a *set* for the Allow header of a 405.
    """
    env = {**os.environ, "PYTHONHASHSEED": "0", **env}
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 60
        while not answers(port, deadline):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command} did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def pair(app: str, app_dir: Path, mode: str, state: Path) -> Iterator[Pair]:
    """A connection to uvicorn and one to fastrd in `mode` (compiled, asgi)."""
    with ExitStack() as stack:
        peers = []
        for name, command in (("reference", uvicorn), ("fastrd", fastrd)):
            port = free_port()
            env = {"SHOP_DATABASE": str(state / f"{name}.sqlite"), "FASTRD_FORCE": mode}
            log = state / f"{name}.log"
            stack.enter_context(serving(command(app, app_dir, port), port, log, env))
            peer = Peer(port)
            stack.callback(peer.close)
            peers.append(peer)
        yield peers[0], peers[1]
