"""``fastrd dev`` with an application that cannot be loaded: it waits for a change, and shows why."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from browser import chromium
from control import answer, does, fastrdctl
from server import Fastrd, fails
from test_dev import answers, dev, reloads, write

LIFESPAN = """
import contextlib
from fastapi import FastAPI

@contextlib.asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no <database>")
    yield

app = FastAPI(lifespan=lifespan)
"""
BROKEN = {
    "def x(:\n": "SyntaxError: invalid syntax",
    "import nothing_of_this_name\n": "No module named 'nothing_of_this_name'",
    "app = 1\n": "app:app is of type int",
    "other = 1\n": "has no attribute 'app'",
    "def one():\n    two()\ndef two():\n    1 / 0\none()\n": "ZeroDivisionError: division by zero",
    "import sys\nsys.exit(3)\n": "SystemExit: 3",
    "import os\nos._exit(3)\n": "exit status 3 while importing the application",
    "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n": "signal 9 (Killed) while importing",
    LIFESPAN: "no &lt;database&gt;",
}
HTML = "Accept: text/html,application/xhtml+xml\r\n"


def shows(server: Fastrd, text: str) -> None:
    """A browser's page, and what others get, says so."""
    def shown() -> bool:
        status, content = server.get("/any/path", HTML)
        return status == 500 and text.encode() in content.replace(b"&#x27;", b"'")

    server.wait(shown, f"the page with {text!r}")
    status, content = server.get("/")
    plain = text.replace("&lt;", "<").replace("&gt;", ">").encode()
    assert status == 500 and plain in content and b"<html" not in content
    assert b"waits for a file to change" in content


@pytest.mark.usefixtures("crashes_on_purpose")
@pytest.mark.parametrize("text", BROKEN, ids=lambda text: BROKEN[text][:20])
def test_it_waits_for_the_mended_one(tmp_path: Path, text: str) -> None:
    """At the start, and at a reload."""
    (tmp_path / "app.py").write_text(text)
    with dev(tmp_path) as server:
        shows(server, BROKEN[text])
        write(tmp_path, "mended")
        answers(server, "mended")
        (tmp_path / "app.py").write_text(text)
        shows(server, BROKEN[text])
        assert "Traceback" not in text or server.log().count("Traceback") == 2
        write(tmp_path, "again")
        answers(server, "again")


@pytest.mark.parametrize("flags", [(), ("--preload",), ("--spare", "1")])
def test_the_traceback_is_printed_once(tmp_path: Path, flags: tuple[str, ...]) -> None:
    (tmp_path / "app.py").write_text("1 / 0\n")
    with dev(tmp_path, "--workers", "2", *flags) as server:
        shows(server, "ZeroDivisionError")
        log = server.log()
        assert log.count("ZeroDivisionError: division by zero\n") == 1
        assert "importing 'app' failed: ZeroDivisionError: division by zero" in log
        assert log.count("waiting for a change") == 1


def test_own_files_are_marked(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import json\njson.loads('<')\n")
    with dev(tmp_path) as server:
        content = server.get("/", HTML)[1].decode()
        own = content.partition('<span class="own">')[2].partition("</span>")[0]
        assert f"{tmp_path}/app.py" in own
        assert "json/decoder.py" in content.partition('<span class="other">')[2]
        assert "&#x27;&lt;&#x27;" in content and "loads('<')" not in content


def test_without_reload_it_ends(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("1 / 0\n")
    for words in ([], ["run"], ["dev", "--no-reload"]):
        status, text = fails("app:app", tmp_path, *words)
        assert status == 3
        assert "fastrd: importing 'app' failed: ZeroDivisionError" in text


def test_an_end_that_fails_ends_nothing(tmp_path: Path) -> None:
    leaves = "import contextlib, os\n@contextlib.asynccontextmanager\nasync def life(app):\n    yield\n    LEAVE\n"
    app = "from fastapi import FastAPI\napp = FastAPI(lifespan=life)\n@app.get('/')\ndef root():\n    return 'old'\n"
    for leave in ("raise ValueError", "os._exit(7)"):
        (tmp_path / "app.py").write_text(leaves.replace("LEAVE", leave) + app)
        with dev(tmp_path) as server:
            write(tmp_path, "new")
            answers(server, "new")


def test_a_crash_of_the_worker_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import os\nfrom plain import App\napp = App()\n@app.get('/crash')\nasync def crash():\n    os._exit(9)\n"
    )
    with dev(tmp_path) as server:
        server.raw(b"GET /crash HTTP/1.0\r\n\r\n")
        write(tmp_path, "new")
        answers(server, "new")


@pytest.mark.parametrize("text", ["1 / 0\n", "import time\nopen('loads', 'w')\ntime.sleep(600)\n"])
def test_ctrl_c_ends_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "app.py").write_text(text)
    server = Fastrd("app:app", tmp_path, "dev")
    server.begin()
    assert server.process is not None
    loads = tmp_path / "loads"
    server.wait(lambda: loads.exists() or "waiting for a change" in server.log(), "the load")
    server.signal(signal.SIGINT)
    assert server.process.wait(30) == 0
    server.log_file.close()


def test_it_may_hang(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import time\ntime.sleep(600)\n")
    with dev(tmp_path, "--timeout-startup", "2") as server:
        shows(server, "the application did not start in time: it hangs while importing")
        write(tmp_path, "new")
        answers(server, "new")


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """It shows the traceback, and when the file is mended, the application."""
    (tmp_path / "app.py").write_text("1 / 0\n")
    with dev(tmp_path, "--access-log") as server, chromium() as browser, browser.page() as page:
        page.go(f"http://127.0.0.1:{server.port}/")
        page.wait_text("importing 'app' failed: ZeroDivisionError: division by zero")
        page.wait_text("fastrd waits for a file to change")
        asked = server.log().count("GET /")
        time.sleep(2)
        assert server.log().count("GET /") <= asked + 1  # the browser's icon: nothing is polled
        write(tmp_path, "mended")
        page.wait_text("mended")
        assert reloads(server) >= 1


def test_a_configuration_that_is_wrong_before_the_first_one_serves(tmp_path: Path) -> None:
    waits = "import time, pathlib\npathlib.Path('loads.txt').touch()\ntime.sleep(600)\n"
    (tmp_path / "app.py").write_text(waits)
    (tmp_path / "conf.toml").write_text("backlog = 10\n")
    server = Fastrd("app:app", tmp_path, "dev", "-c", "conf.toml")
    server.begin()
    server.wait((tmp_path / "loads.txt").exists, "the load")
    (tmp_path / "conf.toml").write_text("nope = 1\n")
    with server:
        shows(server, "conf.toml:1: unknown key nope")
        write(tmp_path, "new")
        (tmp_path / "conf.toml").write_text("backlog = 10\n")
        answers(server, "new")


def test_fastrdctl_says_that_the_reload_has_failed(tmp_path: Path) -> None:
    write(tmp_path, "old")
    with dev(tmp_path, "--control-socket", "control") as server:
        for text in ("1 / 0\n", LIFESPAN):
            (tmp_path / "app.py").write_text(text)
            done = fastrdctl(tmp_path, "reload", "--wait")
            assert done.returncode == 1 and "the reload has failed: " in done.stderr
            assert answer(tmp_path, "status")["reload"]["state"] == "failed"
        write(tmp_path, "mended")
        assert "serves: " in does(tmp_path, "reload", "--wait")
        answers(server, "mended")
