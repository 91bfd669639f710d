"""fastrdctl: what it shows and what it does, with a real server at the other end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from control import FASTRDCTL, answer, does, fastrdctl
from server import GATE, Fastrd

FLAGS = ("--control-socket", "control")
CRASHES = """
import ctypes
from fastapi import FastAPI

app = FastAPI()

@app.get("/crash/{n}")
async def crash(n: int):
    ctypes.string_at(0)
"""
BAD_LIFESPAN = """
from contextlib import asynccontextmanager
from plain import App

@asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database")
    yield

app = App(lifespan=lifespan)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(GATE)
    return tmp_path


@pytest.fixture
def server(directory: Path) -> Iterator[Fastrd]:
    with Fastrd("app:app", directory, *FLAGS, "--workers", "2") as server:
        yield server


def pids(directory: Path) -> list[int]:
    return [w["pid"] for w in answer(directory, "workers")["workers"] if w["state"] == "serving"]


def test_the_status(server, directory):
    for path in ("/pid", "/pid", "/nothing"):
        server.get(path)
    found = answer(directory, "status")
    assert server.process is not None and found["pid"] == server.process.pid
    assert found["addresses"] == [server.address] and found["app"] == "app:app"
    assert found["state"] == "serving" and found["generation"] == 1
    assert found["workers"] == {"serving": 2, "wanted": 2}
    assert found["counters"]["requests"] == 3 and found["counters"]["answers_4xx"] == 1
    assert found["reload"]["state"] == "none" and found["crashes"] == 0
    text = does(directory, "status")
    assert text.startswith(f"fastrd {found['version']}, process {server.process.pid}, up ")
    assert "  workers     2 of 2 serve\n" in text and f"  address     {server.address}\n" in text
    assert "  requests    3: " in text and "  reload      none yet\n" in text


def test_the_workers(server, directory):
    server.get("/pid")
    found = answer(directory, "workers")["workers"]
    assert [w["name"] for w in found] == ["worker 0", "worker 1"]
    assert sorted(w["pid"] for w in found) == sorted(server.children())
    assert sum(w["requests"] for w in found) == 1
    assert all(w["rss"] > 1 << 20 and w["heartbeat"] >= 0 and w["generation"] == 1 for w in found)
    head, *lines = does(directory, "workers").splitlines()
    assert head.split()[:4] == ["NAME", "PID", "GENERATION", "STATE"] and "PSS" in head
    assert [line.split()[1] for line in lines] == ["0", "1"]
    assert all(line.count(" MB") == 2 for line in lines)  # resident, and its part of what is shared


def test_requests_of_a_worker_are_its_own(server, directory):
    """Not those of who had its board before."""
    server.get("/pid")
    before = server.children()
    for pid in before:
        server.signal_child(pid, signal.SIGKILL)
    server.wait(lambda: len(set(pids(directory)) - set(before)) == 2, "other workers")
    assert [w["requests"] for w in answer(directory, "workers")["workers"]] == [0, 0]
    assert answer(directory, "status")["counters"]["requests"] == 1


def test_the_requests_in_hand(server, directory):
    assert does(directory, "requests") == "no request in hand\n"
    waiting = threading.Thread(target=server.get, args=("/gate?secret=1",))
    waiting.start()

    def requests() -> list[dict[str, object]]:
        return [r for w in answer(directory, "requests")["workers"] for r in w["requests"]]

    server.wait(lambda: len(requests()) == 1, "a request in hand")
    (found,) = requests()
    assert found["request"] == "GET /gate" and 0 <= float(str(found["age"])) < 1000
    assert "GET /gate\n" in does(directory, "requests")
    (directory / "open").touch()
    waiting.join()
    server.wait(lambda: not requests(), "none in hand")


def test_bytes_of_clients_reach_no_terminal(directory):
    """Whatever a server says: here it is one of ours that repeats what a client has sent."""
    said = {"ok": True, "workers": [{"name": "w\x1b[2J\x9b", "requests": [{"request": "GET /\x1b]0;\x07\nx"}]}]}
    with listening(directory / "control") as listener:
        asking = subprocess.Popen(
            [FASTRDCTL, "--socket", "control", "requests"], cwd=directory, stdout=subprocess.PIPE, text=True
        )
        client, _ = listener.accept()
        client.sendall(json.dumps(said).encode() + b"\n")
        client.close()
        text = asking.communicate()[0]
    assert "w\\x1b[2J\\xc2\\x9b" in text and "GET /\\x1b]0;\\x07\\x0ax\n" in text


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"[" * 100000, b'{"ok":true', b"{}" * 1000000, b""])
def test_an_answer_that_is_none(directory, said):
    with listening(directory / "control") as listener:
        asking = subprocess.Popen(
            [FASTRDCTL, "--socket", "control", "status"], cwd=directory, stderr=subprocess.PIPE, text=True
        )
        client, _ = listener.accept()
        with contextlib.suppress(OSError):
            client.sendall(said)
        client.close()
        assert asking.communicate()[1].startswith("fastrdctl: ") and asking.returncode in (1, 3)


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(60)
        yield listener




def test_a_reload_that_works(server, directory):
    before = pids(directory)
    assert does(directory, "reload", "--wait").startswith("generation 2 serves: a plain ASGI application; reloaded in ")
    assert not set(before) & set(pids(directory))
    found = answer(directory, "status")["reload"]
    assert found["state"] == "done" and found["number"] == 1
    assert "Control socket by process " in server.log() and ": reloading\n" in server.log()


@pytest.mark.parametrize(
    ("app", "cause"),
    [("def x(:\n", "SyntaxError"), (BAD_LIFESPAN, "no database"), ("import nothing_here\n", "nothing_here")],
)
def test_a_reload_that_fails(server, directory, app, cause):
    """It says why, and where the traceback is; what served serves."""
    before = pids(directory)
    (directory / "app.py").write_text(app)
    done = fastrdctl(directory, "reload", "--wait")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("fastrdctl: the reload has failed: ") and cause in done.stderr
    assert done.stderr.endswith("; the log is the server's standard error\n") and done.stderr.count("\n") == 1
    assert pids(directory) == before and cause in does(directory, "status")
    (directory / "app.py").write_text(GATE)
    assert "generation 3 serves" in does(directory, "reload", "--wait")


def test_a_wrong_setting_fails_a_reload(directory):
    (directory / "fastrd.toml").write_text("app = 'app:app'\ncontrol_socket = 'control'\nport = 0\n")
    server = Fastrd("", directory, "--config", "fastrd.toml", "--log-file", "the.log")
    server.command.remove("")
    with server:
        (directory / "fastrd.toml").write_text("wrokers = 2\n")
        done = fastrdctl(directory, "reload", "--wait")
        assert done.returncode == 1 and "did you mean workers?" in done.stderr
        assert done.stderr.endswith(f"the log is {directory}/the.log\n")


def test_who_asks_during_a_reload_waits_for_the_next_one(server, directory):
    """Its file may have changed behind the reading of the one that runs."""
    text = GATE.replace("app = App()", "import time\nwhile os.path.exists('shut'): time.sleep(0.01)\napp = App()")
    (directory / "app.py").write_text(text)
    (directory / "shut").touch()
    assert does(directory, "reload").startswith("reloading")
    server.wait(lambda: answer(directory, "status")["reload"]["state"] == "running", "the reload")
    waiting = subprocess.Popen(
        [FASTRDCTL, "--socket", "control", "reload", "--wait"], cwd=directory, stdout=subprocess.PIPE, text=True
    )
    server.wait(lambda: answer(directory, "status")["reload"]["put_off"], "the next one")
    assert waiting.poll() is None
    (directory / "shut").unlink()
    assert waiting.communicate()[0].startswith("generation 3 serves: ") and waiting.returncode == 0


def test_who_waits_for_a_reload_hears_of_the_end(server, directory):
    (directory / "app.py").write_text("import time\ntime.sleep(1000)\n")
    waiting = subprocess.Popen(
        [FASTRDCTL, "--socket", "control", "reload", "--wait"], cwd=directory, stderr=subprocess.PIPE, text=True
    )
    server.wait(lambda: answer(directory, "status")["reload"]["state"] == "running", "the reload")
    does(directory, "stop")
    assert "the server is ending" in waiting.communicate()[1] and waiting.returncode == 1


def test_scale(server, directory):
    assert does(directory, "scale", "+1") == "3 workers\n"
    server.wait(lambda: len(pids(directory)) == 3, "three workers")
    assert does(directory, "scale", "1") == "1 worker\n"
    server.wait(lambda: len(answer(directory, "workers")["workers"]) == 1, "one worker")
    assert does(directory, "scale", "1") == "1 worker\n"
    for wrong in ("-1", "0", "65", "+64", "two", "99999999999999999999"):
        done = fastrdctl(directory, "scale", wrong)
        assert done.returncode == 1
        assert done.stderr == (
            "fastrdctl: want 1 to 64 workers, as scale 4, scale +1 or scale -1; there are 1\n"
        )
    assert len(pids(directory)) == 1


def test_the_last_crash(directory, crashes_on_purpose):
    (directory / "app.py").write_text(CRASHES)
    with Fastrd("app:app", directory, *FLAGS) as server:
        crash(server, directory)


def crash(server: Fastrd, directory: Path) -> None:
    assert does(directory, "last-crash") == "no worker has crashed\n"
    server.raw(b"GET /crash/7?token=secret HTTP/1.1\r\nHost: x\r\n\r\n")
    server.wait(lambda: answer(directory, "last-crash")["n"] == 1, "the crash")
    (found,) = answer(directory, "last-crash")["crashes"]
    assert found["signal"] == signal.SIGSEGV
    assert found["requests"] == [{"request": "GET /crash/7", "route": "/crash/{n}"}]
    text = does(directory, "last-crash")
    assert "ended with signal 11 (Segmentation fault)" in text and "\n  request     GET /crash/7\n" in text
    assert "secret" not in text and "  crashes     1; see fastrdctl last-crash\n" in does(directory, "status")


def test_the_last_crashes_are_kept(server, directory):
    """Eight of them, the last one first; whoever was told to end is none."""
    for n in range(1, 11):
        server.wait(lambda: len(pids(directory)) == 2, "two workers")
        last = pids(directory)[0]
        server.signal_child(last, signal.SIGKILL)
        server.wait(lambda n=n: answer(directory, "last-crash")["n"] == n, "a crash")
    does(directory, "scale", "1")
    does(directory, "reload", "--wait")
    found = answer(directory, "last-crash")
    assert found["n"] == 10 and len(found["crashes"]) == 8 and found["crashes"][0]["pid"] == last


def test_who_does_not_respond_is_among_them(directory):
    (directory / "app.py").write_text(GATE + STUCK)
    with Fastrd("app:app", directory, *FLAGS, "--worker-timeout", "1") as server:
        stuck = pids(directory)
        waiting = threading.Thread(target=server.raw, args=(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n",))
        waiting.start()
        server.wait(lambda: answer(directory, "last-crash")["n"] == 1, "its end")
        waiting.join()
        (found,) = answer(directory, "last-crash")["crashes"]
        assert [found["pid"]] == stuck and found["requests"] == [{"request": "GET /stuck"}]
        assert found["text"].endswith("; it had not responded, and was given up")


STUCK = """
import time

@app.get("/stuck")
async def stuck():
    time.sleep(1000)
"""


def test_stop(directory):
    with Fastrd("app:app", directory, *FLAGS) as server:
        waiting = threading.Thread(target=server.get, args=("/gate",))
        waiting.start()
        server.wait(lambda: answer(directory, "status")["counters"]["requests_active"] == 1, "a request")
        assert does(directory, "drain") == "ending; requests have 30 s\n"
        assert answer(directory, "status")["state"] == "ending"
        stopping = subprocess.Popen(
            [FASTRDCTL, "--socket", "control", "stop", "--wait"], cwd=directory, stdout=subprocess.PIPE, text=True
        )
        assert fastrdctl(directory, "scale", "2").stderr == "fastrdctl: the server is ending\n"
        (directory / "open").touch()
        waiting.join()
        assert stopping.communicate()[0].startswith("ended after ") and stopping.returncode == 0
        assert server.process is not None and server.process.wait(60) == 0
        assert "Control socket by process " in server.log() and ": ending, requests have 30 s" in server.log()
    assert not (directory / "control").exists()


def test_a_server_that_is_killed_has_not_stopped(directory):
    with Fastrd("app:app", directory, *FLAGS) as server:
        waiting = threading.Thread(target=server.raw, args=(b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n",))
        waiting.start()
        server.wait(lambda: answer(directory, "status")["counters"]["requests_active"] == 1, "a request")
        stopping = subprocess.Popen(
            [FASTRDCTL, "--socket", "control", "stop", "--wait"], cwd=directory, stderr=subprocess.PIPE, text=True
        )
        server.wait(lambda: answer(directory, "status")["state"] == "ending", "the end")
        server.signal(signal.SIGKILL)
        assert "its server has ended without an answer" in stopping.communicate()[1] and stopping.returncode == 1
        (directory / "open").touch()
        waiting.join()
    done = fastrdctl(directory, "status")
    assert (done.returncode, done.stderr) == (3, "fastrdctl: control: its server has ended; start it\n")


def test_log_files_are_opened_again(directory):
    with Fastrd("app:app", directory, *FLAGS, "--log-file", "the.log") as server:
        (directory / "the.log").rename(directory / "old.log")
        assert does(directory, "reopen") == "log files opened again\n"
        server.wait((directory / "the.log").exists, "another file")


def test_stacks_go_to_the_log(server, directory):
    pid = pids(directory)[0]
    assert does(directory, "stacks", str(pid)) == "the stacks go to the log, the server's standard error\n"
    server.wait_log("most recent call first")
    for other in ("1", "-1", "x", str(os.getpid())):
        assert fastrdctl(directory, "stacks", other).returncode == 1


def test_the_settings(directory):
    (directory / "fastrd.toml").write_text("workers = 1\n[session]\nsecret = ['x-hidden-but-long-enough']\n")
    env = {"FASTRD_GZIP": "1"}
    with Fastrd("app:app", directory, *FLAGS, "--config", "fastrd.toml", env=env):
        found = {row.pop("name"): row for row in answer(directory, "config")["settings"]}
        assert found["workers"] == {"value": 1, "origin": "fastrd.toml:1"}
        assert found["gzip"] == {"value": True, "origin": "FASTRD_GZIP"}
        assert found["control_socket"] == {"value": "control", "origin": "--control-socket"}
        assert found["cors_allow_methods"] == {"value": ["GET"], "origin": "default"}
        assert found["session_secret"]["hidden"] is True
        text = does(directory, "config")
        assert "x-hidden" not in text and "session_secret = (hidden) " in text
        assert "cors_allow_methods = [\"GET\"] " in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no command; see fastrdctl --help"),
        (("bogus",), "unknown command bogus; see fastrdctl --help"),
        (("--bogus", "status"), "unknown flag --bogus; see fastrdctl --help"),
        (("status", "more"), "unexpected more; see fastrdctl --help"),
        (("status", "--wait"), "--wait does not go with status; see fastrdctl --help"),
        (("scale",), "want scale N"),
        (("status", "--socket"), "want a path behind --socket; see fastrdctl --help"),
    ],
)
def test_a_wrong_command_line(tmp_path, words, said):
    done = fastrdctl(tmp_path, *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"fastrdctl: {said}\n")


def test_no_server_is_there(tmp_path):
    done = fastrdctl(tmp_path, "status")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "fastrdctl: control: No such file or directory; start fastrd with this --control-socket, "
        "or give --socket PATH of another\n"
    )
    done = fastrdctl(tmp_path, "status", FASTRD_CONTROL_SOCKET="", XDG_RUNTIME_DIR=str(tmp_path))
    assert done.returncode == 3 and f"there is no {tmp_path}/fastrd/control and no " in done.stderr


def test_where_the_socket_is_found(directory):
    """The flag goes before the variable, that before the directory of the user."""
    run = directory / "run"
    (run / "fastrd").mkdir(parents=True)
    with Fastrd("app:app", directory, "--control-socket", str(run / "fastrd/control")):
        env = {"FASTRD_CONTROL_SOCKET": "", "XDG_RUNTIME_DIR": str(run)}
        assert fastrdctl(directory, "status", **env).returncode == 0
        assert fastrdctl(directory, "status").returncode == 3
        assert fastrdctl(directory, "status", "--socket=run/fastrd/control").returncode == 0


def test_help_and_version(tmp_path):
    text = does(tmp_path, "--help")
    assert "reload [--wait]" in text and "Exit status: 0" in text
    assert does(tmp_path, "--version").startswith("fastrdctl 0.")


def test_an_answer_for_programs_is_one_line(server, directory):
    for command in ("status", "workers", "requests", "last-crash", "config"):
        text = does(directory, "--json", command)
        assert text.count("\n") == 1 and json.loads(text)["ok"] is True
    done = fastrdctl(directory, "--json", "scale", "0")
    assert done.returncode == 1 and json.loads(done.stdout)["ok"] is False
