"""Signals and deaths in any order: the master lives, and in the end the server serves.

``--reloads N`` makes N storms of each kind.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
from server import Fastrd

APP = """
import os
from plain import App

app = App()

@app.get("/")
async def root():
    return "ok"
"""
BROKEN = "1 / 0\n"


def storm(server: Fastrd, directory: Path, rng: random.Random, events: int) -> None:
    for _ in range(events):
        what = rng.choice(["hup", "hup", "ttin", "ttou", "kill", "term", "stop", "break", "mend", "wait"])
        children = server.children()
        with contextlib.suppress(ProcessLookupError):
            if what == "hup":
                server.signal(signal.SIGHUP)
            elif what == "ttin":
                server.signal(signal.SIGTTIN)
            elif what == "ttou":
                server.signal(signal.SIGTTOU)
            elif what == "kill" and children:
                os.kill(rng.choice(children), signal.SIGKILL)
            elif what == "term" and children:
                os.kill(rng.choice(children), signal.SIGTERM)
            elif what == "stop" and children:
                child = rng.choice(children)
                os.kill(child, signal.SIGSTOP)
                time.sleep(0.05)
                os.kill(child, signal.SIGCONT)
            elif what == "break":
                (directory / "app.py").write_text(APP + BROKEN)
            elif what == "mend":
                (directory / "app.py").write_text(APP)
            else:
                time.sleep(rng.random())
        time.sleep(rng.random() * 0.1)


def serves(server: Fastrd) -> bool:
    try:
        return server.get("/") == (200, b'"ok"')
    except (OSError, IndexError):
        return False


@pytest.mark.parametrize("flags", [(), ("--preload",), ("--spare", "1")], ids=lambda f: f[0] if f else "")
def test_whatever_comes(
    tmp_path: Path, flags: tuple[str, ...], request: pytest.FixtureRequest
) -> None:
    for seed in range(request.config.getoption("--reloads")):
        survives(tmp_path, flags, seed)


def survives(tmp_path: Path, flags: tuple[str, ...], seed: int) -> None:
    (tmp_path / "app.py").write_text(APP)
    with Fastrd("app:app", tmp_path, "--workers", "2", "--log-level", "debug", *flags) as server:
        storm(server, tmp_path, random.Random(seed), 50)
        (tmp_path / "app.py").write_text(APP)
        server.wait(lambda: serves(server), "an answer", 60)
        before = server.log().count(" serves: ")
        server.signal(signal.SIGHUP)
        server.wait(lambda: server.log().count(" serves: ") > before, "a reload", 60)
        server.wait(lambda: serves(server), "an answer", 60)
        server.signal(signal.SIGTERM)
        assert server.process is not None
        assert server.process.wait(60) == 0
        assert "  address  " in server.log() and " ended after " in server.log()


def test_fifty_hangups_during_a_reload_are_one_more(tmp_path: Path) -> None:
    held = APP + "import time\nwhile os.path.exists('hold'): time.sleep(0.01)\n"
    (tmp_path / "app.py").write_text(held)
    with Fastrd("app:app", tmp_path) as server:
        (tmp_path / "hold").touch()
        for n in range(50):
            # At once: a reload that read the half of it would fail, and another begin.
            (tmp_path / "new.py").write_text(held.replace("ok", f"ok {n}"))
            (tmp_path / "new.py").rename(tmp_path / "app.py")
            server.signal(signal.SIGHUP)
            time.sleep(0.01)
        server.wait_log("reloading")
        (tmp_path / "hold").unlink()
        server.wait(lambda: server.get("/") == (200, b'"ok 49"'), "the last version")
        assert server.log().count("reloading") <= 2
        assert len(os.listdir(f"/proc/{server.process.pid}/fd")) < 40 if server.process else False
