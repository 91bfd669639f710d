#!/usr/bin/env python3
"""Measures the CPU time per request of fastrd and of its peers.

    python bench/run.py [CASE...]           cases: see cases.py; default: all.
                                            "route" and "stack" are groups of them.
    python bench/run.py --update-readme     README.md and results.svg from the
                                            JSON of the last run, no measuring

All servers of a case run at once on one core and are measured in turn, round
by round, from the other core; figures are medians of the rounds. The CPU time
is user + system time of all processes of a server over a fixed number of
requests. Exit status: 0 all bars hold, 1 one is missed, 2 a run failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import report
from case import CONNECTIONS, Case
from cases import CASES
from peers import BENCH, BUILD, ROOT, SERVER_CORE, TICK_SECONDS, PeerError, Server, Tools

sys.path += [str(BENCH / "apps"), str(ROOT / "tests/libraries"), str(ROOT / "tests/shared")]

import files  # noqa: E402
import servers as databases  # noqa: E402

LOAD_CORE = 1
PROGRAMS = {"floor": ("-levent", "-lhttp_parser"), "load": ()}


def build_programs(programs: dict[str, tuple[str, ...]] = PROGRAMS) -> None:
    """Compile them into build/bench where the source is newer."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for name, libraries in programs.items():
        source, program = BENCH / "micro" / f"{name}.c", BUILD / name
        if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
            continue
        subprocess.run(["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror",
                        "-o", program, source, *libraries], check=True)


def make_peers_python(base: Path) -> Path:
    """The interpreter of the peers' virtual environment, made when missing."""
    venv, requirements = BUILD / "venv", BENCH / "requirements.txt"
    stamp = venv / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        maker = base if base.exists() else Path(sys.executable)
        subprocess.run([maker, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin/pip", "install", "-q", "--disable-pip-version-check",
                        "-r", requirements], check=True)
        stamp.write_bytes(requirements.read_bytes())
    return venv / "bin/python"


def run_load(server: Server, case: Case, requests: int) -> dict[str, float]:
    """Send `requests` requests; returns the figures of the load generator.

    Raises PeerError when a single answer was wrong or missing.
    """
    request_file, content_file = BUILD / "request", BUILD / "content"
    request_file.write_bytes(case.request)
    content_file.write_bytes(server.raw)
    result = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), BUILD / "load", str(server.port), str(case.connections),
         str(case.depth), str(requests), str(case.status), request_file, content_file],
        capture_output=True, text=True)
    if result.returncode != 0:
        raise PeerError(f"{server.name}: {result.stderr.strip()}")
    figures = json.loads(result.stdout)
    if figures["errors"]:
        raise PeerError(f"{server.name}: {figures['errors']} of {requests} answers wrong or missing")
    return figures


def calibrate(server: Server, case: Case, seconds: float) -> int:
    """Warm the server up; returns how many requests take it `seconds`."""
    requests = case.connections * case.depth
    while (took := run_load(server, case, requests)["seconds"]) < 0.2 * seconds:
        requests *= 4 if took < 0.05 * seconds else 2
    return max(int(requests * seconds / took), case.connections * case.depth)


def measure_round(server: Server, case: Case, requests: int) -> dict[str, float]:
    """One round: figures per request and how busy each side was."""
    cpu_before = server.cpu_seconds()
    figures = run_load(server, case, requests)
    # Less than one tick of the clock in /proc is one tick.
    cpu = max(server.cpu_seconds() - cpu_before, TICK_SECONDS)
    return {
        "cpu_us": cpu / requests * 1e6,
        "rps": requests / figures["seconds"],
        "p99_us": figures["p99_us"],
        "server_busy": cpu / figures["seconds"],
        "load_busy": figures["load_cpu_seconds"] / figures["seconds"],
    }


def start_servers(case: Case, tools: Tools) -> tuple[list[Server], dict[str, str]]:
    """Start the peers of a case; the second value says who was left out, why."""
    servers, skipped = [], {}
    if case.needs and f"BENCH_{case.needs.upper()}" not in tools.environment:
        return servers, dict.fromkeys(case.peers, f"{case.needs} is not installed")
    for name in case.peers:
        if name == "own":
            continue
        try:
            servers.append(Server(name, case, tools))
        except PeerError as error:
            skipped[name] = str(error)
            print(f"  SKIPPED {name}: {error}", flush=True)
    return servers, skipped


def check_contents(case: Case, servers: list[Server]) -> None:
    """All answer what is expected, or what the reference answers. Raises PeerError."""
    said = {server.name: server.plain for server in servers}
    expected = said.get(case.reference) if case.content is None else case.content.encode()
    for name, content in said.items():
        if expected is not None and content != expected:
            raise PeerError(f"{name} answers {content[:100]!r}, expected {expected[:100]!r}")


def measure_own(case: Case, tools: Tools, seconds: float) -> dict[str, float]:
    """One round of what the application itself costs, called in a loop."""
    result = subprocess.run(
        ["taskset", "-c", str(SERVER_CORE), tools.peers_python, BENCH / "own.py", case.own, str(seconds)],
        capture_output=True, text=True, env=os.environ | tools.environment)
    if result.returncode != 0:
        raise PeerError(f"own: {result.stderr.strip()}")
    return {"cpu_us": float(result.stdout)}


@contextmanager
def alone(server: Server | None, servers: list[Server]) -> Iterator[None]:
    """Only `server` (None: nobody) runs meanwhile: fastpysgi polls while nobody asks it, which
    takes half of the core from the others."""
    stopped = [other for other in servers if other is not server]
    for other in stopped:
        other.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for other in stopped:
            other.signal(signal.SIGCONT)


def run_case(case: Case, tools: Tools, options: argparse.Namespace) -> dict[str, Any]:
    """Measure one case; returns its part of the results."""
    print(f"\n{case.title} ({case.name})", flush=True)
    servers, skipped = start_servers(case, tools)
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in case.peers if name not in skipped}
    try:
        check_contents(case, servers)
        requests = {}
        for server in servers:
            with alone(server, servers):
                requests[server.name] = calibrate(server, case, options.seconds)
        for _ in range(options.rounds):
            for server in servers:
                with alone(server, servers):
                    rounds[server.name].append(measure_round(server, case, requests[server.name]))
            if "own" in rounds:
                with alone(None, servers):
                    rounds["own"].append(measure_own(case, tools, options.seconds))
        memory = {server.name: server.pss_kib() for server in servers}
    finally:
        for server in servers:
            server.stop()
    peers: dict[str, dict[str, Any]] = {}
    for name, measured in rounds.items():
        peers[name] = {key: statistics.median(r[key] for r in measured) for key in measured[0]}
        peers[name]["cpu_us_rounds"] = [round(r["cpu_us"], 3) for r in measured]
        if name in memory:
            peers[name] |= {"pss_kib": memory[name], "requests": requests[name]}
    result = {"title": case.title, "reference": case.reference, "peers": peers,
              "skipped": skipped, "bars": [report.check_bar(bar, peers) for bar in case.bars]}
    report.print_case(result)
    return result


def start_databases(stack: ExitStack, needs: set[str]) -> dict[str, str]:
    """Start what the cases need, where it is installed: the environment that leads there."""
    environment: dict[str, str] = {"SHOP_DATABASE": str(BUILD / "shop.sqlite")}
    for kind, start, url in (("postgres", databases.postgres, "postgresql://tester@127.0.0.1:{}/postgres"),
                             ("redis", databases.redis, "redis://127.0.0.1:{}")):
        if kind not in needs:
            continue
        try:
            environment[f"BENCH_{kind.upper()}"] = url.format(stack.enter_context(start()).port)
        except RuntimeError as error:
            print(f"SKIPPED {error}", flush=True)
    return environment


PACKAGES = ("fastapi", "pydantic", "uvicorn", "httptools", "uvloop", "granian", "fastpysgi")


def describe_machine(peers_python: Path, packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """What the figures depend on, without names of hosts or paths."""
    cpu = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    probe = ("import importlib.metadata as m, platform;"
             f"print(platform.python_version(), *(f'{{n}} {{m.version(n)}}' for n in {packages}), sep=', ')")
    versions = subprocess.run([peers_python, "-c", probe], capture_output=True, text=True, check=True)
    return {"cpu": cpu, "cores": str(os.cpu_count()), "kernel": platform.release(),
            "python": versions.stdout.strip()}


def parse_arguments(arguments: list[str], about: str, names: list[str], results: Path) -> argparse.Namespace:
    """What this program and ``websocket.py`` are told. ``results``: where the figures go by default."""
    parser = argparse.ArgumentParser(description=about.split("\n", 1)[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.2, help="length of a round (default 1.2)")
    parser.add_argument("--peers", help="measure only these, separated by commas")
    parser.add_argument("--fastrd", type=Path, default=ROOT / "build/bin/fastrd")
    parser.add_argument("--fastrd-python", type=Path, default=ROOT / "build/venv/bin/python")
    parser.add_argument("--json", type=Path, default=results)
    parser.add_argument("--update-readme", action="store_true")
    options = parser.parse_args(arguments)
    if unknown := set(options.cases) - set(names):
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


def select_cases(options: argparse.Namespace) -> list[Case]:
    chosen = [case for case in CASES
              if not options.cases or {case.name, case.group} & set(options.cases)]
    if options.peers:
        wanted = options.peers.split(",")
        chosen = [replace(case, peers=tuple(p for p in case.peers if p.partition(":")[0] in wanted))
                  for case in chosen]
    return chosen


def main(arguments: list[str]) -> int:
    names = [*dict.fromkeys(case.group for case in CASES), *(case.name for case in CASES)]
    options = parse_arguments(arguments, __doc__, names, BUILD / "results.json")
    peers_python = make_peers_python(options.fastrd_python)
    if options.update_readme:
        report.update_readme(options.json, BENCH / "README.md")
        subprocess.run([peers_python, BENCH / "plot.py", options.json, BENCH / "results.svg"], check=True)
        return 0
    if (os.cpu_count() or 1) <= LOAD_CORE:
        raise SystemExit("bench: two cores are needed, one for the server, one for the load")
    build_programs()
    files.make()
    results: dict[str, Any] = {
        "command": shlex.join(["python", "bench/run.py", *arguments]),
        "date": time.strftime("%Y-%m-%d"), "rounds": options.rounds,
        "connections": CONNECTIONS, "machine": describe_machine(peers_python), "cases": {},
    }
    chosen = select_cases(options)
    try:
        with ExitStack() as stack:
            tools = Tools(options.fastrd, options.fastrd_python, peers_python,
                          start_databases(stack, {case.needs for case in chosen}))
            for case in chosen:
                results["cases"][case.name] = run_case(case, tools, options)
    except PeerError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    options.json.write_text(json.dumps(results, indent=1) + "\n")
    return report.print_bars(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
