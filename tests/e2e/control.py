"""``fastrdctl``, and the control socket as a program of one's own sees it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from server import BUILD, PATIENCE

FASTRDCTL = str(BUILD / "bin/fastrdctl")


def fastrdctl(directory: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Of the server whose control socket is ``control`` in the directory, unless ``env`` says more."""
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    clean["FASTRD_CONTROL_SOCKET"] = "control"
    return subprocess.run(
        [FASTRDCTL, *words], cwd=directory, capture_output=True, text=True, timeout=120 * PATIENCE,
        env={**clean, **env}, stdin=subprocess.DEVNULL,
    )  # fmt: skip


NAMES = ("FASTRD_CONTROL_SOCKET", "XDG_RUNTIME_DIR")


def does(directory: Path, *words: str) -> str:
    """What it prints; it must work."""
    done = fastrdctl(directory, *words)
    assert (done.returncode, done.stderr) == (0, ""), (words, done.stdout, done.stderr)
    return done.stdout


def answer(directory: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(does(directory, "--json", *words))
    return found


def connect(directory: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(60 * PATIENCE)
    client.connect(str(directory / "control"))
    return client


def ask(directory: Path, line: bytes) -> dict[str, Any]:
    """As socat would."""
    with connect(directory) as client:
        client.sendall(line)
        client.shutdown(socket.SHUT_WR)
        said = b""
        with contextlib.suppress(ConnectionResetError):  # it has not read all of a long line
            while piece := client.recv(65536):
                said += piece
    assert said.endswith(b"}\n") and said.count(b"\n") == 1
    found: dict[str, Any] = json.loads(said)
    return found


def as_user(directory: Path, uid: int, line: bytes) -> str:
    """What a process of this user is told, or why it cannot ask."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = b""
        try:
            os.chdir(directory)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect("control")
                with contextlib.suppress(BrokenPipeError):  # it may be refused at once
                    client.sendall(line)
                said = client.recv(65536)
        except OSError as error:
            said = repr(error).encode()
        finally:
            os.write(writing, said)
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said.decode()
