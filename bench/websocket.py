#!/usr/bin/env python3
"""Measures what a WebSocket costs: CPU time a message, memory a socket.

    python bench/websocket.py [CASE...]         default: all
    python bench/websocket.py --update-readme   README.md and websocket.svg from the
                                                JSON of the last run, no measuring

As in run.py all servers of a case run at once on one core and are measured in turn, and figures are
medians of the rounds. Handshakes are not in them. Exit status: 0 all bars hold, 1 one is missed, 2 fastrd
has failed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import report
from case import Bar, Case, request
from peers import BENCH, BUILD, ROOT, TICK_SECONDS, PeerError, Server, Tools
from run import LOAD_CORE, alone, build_programs, describe_machine, make_peers_python, parse_arguments

HANDSHAKE = request("GET /echo", Upgrade="websocket", Connection="Upgrade",
                    Sec_WebSocket_Key="AQIDBAUGBwgJCgsMDQ4PEA==", Sec_WebSocket_Version="13")
ROWS = json.dumps([{"id": i, "name": f"user {i}", "tags": ["a", "b"], "score": i * 1.5} for i in range(16)])
SMALL, LARGE, JSON = "x" * 32, "y" * 65536, ROWS[:1024]
FLOOR = ("picows", "libwebsockets")
ASGI = ("fastrd", "uvicorn", "granian", "socketify")
BROADCAST = "fastrd broadcast()"
PACKAGES = ("fastapi", "uvicorn", "websockets", "uvloop", "granian", "socketify", "picows")
HELD = 2000
WARM = 200


@dataclass(frozen=True)
class Kind:
    """What is done with the application of one module."""

    name: str
    title: str
    app: str
    text: str
    bars: tuple[Bar, ...]
    peers: tuple[str, ...] = (*ASGI, *FLOOR)
    path: str = "/echo"
    connections: int = 64
    deflated: bool = False
    unit: str = "µs"  # a message; kB: a socket, after a message where it is deflated

    def case(self) -> Case:
        """As Server takes it."""
        return Case(self.name, self.title, f"{self.app}:app", HANDSHAKE, "", self.peers, self.bars,
                    status=101, group="websocket")


def _cheaper(factor: float, aim: float | None = None) -> Bar:
    return Bar("fastrd", "cheaper", factor, "uvicorn", aim)


def _within(factor: float, unit: str, peer: str = "fastrd") -> Bar:
    return Bar(peer, "within", factor, unit)


NOT_DEARER = Bar("fastrd", "at most", 1, "socketify")
RAW, FASTAPI = "websocket_raw", "websocket_fastapi"
DEFLATING = ("fastrd", "uvicorn", "socketify")
ROOM = (BROADCAST, *ASGI)
KINDS = (
    Kind("echo-raw", "echo of 32 bytes, raw ASGI", RAW, SMALL, (_cheaper(1.6, 2), NOT_DEARER)),
    Kind("echo", "echo of 32 bytes, FastAPI", FASTAPI, SMALL, (_cheaper(1.8, 2.3), NOT_DEARER), ASGI),
    Kind("large-raw", "echo of 64 kB, raw ASGI", RAW, LARGE, (_cheaper(1.4),), connections=8),
    Kind("large", "echo of 64 kB, FastAPI", FASTAPI, LARGE, (_cheaper(1.4),), ASGI, connections=8),
    Kind("deflate-raw", "echo of 1 kB of JSON, permessage-deflate, raw ASGI", RAW, JSON, (_cheaper(1.3),),
         DEFLATING, deflated=True),
    Kind("deflate", "echo of 1 kB of JSON, permessage-deflate, FastAPI", FASTAPI, JSON, (_cheaper(1.3),),
         DEFLATING, deflated=True),
    Kind("room-raw", "a delivery of 32 bytes to a room of 500, raw ASGI", RAW, SMALL,
         (_within(8, "µs", BROADCAST),), (*ROOM, *FLOOR), "/room", 500),
    Kind("room", "a delivery of 32 bytes to a room of 500, FastAPI", FASTAPI, SMALL,
         (_within(8, "µs", BROADCAST),), ROOM, "/room", 500),
    Kind("room-deflate", "a delivery of 1 kB of JSON to a room of 500, permessage-deflate, FastAPI", FASTAPI, JSON,
         (), (BROADCAST, *DEFLATING), "/room", 500, True),
    Kind("idle-raw", "memory of an idle socket, raw ASGI", RAW, SMALL, (_within(6, "kB"),), unit="kB"),
    Kind("idle", "memory of an idle socket, FastAPI", FASTAPI, SMALL, (_within(17, "kB"),), ASGI, unit="kB"),
    Kind("rest-raw", "memory of a socket after one deflated message, raw ASGI", RAW, JSON, (_within(20, "kB"),),
         DEFLATING, deflated=True, unit="kB"),
    Kind("rest", "memory of a socket after one deflated message, FastAPI", FASTAPI, JSON, (),
         DEFLATING, deflated=True, unit="kB"),
)


class Load:
    """ws_load with its connections open; see there."""

    def __init__(self, server: Server, kind: Kind, path: str, connections: int, messages: int) -> None:
        text = BUILD / "websocket-text"
        text.write_text(kind.text)
        arguments = [str(server.port), path, str(connections), str(messages),
                     "room" if kind.path == "/room" else "echo", str(int(kind.deflated)), text]
        self.name = server.name
        self.process = subprocess.Popen(
            ["taskset", "-c", str(LOAD_CORE), BUILD / "ws_load", *arguments], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._line()

    def _line(self) -> str:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            said = self.process.communicate()[1].strip()
            raise PeerError(f"{self.name}: {said or 'ws_load has ended'}")
        return line

    def send(self) -> dict[str, float]:
        """Send all messages: what ws_load says of it."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def close(self) -> None:
        self.process.communicate()


@contextmanager
def opened(*arguments: Any) -> Iterator[Load]:
    load = Load(*arguments)
    try:
        yield load
    finally:
        load.close()


def figures(server: Server, kind: Kind, path: str, messages: int) -> dict[str, float]:
    """One round."""
    with opened(server, kind, path, kind.connections, messages) as load:
        before = server.cpu_seconds()
        said = load.send()
        cpu = max(server.cpu_seconds() - before, TICK_SECONDS)
    return {"cpu_us": cpu / said["messages"] * 1e6, "busy": cpu / said["seconds"], "seconds": said["seconds"],
            "load_busy": said["load_cpu_seconds"] / said["seconds"]}


def calibrate(server: Server, kind: Kind, path: str, seconds: float) -> int:
    """Warm the server up; returns how many messages take it `seconds`."""
    messages = kind.connections * 4
    while (took := figures(server, kind, path, messages)["seconds"]) < 0.2 * seconds:
        messages *= 4 if took < 0.05 * seconds else 2
    return max(int(messages * seconds / took), kind.connections)


def memory(server: Server, kind: Kind) -> dict[str, float]:
    """kB of each of HELD sockets, beyond what serving some has taken."""
    with opened(server, kind, kind.path, WARM, WARM) as load:
        load.send()
    time.sleep(1)
    before = server.pss_kib()
    with opened(server, kind, kind.path, HELD, HELD if kind.deflated else 0) as load:
        if kind.deflated:
            load.send()
        time.sleep(0.5)
        more = server.pss_kib() - before
    return {"cpu_us": more * 1.024 / HELD}


def start(kind: Kind, tools: Tools) -> tuple[dict[str, Server], dict[str, str]]:
    """The servers by their names in the table, and why others are left out."""
    servers: dict[str, Server] = {}
    skipped: dict[str, str] = {}
    for name in kind.peers:
        try:
            servers[name] = Server(name.partition(" ")[0], kind.case(), tools)
        except PeerError as error:
            skipped[name] = str(error)
    return servers, skipped


def measure(kind: Kind, servers: dict[str, Server], skipped: dict[str, str],
            options: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """The rounds of each. Who fails is skipped, but for fastrd."""
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    messages: dict[str, int] = {}
    everyone = list(servers.values())
    for n in range(1 if kind.unit == "kB" else options.rounds + 1):
        for name, server in servers.items():
            if name in skipped:
                continue
            path = "/broadcast" if name == BROADCAST else kind.path
            try:
                with alone(server, everyone):
                    if kind.unit == "kB":
                        rounds[name].append(memory(server, kind))
                    elif n == 0:
                        messages[name] = calibrate(server, kind, path, options.seconds)
                    else:
                        rounds[name].append(figures(server, kind, path, messages[name]))
            except PeerError as error:
                if name == "fastrd":
                    raise
                skipped[name] = str(error)
    return {name: measured for name, measured in rounds.items() if name not in skipped}


def run_kind(kind: Kind, tools: Tools, options: argparse.Namespace) -> dict[str, Any]:
    print(f"\n{kind.title} ({kind.name}), {kind.unit}", flush=True)
    servers, skipped = start(kind, tools)
    try:
        rounds = measure(kind, servers, skipped, options)
    finally:
        for server in servers.values():
            server.stop()
    peers: dict[str, dict[str, Any]] = {}
    for name, measured in rounds.items():
        peers[name] = {key: statistics.median(r[key] for r in measured) for key in measured[0]}
        print(f"  {name:20} {peers[name]['cpu_us']:8.2f}", "".join(
            f"   {key} {peers[name][key]:4.0%}" for key in ("busy", "load_busy") if key in peers[name]))
    for name, why in skipped.items():
        print(f"  SKIPPED {name}: {why}")
    result = {"title": kind.title, "unit": kind.unit, "peers": peers, "skipped": skipped,
              "bars": [report.check_bar(bar, peers) for bar in kind.bars]}
    for bar in result["bars"]:
        print("  " + report.bar_line(bar), flush=True)
    return result


def markdown(results: dict[str, Any]) -> str:
    machine = results["machine"]
    lines = [
        f"{results['date']}, `{results['command']}`: medians of {results['rounds']} alternating rounds. "
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; Python {machine['python']}."
    ]
    for unit, what in (("µs", "CPU µs a message"), ("kB", "kB of PSS a socket")):
        names = ["fastrd", *([BROADCAST] if unit == "µs" else []), *ASGI[1:], *FLOOR]
        lines += ["", f"| {what} | " + " | ".join(names) + " |", "|---" + "|--:" * len(names) + "|"]
        for case in results["cases"].values():
            if case["unit"] == unit:
                peers = case["peers"]
                cells = [f"{peers[name]['cpu_us']:.1f}" if name in peers else "" for name in names]
                lines.append(f"| {case['title']} | " + " | ".join(cells) + " |")
    lines += ["", *(f"- {case['title']}: {report.bar_line(bar)}"
                    for case in results["cases"].values() for bar in case["bars"])]
    lines += [f"- {case['title']}: {name} was not run: {why}"
              for case in results["cases"].values() for name, why in case["skipped"].items()]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments, __doc__, [kind.name for kind in KINDS], BUILD / "websocket.json")
    peers_python = make_peers_python(options.fastrd_python)
    if options.update_readme:
        results = json.loads(options.json.read_text())
        report.put_between(BENCH / "README.md", "websocket", markdown(results))
        subprocess.run([peers_python, BENCH / "plot.py", options.json, BENCH / "websocket.svg", "message"], check=True)
        return 0
    build_programs({"ws_load": ("-lz",)})
    try:
        build_programs({"ws_floor": ("-lwebsockets",)})
    except subprocess.CalledProcessError:
        print("SKIPPED libwebsockets: it is not installed")
    tools = Tools(options.fastrd, options.fastrd_python, peers_python, {})
    kinds = [kind for kind in KINDS if not options.cases or kind.name in options.cases]
    if options.peers:
        wanted = options.peers.split(",")
        kinds = [replace(kind, peers=tuple(p for p in kind.peers if p in wanted)) for kind in kinds]
    results: dict[str, Any] = {
        "command": shlex.join(["python", "bench/websocket.py", *arguments]), "date": time.strftime("%Y-%m-%d"),
        "rounds": options.rounds, "machine": describe_machine(peers_python, PACKAGES), "cases": {},
    }
    try:
        for kind in kinds:
            results["cases"][kind.name] = run_kind(kind, tools, options)
    except PeerError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    return report.print_bars(results)


if __name__ == "__main__":
    if (os.cpu_count() or 1) <= LOAD_CORE:
        sys.exit("bench: two cores are needed, one for the server, one for the load")
    sys.exit(main(sys.argv[1:]))
