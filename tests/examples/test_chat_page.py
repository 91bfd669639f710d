"""The chat's page, in two tabs of Chromium, over two workers and a reload."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / room) for room in ("e2e", "libraries", "shared")]

from browser import Page, chromium
from server import Fastrd
from servers import redis


def enter(page: Page, server: Fastrd, name: str, room: str) -> None:
    page.go(f"http://127.0.0.1:{server.port}/")
    page.run(f"document.querySelector('#room').value = '{room}'")
    page.type("#name", name)
    page.click("#enter button")
    page.wait_text(f"{name} came")


def say(page: Page, text: str) -> None:
    page.type("#text", text)
    page.click("#say button")


def test_two_talk_in_rooms_and_come_back_after_a_reload(tmp_path):
    flags = ("--workers", "2", "--timeout-graceful-shutdown", "2")
    with (
        redis() as database,
        Fastrd(
            "chat:app", ROOT / "examples", *flags, log=tmp_path / "log",
            env={"REDIS_URL": f"redis://127.0.0.1:{database.port}"},
        ) as server,
        chromium() as browser, browser.page() as ann, browser.page() as bob,
    ):  # fmt: skip
        enter(ann, server, "Ann", "lobby")
        enter(bob, server, "Bob", "lobby")
        ann.wait_text("Bob came")
        say(ann, "hello <b>ü</b>")
        for page in (ann, bob):
            page.wait_text("Ann: hello <b>ü</b>")
        assert ann.run("document.querySelectorAll('.mine').length") == 1
        bob.run("document.querySelector('#room').value = 'a/b?c'")
        bob.click("#enter button")
        bob.wait_text("You are in a/b?c.")
        ann.wait_text("Bob left")
        say(bob, "here now")
        bob.wait_text("Bob: here now")
        assert "here now" not in ann.run("document.body.innerText")
        server.signal(signal.SIGHUP)
        for page in (ann, bob):
            page.wait_text("The server restarts")
        for page, room in ((ann, "lobby"), (bob, "a/b?c")):
            page.wait(f"document.body.innerText.split('You are in {room}.').length === 3")
        say(bob, "again")
        bob.wait_text("Bob: again")
        for page in (ann, bob):
            assert [e for e in page.events if e[0] == "Runtime.exceptionThrown"] == []
