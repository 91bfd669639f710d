#!/usr/bin/env python3
"""Measures starts and replacements: time and CPU time to the first answer beside uvicorn, the
time from a worker's death to the next answer, and the memory of each further worker.

    python bench/start.py [--rounds N]

Prints a table for README.md. Exit status: 0 all bars hold, 1 one is missed. Needs a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
FASTRD, PYTHON = str(BUILD / "bin/fastrd"), str(BUILD / "venv/bin/python")
# Directory, application and path; what fastrd may take of uvicorn's time.
APPS = {
    "shop": (ROOT / "examples", "shop:app", "/health"),
    "2,000 routes": (ROOT / "bench/apps", "nested:app", "/r1/5"),
}
FIRST_BAR, REPLACED_BAR_MS, MEMORY_BAR_MB, MEMORY_AIM_MB = 1.1, 100, 12, 8
PAUSE = 0.002


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer(port: int, path: str, seconds: float = 120) -> None:
    """Wait for a 200 of that path."""
    end = time.monotonic() + seconds
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    while time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), 10) as conn:
                conn.sendall(request)
                if conn.recv(1000).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(PAUSE)
    sys.exit(f"no answer from port {port}")


class Server:
    def __init__(self, command: list[str], directory: Path, path: str) -> None:
        self.port, self.path = free_port(), path
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], cwd=directory,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def children(self) -> list[int]:
        pid = self.process.pid
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def workers(self) -> list[int]:
        """Of fastrd's children, those that serve: not a zygote, and not a spare."""
        return [p for p in self.children() if b"role=worker" in Path(f"/proc/{p}/cmdline").read_bytes()]

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def first_answer(command: list[str], directory: Path, path: str) -> tuple[float, float]:
    """Seconds, and seconds of CPU time of all its processes, start to end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    server = Server(command, directory, path)
    answer(server.port, path)
    took = time.monotonic() - began
    server.end()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def replaced(flags: list[str], rounds: int) -> float:
    """Milliseconds from the death of the only worker to the next answer."""
    directory, app, path = APPS["shop"]
    server = Server([FASTRD, *flags, app], directory, path)
    answer(server.port, path)
    found = []
    for _ in range(rounds):
        time.sleep(2.5)  # its successor is to have served for a while, and a spare to be there
        known = server.workers()
        victim = next(iter(known))
        os.kill(victim, signal.SIGKILL)
        began = time.monotonic()
        answer(server.port, path)
        found.append(1000 * (time.monotonic() - began))
    server.end()
    return statistics.median(found)


def pss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def memory(flags: list[str]) -> float:
    """MB of PSS that the server has more for each worker beyond the first."""
    directory, app, path = APPS["shop"]
    totals = []
    for workers in (1, 5):
        server = Server([FASTRD, "--workers", str(workers), *flags, app], directory, path)
        answer(server.port, path)
        for _ in range(400):
            answer(server.port, path)
        totals.append(sum(map(pss, [server.process.pid, *server.children()])))
        server.end()
    return (totals[1] - totals[0]) / 4 / 1000


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    held = True
    print("| | first answer, s | CPU, s | of uvicorn's time, CPU |\n|---|--:|--:|--:|")
    for name, (directory, app, path) in APPS.items():
        commands = {
            "uvicorn": [PYTHON, "-m", "uvicorn", app],
            "fastrd": [FASTRD, app],
            "fastrd --preload": [FASTRD, "--preload", app],
        }
        found: dict[str, list[tuple[float, float]]] = {peer: [] for peer in commands}
        for _ in range(rounds):
            for peer, command in commands.items():
                found[peer].append(first_answer(command, directory, path))
        medians = {
            peer: tuple(statistics.median(column) for column in zip(*rows, strict=True))
            for peer, rows in found.items()
        }
        for peer, (took, cpu) in medians.items():
            ratios = [a / b for a, b in zip((took, cpu), medians["uvicorn"], strict=True)]
            held &= peer != "fastrd" or ratios[0] <= FIRST_BAR
            print(f"| {name}, {peer} | {took:.2f} | {cpu:.2f} | {ratios[0]:.2f}, {ratios[1]:.2f} |")
    print("\n| fastrd, shop | next answer after a worker's death, ms | each further worker, MB PSS |")
    print("|---|--:|--:|")
    for flags in ([], ["--spare", "1"], ["--preload"]):
        ms, mb = replaced(flags, rounds), memory(flags)
        held &= not flags or ms <= REPLACED_BAR_MS
        held &= flags != ["--preload"] or mb <= MEMORY_BAR_MB
        print(f"| {' '.join(flags) or 'without a flag'} | {ms:.0f} | {mb:.1f} |")
    print(
        f"\nBars: first answer ≤ {FIRST_BAR}× uvicorn's; replaced within {REPLACED_BAR_MS} ms with a "
        f"flag; ≤ {MEMORY_BAR_MB} MB each with --preload (aim {MEMORY_AIM_MB}): "
        f"{'all hold' if held else 'MISSED'}"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
