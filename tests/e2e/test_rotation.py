"""Log files that are moved, cut or full: no line is lost or split, and nobody waits."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from boards import total
from notified import Manager
from server import BINARY, Fastrd, read_until

APP = """
import logging
from plain import App

app = App()

@app.get("/{name}")
async def get(name: str):
    logging.getLogger("uvicorn.error").info("said %s", name)
    return name
"""
FILES = ["--log-file", "logs/fastrd.log", "--access-log-file", "logs/access.log"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "logs").mkdir()
    return tmp_path


@contextmanager
def load(server: Fastrd) -> Iterator[list[int]]:
    """Requests without end over two connections; how many were answered."""
    answered, on = [0, 0], True

    def ask(which: int) -> None:
        with server.connect() as conn:
            while on:
                name = f"r{which}-{answered[which]}"
                conn.sendall(f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                assert read_until(conn, f'"{name}"'.encode()).startswith(b"HTTP/1.1 200 ")
                answered[which] += 1

    threads = [threading.Thread(target=ask, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    try:
        yield answered
    finally:
        on = False
        for thread in threads:
            thread.join()


def read_all(directory: Path, name: str) -> list[str]:
    """Lines of a log and of what it was moved to."""
    texts = [path.read_text() for path in sorted(directory.glob(f"logs/{name}*"))]
    assert all(text.endswith("\n") for text in texts if text)
    return [line for text in texts for line in text.splitlines()]


def settle(server: Fastrd, name: str, pattern: str, n: int) -> list[str]:
    """The lines of this log that match, once there are `n`."""

    def found() -> list[str]:
        return [line for line in read_all(server.directory, name) if re.search(pattern, line)]

    server.wait(lambda: len(found()) >= n, f"{n} lines in {name}")
    return found()


def check(server: Fastrd, answered: list[int]) -> None:
    """Each request is in each log once, on a line of its own."""
    names = {f"r{which}-{i}" for which in (0, 1) for i in range(answered[which])}
    access = settle(server, "access.log", '"GET /r', len(names))
    said = settle(server, "fastrd.log", "said r", len(names))
    rows = [re.fullmatch(r'127\.0\.0\.1 - - \[[^]]+\] "GET /(r\S+) HTTP/1.1" 200 \d+ "-" "-"', line) for line in access]
    assert sorted(row[1] for row in rows if row) == sorted(names)
    assert sorted(line.partition("said ")[2] for line in said) == sorted(names)


def test_files_that_are_moved_under_load_lose_nothing(directory):
    with Fastrd("app:app", directory, "--workers", "2", *FILES) as server:
        with load(server) as answered:
            for turn in range(5):
                time.sleep(0.1)
                for name in ("fastrd.log", "access.log"):
                    (directory / "logs" / name).rename(directory / "logs" / f"{name}.{turn}")
                server.signal(signal.SIGUSR1)
                server.wait(lambda: (directory / "logs/access.log").exists(), "a new access log")
        check(server, answered)
        reopened = settle(server, "fastrd.log", r"info \[master\] User defined signal 1 by process \d+: log files", 5)
        assert len(reopened) == 5
        for name in ("fastrd.log", "access.log"):
            assert (directory / "logs" / name).stat().st_size > 0
    assert "said" not in server.log() and "  address  " in server.log()


LOGROTATE = """
{directory}/logs/*.log {{
    su {user} {user}
    rotate 9
    {how}
}}
"""


LATE = """
import asyncio, os
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    while not os.path.exists("go"):
        await asyncio.sleep(0.01)
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/")
async def root():
    return "ok"
"""


def test_a_worker_that_starts_meanwhile_gets_its_table_all_the_same(tmp_path):
    (tmp_path / "late.py").write_text(LATE)
    (tmp_path / "go").touch()
    with Fastrd("late:app", tmp_path, "--workers", "2", "--log-level", "debug") as server:
        (tmp_path / "go").unlink()
        before = set(server.children())
        server.signal(signal.SIGHUP)
        server.wait(lambda: len(server.children()) == 4, "the workers of the next generation")
        time.sleep(0.5)  # they are imported
        server.signal(signal.SIGUSR1)
        server.wait_log("log files opened again")
        (tmp_path / "go").touch()
        server.wait_log("generation 2 serves")
        assert server.get("/") == (200, b'"ok"')
        for worker in set(server.children()) - before:
            assert "memfd:fastrd-table" in Path(f"/proc/{worker}/maps").read_text()


@pytest.mark.parametrize("how", ["moved", "copied"])
def test_logrotate_loses_nothing(directory, how):
    """What is written while it copies is lost by itself: so there is nothing then."""
    with Fastrd("app:app", directory, "--workers", "2", *FILES) as server:
        assert server.process is not None
        signalled = f"sharedscripts\npostrotate\nkill -USR1 {server.process.pid}\nendscript"
        conf = directory / "rotate.conf"
        user = Path("/root").owner() if os.getuid() == 0 else os.environ["USER"]
        text = {"moved": signalled, "copied": "copytruncate"}[how]
        conf.write_text(LOGROTATE.format(directory=directory, user=user, how=text))
        conf.chmod(0o644)
        command = ["/usr/sbin/logrotate", "-f", "-s", str(directory / "state"), str(conf)]
        answered = [0, 0]
        for _ in range(3):
            for _ in range(20):
                name = f"r0-{answered[0]}"
                assert server.get(f"/{name}")[0] == 200
                answered[0] += 1
            if how == "copied":
                check(server, answered)
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            server.wait(lambda: len(list(directory.glob("logs/*.log"))) == 2, "both files")
        assert server.get(f"/r0-{answered[0]}")[0] == 200
        answered[0] += 1
        check(server, answered)
        assert {path.name for path in directory.glob("logs/*")} >= {"access.log", "access.log.1", "access.log.3"}


def test_the_shipped_file_is_one_that_logrotate_reads():
    path = Path(__file__).parents[2] / "contrib/logrotate/fastrd"
    done = subprocess.run(["/usr/sbin/logrotate", "-d", path], capture_output=True, text=True)
    assert done.returncode == 0 and "error" not in done.stderr


@pytest.fixture
def small_disk(directory: Path) -> Iterator[Path]:
    """logs/ has room for a megabyte."""
    path = directory / "logs"
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "logs", path]).returncode != 0:
        pytest.skip("needs to mount a file system")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def ask_until_lines_are_dropped(server: Fastrd, most: int) -> int:
    """The number of the request, of at most so many with long lines, at which ten have been."""
    long = "x" * 1500
    with server.connect() as conn:
        for n in range(most):
            if total(server, "access_log_dropped") > 10:
                break
            conn.sendall(f"GET /{n}-{long} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            read_until(conn, f'"{n}-{long}"'.encode())
    return n


@pytest.mark.parametrize("both", [True, False], ids=["both", "access"])
def test_a_full_disk_holds_nobody_up_and_is_told_once(directory, small_disk, both):
    """The access log keeps a megabyte of lines, and goes on by itself. What the log cannot say
    meanwhile it has lost, and counted."""
    flags = ["--access-log-format", "json", "--log-format", "json"]
    log = small_disk / "fastrd.log" if both else directory / "fastrd.log"
    waste = small_disk / "waste"
    with Fastrd("app:app", directory, *FILES[0 if both else 2 :], *flags) as server:
        with waste.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(b"x" * 4096)
        n = ask_until_lines_are_dropped(server, 2000)
        dropped = total(server, "access_log_dropped")
        assert 10 < dropped < n
        waste.unlink()
        server.wait(lambda: server.get("/after")[0] == 200 and any("written again" in line for line in said(log)), "its recovery")
        messages = said(log)
        lost = [text for text in messages if re.fullmatch(r"\d+ lines? lost: No space left on device", text)]
        told = [text for text in messages if "cannot write to" in text]
        assert (len(told), bool(lost)) == ((0, True) if both else (1, False))
        (recovery,) = [text for text in messages if "written again" in text]
        assert recovery == f"access log: written again, {total(server, 'access_log_dropped')} lines were lost"
        entries = [json.loads(line) for line in (small_disk / "access.log").read_text().splitlines()]
        assert sum(entry["path"].startswith("/0-") for entry in entries) == 1
        assert sum("-xxx" in entry["path"] for entry in entries) == n - dropped


def test_what_a_full_disk_has_cost_is_counted_and_told_in_the_present_form(directory, small_disk):
    """The process that writes the log says so itself, in the form that a reload has set."""
    waste, log, config = small_disk / "waste", small_disk / "fastrd.log", directory / "c.toml"
    config.write_text("log_format = 'text'\n")
    flags = ["--log-file", "logs/fastrd.log", "-c", "c.toml"]
    with Manager(directory / "notify") as manager, Fastrd("app:app", directory, *flags, env=manager.env()) as server:
        config.write_text("log_format = 'json'\n")
        server.signal(signal.SIGHUP)
        server.wait(lambda: "generation 2 serves" in log.read_text(), "the new generation")
        with waste.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            while True:
                file.write(b"x" * 4096)
        for n in range(20):
            assert server.get(f"/{n}-{'x' * 1500}")[0] == 200
        told = manager.wait("STATUS", " of the log lost")["STATUS"]
        assert re.fullmatch(r"generation 2, 1 worker, \d requests? in hand; \d+ lines? of the log lost", told)
        waste.unlink()
        assert server.get("/after")[0] == 200
        server.wait(lambda: "said after" in log.read_text(), "the log goes on")
        (line,) = [line for line in log.read_text().splitlines() if " lost: No space left" in line]
        said = json.loads(line)
        assert said["process"] == "log" and re.match(r"\d+ lines? lost: ", said["msg"])


@pytest.fixture
def still_disk(directory: Path) -> Iterator[Path]:
    """logs/ is a file system that can be frozen: who writes waits, whatever he does."""
    path, image = directory / "logs", directory / "disk"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    made = subprocess.run(["/sbin/mkfs.ext4", "-q", image]).returncode == 0
    if os.getuid() != 0 or not made or subprocess.run(["mount", "-o", "loop", image, path]).returncode != 0:
        pytest.skip("needs to mount a file system")
    try:
        yield path
    finally:
        subprocess.run(["/sbin/fsfreeze", "-u", path], stderr=subprocess.DEVNULL)
        subprocess.run(["umount", "-l", path], check=True)


def test_a_disk_that_stands_still_holds_nobody_up(directory, still_disk):
    with Fastrd("app:app", directory, *FILES[2:]) as server:
        assert server.get("/first")[0] == 200
        access = still_disk / "access.log"
        server.wait(lambda: access.stat().st_size > 0, "its line")
        subprocess.run(["/sbin/fsfreeze", "-f", still_disk], check=True)
        try:
            n = ask_until_lines_are_dropped(server, 3000)
            server.wait_log("takes no more; requests are served on")
            assert total(server, "access_log_dropped") > 10
            assert server.get("/meanwhile")[0] == 200
        finally:
            subprocess.run(["/sbin/fsfreeze", "-u", still_disk], check=True)
        server.wait(lambda: server.get("/after")[0] == 200 and "written again" in server.log(), "its recovery")
        lines = access.read_text().splitlines()
        assert all(line.endswith('"-" "-"') for line in lines)
        kept = sum("-xxx" in line for line in lines)
        assert 500 < kept < n
        assert server.log().count("access log: ") == 2


def test_usr1_while_the_application_is_imported_moves_no_words_to_the_log(tmp_path):
    """What is wrong with the start is said to who has started it."""
    waits = "import os, time\nopen('imports', 'w').close()\nwhile not os.path.exists('go'): time.sleep(0.01)\n1 / 0\n"
    (tmp_path / "app.py").write_text(waits)
    command = [BINARY, "--port", "0", "--log-file", "f.log", "app:app"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as server:
        end = time.monotonic() + 30
        while not (tmp_path / "imports").exists() and time.monotonic() < end:
            time.sleep(0.01)
        (tmp_path / "f.log").rename(tmp_path / "f.log.1")
        server.send_signal(signal.SIGUSR1)
        while not (tmp_path / "f.log").exists() and time.monotonic() < end:
            time.sleep(0.01)
        (tmp_path / "go").touch()
        assert server.stderr is not None
        said_here = server.stderr.read()
        assert server.wait(30) == 3
    assert "fastrd: importing 'app' failed: ZeroDivisionError: division by zero" in said_here
    assert "fastrd: " not in (tmp_path / "f.log").read_text()


@pytest.mark.parametrize("how", ["named", "redirected"])
def test_a_log_on_a_disk_that_stands_still_holds_nobody_up(directory, still_disk, how):
    """Neither requests nor the master, which reloads meanwhile; what does not fit is counted."""
    flags = FILES[:2] if how == "named" else []
    with Fastrd("app:app", directory, *flags, log=still_disk / "started.log") as server:
        log = still_disk / ("fastrd.log" if how == "named" else "started.log")
        assert server.get("/first")[0] == 200
        server.wait(lambda: "said first" in log.read_text(), "its line")
        before = set(server.children())
        subprocess.run(["/sbin/fsfreeze", "-f", still_disk], check=True)
        try:
            long = "x" * 1500
            with server.connect() as conn:
                for n in range(2000):
                    conn.sendall(f"GET /{n}-{long} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                    read_until(conn, f'"{n}-{long}"'.encode())
            server.signal(signal.SIGHUP)
            server.wait(lambda: server.children() and before.isdisjoint(server.children()), "a reload")
            assert server.get("/meanwhile")[0] == 200
        finally:
            subprocess.run(["/sbin/fsfreeze", "-u", still_disk], check=True)
        # While the pipe is still full, what is said is lost: asked until there is room.
        server.wait(lambda: server.get("/after")[0] == 200 and "said after" in log.read_text(), "its line")
        text = log.read_text()
        assert 100 < text.count(f"-{long}\n") < 2000
        lost = r"warning \[(worker 0|master)\] \d+ messages? lost: standard error was not read in time"
        assert re.search(lost, text)
        assert total(server, "log_dropped") > 10


def test_who_writes_the_log_is_replaced_and_nothing_is_lost(directory):
    with Fastrd("app:app", directory, *FILES[:2]) as server:
        log = directory / "logs/fastrd.log"
        for n in range(3):
            os.kill(server.writer(), signal.SIGKILL)
            assert server.get(f"/{n}")[0] == 200
            server.wait(lambda n=n: f"said {n}" in log.read_text(), "a line by the next one")
        ended = "warning [master] the process that writes the log ended with signal 9 (Killed): another one does"
        assert log.read_text().count(ended) == 3
        writer = server.writer()
        server.signal(signal.SIGTERM)
        assert server.process is not None and server.process.wait(20) == 0
        assert log.read_text().splitlines()[-1].endswith(" s") and " ended after " in log.read_text()
        server.wait_gone(writer)


@pytest.mark.parametrize("path", ["/dev/stdout", "/dev/stderr"])
def test_a_log_that_is_a_standard_stream_stays_one(directory, path):
    """By its name alone: who writes the log has other standard streams."""
    with Fastrd("app:app", directory, "--log-file", path) as server:
        assert server.get("/first")[0] == 200
        server.wait_log("said first")
        server.signal(signal.SIGUSR1)
        server.wait_log("User defined signal 1")
        os.kill(server.writer(), signal.SIGKILL)
        server.wait_log("another one does")
        assert server.get("/after")[0] == 200
        server.wait_log("said after")


def said(log: Path) -> list[str]:
    """The messages of the log, but for one line that the disk has cut."""
    found = []
    for line in log.read_text().splitlines():
        try:
            found.append(json.loads(line)["msg"])
        except ValueError:
            assert line.startswith('{"time":') or line[:9] in ("", "fastrd 0.") or line.startswith("  ")
    return found
