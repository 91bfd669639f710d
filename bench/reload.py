#!/usr/bin/env python3
"""Measures reloads while somebody develops: from the save of a file to the first answer of the new
code, under ``fastrd dev``, ``uvicorn --reload`` and ``fastapi dev``.

    python bench/reload.py [--rounds N]

Prints a table for README.md. Exit status: 0 the bar holds, 1 it is missed. Needs a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import make_peers_python
from start import FASTRD, PYTHON, free_port

BAR_MS = 500
APP = """from fastapi import FastAPI

app = FastAPI()

@app.get("/")
async def root():
    return {number}
"""

def servers() -> dict[str, list[str]]:
    """The command of each."""
    peers = make_peers_python(Path(PYTHON))
    return {
        "fastrd dev": [FASTRD, "dev", "main.py"],
        "uvicorn --reload": [str(peers), "-m", "uvicorn", "main:app", "--reload"],
        "fastapi dev": [str(peers.parent / "fastapi"), "dev", "main.py"],
    }


def save(directory: Path, number: int) -> None:
    """As an editor: another file takes the place."""
    other = directory / ".main.tmp"
    other.write_text(APP.format(number=number))
    os.replace(other, directory / "main.py")


def answer(port: int) -> str:
    """What is answered; empty: nobody answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as conn:
            conn.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            data = b""
            while piece := conn.recv(4096):
                data += piece
    except OSError:
        return ""
    return data.rpartition(b"\r\n\r\n")[2].decode()


def wait(port: int, number: int) -> None:
    end = time.monotonic() + 60
    while answer(port) != str(number):
        if time.monotonic() > end:
            sys.exit(f"port {port} does not answer {number}")
        time.sleep(0.005)


def measure(command: list[str], rounds: int) -> list[float]:
    """Milliseconds of each save."""
    took = []
    with tempfile.TemporaryDirectory() as name:
        directory, port = Path(name), free_port()
        save(directory, 0)
        process = subprocess.Popen(
            [*command, "--port", str(port)], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait(port, 0)
            for number in range(1, rounds + 1):
                time.sleep(3)  # what a server prepares for the next one is done
                begun = time.monotonic()
                save(directory, number)
                wait(port, number)
                took.append((time.monotonic() - begun) * 1000)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
    return took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    print("| | median, ms | least | most |\n| --- | --- | --- | --- |")
    held = True
    for name, command in servers().items():
        took = measure(command, rounds)
        median = statistics.median(took)
        print(f"| `{name}` | {median:.0f} | {min(took):.0f} | {max(took):.0f} |", flush=True)
        held &= median <= BAR_MS or not name.startswith("fastrd")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
