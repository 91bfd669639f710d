"""The servers of a run: how each is started, watched through /proc, stopped.

Every server gets one core, one worker and, unless its name says so, no access log. Nothing here measures
time; run.py does.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from case import Case

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
BUILD = ROOT / "build" / "bench"
SERVER_CORE = 0
CONTENT_TYPE = "application/json"
TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_START_SECONDS = 120
_STOP_SECONDS = 10


_ACCESS_LOG = ("--access-log", "--access-log-file", str(BUILD / "access.log"), "--access-log-format")
# fastrd by its flags.
FASTRD = {
    "fastrd": ("--no-access-log",),
    "fastrd-auto": ("--no-access-log", "--sync", "auto"),
    "fastrd-unwatched": ("--no-access-log", "--worker-timeout", "0", "--blocked-warning", "0"),
    "fastrd-log": (*_ACCESS_LOG, "combined"),
    "fastrd-log-json": (*_ACCESS_LOG, "json"),
}


class PeerError(Exception):
    """A server does not start or does not answer; the text says which and why."""


@dataclass(frozen=True)
class Tools:
    """The programs a run uses, and what the servers find in their environment."""

    fastrd: Path
    fastrd_python: Path
    peers_python: Path
    environment: dict[str, str]

    def libraries(self) -> str:
        """The packages of the peers: what the applications import."""
        probe = "import sysconfig; print(sysconfig.get_path('purelib'))"
        return subprocess.run([self.peers_python, "-c", probe], capture_output=True, text=True,
                              check=True).stdout.strip()


def command(name: str, app: str, case: Case, port: int, tools: Tools) -> list[str]:
    """The command line that serves `app` on 127.0.0.1:port; [] if unavailable."""
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    if name in FASTRD:
        if not os.access(tools.fastrd, os.X_OK):
            return []
        return [str(tools.fastrd), "--python", str(tools.fastrd_python), *address,
                "--app-dir", str(BENCH / "apps"), *FASTRD[name], app]
    websocket = case.group == "websocket"
    if name == "uvicorn":
        return [str(tools.peers_python), "-m", "uvicorn", *address, "--http", "httptools",
                *(("--ws", "websockets-sansio") if websocket else ()), "--loop", "uvloop", "--no-access-log", "--log-level", "warning",
                "--app-dir", str(BENCH / "apps"), app]
    if name == "granian":
        return [str(tools.peers_python), "-m", "granian", *address, "--interface", "asgi",
                "--http", "1", "--loop", "uvloop", "--no-access-log", "--log-level", "warning",
                *(("--ws",) if websocket else ()), "--working-dir", str(BENCH / "apps"), app]
    if name == "fastpysgi":
        return [str(tools.peers_python), "-c", "import fastpysgi; fastpysgi.run_from_cli()",
                "--host", "127.0.0.1", "--port", str(port), app]
    if name == "socketify":
        return [str(tools.peers_python), "-m", "socketify", app, *address, "--interface", "asgi",
                "--ws-per-message-deflate", "True"]
    if name == "picows":
        return [str(tools.peers_python), "websocket_picows.py", str(port)]
    if name == "libwebsockets":
        return [str(BUILD / "ws_floor"), str(port)] if (BUILD / "ws_floor").exists() else []
    if name == "nginx":
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        return [program, "-c", str(_nginx_conf(case, port))] if program else []
    if name == "floor":
        return [str(BUILD / "floor"), str(port), CONTENT_TYPE, case.content or ""]
    raise PeerError(f"no peer is called {name}")


def _nginx_conf(case: Case, port: int) -> Path:
    """Write a configuration that answers with the bytes of the case."""
    path = BUILD / f"nginx-{case.name}.conf"
    what = f"root {BUILD};" if case.file else f"return 200 '{case.content}';"
    path.write_text(
        f"daemon off;\nworker_processes 1;\npid {BUILD}/nginx.pid;\nerror_log stderr error;\n"
        "events { worker_connections 4096; }\n"
        "http {\n"
        "  access_log off;\n  sendfile on;\n  keepalive_requests 1000000000;\n  keepalive_timeout 3600;\n"
        f"  client_body_temp_path {BUILD}/nginx-body;\n  proxy_temp_path {BUILD}/nginx-proxy;\n"
        f"  fastcgi_temp_path {BUILD}/nginx-fastcgi;\n  uwsgi_temp_path {BUILD}/nginx-uwsgi;\n"
        f"  scgi_temp_path {BUILD}/nginx-scgi;\n  default_type {CONTENT_TYPE};\n"
        f"  server {{ listen 127.0.0.1:{port}; location / {{ {what} }} }}\n"
        "}\n"
    )
    return path


class Server:
    """One running server, with all its processes."""

    def __init__(self, name: str, case: Case, tools: Tools) -> None:
        """Start it and wait for the right answer. Raises PeerError."""
        self.name = name
        self.raw = self.plain = b""
        kind, _, app = name.partition(":")
        self.port = _free_port()
        arguments = command(kind, app or case.app, case, self.port, tools)
        if not arguments:
            raise PeerError(f"{kind} is not installed")
        environment = os.environ | tools.environment
        if kind in FASTRD:
            environment["PYTHONPATH"] = tools.libraries()
        self._log = BUILD / f"{name.replace(':', '-')}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), *arguments],
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True, cwd=BENCH / "apps", env=environment)
        try:
            self._await_answer(case)
        except BaseException:
            self.stop()
            raise

    def _await_answer(self, case: Case) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while (status := self._ask(case)) != case.status:
            tail = self._log.read_text(errors="replace").strip().splitlines()[-3:]
            if self._process.poll() is not None:
                raise PeerError(f"{self.name} ended at once: {' | '.join(tail)}")
            if time.monotonic() > deadline:
                raise PeerError(f"{self.name} answers {status}: {' | '.join(tail)}")
            time.sleep(0.05)

    def _ask(self, case: Case) -> int | None:
        """Send the request once; the status of the answer, None without one.

        Keeps the content of the answer as it was sent, `raw`, and as it is meant, `plain`.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(case.request)
                with http.client.HTTPResponse(connection) as answer:
                    answer.begin()
                    self.raw = self.plain = answer.read()
                    if answer.headers["Content-Encoding"] == "gzip":
                        self.plain = gzip.decompress(self.raw)
                    return answer.status
        except (OSError, http.client.HTTPException):
            return None

    def _pids(self) -> list[int]:
        found = [self._process.pid]
        for pid in found:
            try:
                tasks = list(Path(f"/proc/{pid}/task").iterdir())
                found += [int(p) for t in tasks for p in (t / "children").read_text().split()]
            except OSError:
                continue
        return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def cpu_seconds(self) -> float:
        """User and system time so far of all processes, ended children too."""
        ticks = 0
        for pid in self._pids():
            try:
                stat = Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            # Fields 14-17 of proc(5): utime, stime, cutime, cstime.
            ticks += sum(map(int, stat.rpartition(")")[2].split()[11:15]))
        return ticks * TICK_SECONDS

    def pss_kib(self) -> int:
        """Memory of all processes, shared pages counted in proportion."""
        total = 0
        for pid in self._pids():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total

    def stop(self) -> None:
        """End it, whatever it takes; nothing of it is left running."""
        pids = self._pids()
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in pids[1:]:
            try:
                if os.getsid(pid) == self._process.pid:
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
