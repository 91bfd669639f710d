"""A page in Chromium."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "shared"))

from browser import Page, chromium
from server import PATIENCE, Fastrd

# A socket whose events are awaited, one after the other.
TALK = """
class Talk {
  constructor(path = "/", protocols = []) {
    this.events = []
    this.socket = new WebSocket("ws://" + location.host + path, protocols)
    this.socket.onopen = () => this.put("open")
    this.socket.onerror = () => this.put("error")
    this.socket.onclose = e => this.put(["close", e.code, e.reason, e.wasClean])
    this.socket.onmessage = e => this.put(e.data)
  }
  put(event) { this.events.push(event); if (this.wake) this.wake() }
  async next() {
    while (!this.events.length) await new Promise(wake => this.wake = wake)
    return this.events.shift()
  }
}
"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser, browser.page() as tab:
        yield tab


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fastrd]:
    log = tmp_path_factory.mktemp("browser") / "log"
    flags = ("--ws-max-size", "100000", "--ws-ping-interval", "1", "--ws-ping-timeout", "2")
    with Fastrd("clients_app:app", HERE, *flags, log=log) as server:
        yield server


def run(page: Page, server: Fastrd, script: str) -> Any:
    """What an async function with this body returns, in a page of the server's."""
    page.go(f"http://127.0.0.1:{server.port}/")
    return page.run(f"{TALK}; (async () => {{ {script} }})()")


def test_text_and_bytes(page, served):
    sent = 'a ü😀 "quoted"' * 1000
    assert run(page, served, f"""
        const talk = new Talk(), said = [await talk.next()], bytes = Uint8Array.from({{length: 70000}}, (_, i) => i)
        for (const text of ["", "a", {json.dumps(sent)}]) {{ talk.socket.send(text); said.push(await talk.next()) }}
        talk.socket.binaryType = "arraybuffer"
        for (const part of [bytes, bytes.buffer, new Blob([bytes]), new Uint8Array()]) {{
          talk.socket.send(part)
          const back = new Uint8Array(await talk.next())
          said.push(back.length, back.every((byte, i) => byte === i % 256))
        }}
        talk.socket.binaryType = "blob"
        talk.socket.send(bytes)
        const blob = await talk.next()
        return said.concat(blob.constructor.name, blob.size, talk.socket.extensions, talk.socket.protocol)
    """) == [  # fmt: skip
        "open", "", "a", sent, 70000, True, 70000, True, 70000, True, 0, True, "Blob", 70000,
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", "",
    ]  # fmt: skip


def test_what_is_sent_at_once_comes_back_in_its_order(page, served):
    assert run(page, served, """
        const talk = new Talk(), text = i => i + " " + "abc".repeat(i % 300), wrong = []
        await talk.next()
        for (let i = 0; i < 2000; i++) talk.socket.send(text(i))
        for (let i = 0; i < 2000; i++) if (await talk.next() !== text(i)) wrong.push(i)
        return wrong
    """) == []  # fmt: skip


def test_either_closes_with_code_and_reason(page, served):
    assert run(page, served, """
        const one = new Talk(), other = new Talk()
        await one.next(), await other.next()
        one.socket.close(4321, "page ü")
        other.socket.send("close 4322 server ü")
        return [await one.next(), await other.next()]
    """) == [["close", 4321, "page ü", True], ["close", 4322, "server ü", True]]  # fmt: skip
    served.wait_log("disconnect 4321 page ü")


def test_a_page_that_is_left_goes_away(page, served):
    run(page, served, "return await (window.talk = new Talk()).next()")
    page.go("about:blank#left")
    served.wait_log("disconnect 1001")


def test_subprotocols(page, served):
    assert run(page, served, """
        const talk = new Talk("/", ["one", "two.v2"])
        return [await talk.next(), talk.socket.protocol]
    """) == ["open", "two.v2"]  # fmt: skip


def test_what_is_refused_or_too_large(page, served):
    assert run(page, served, """
        const refused = new Talk("/refused"), large = new Talk(), packed = new Talk()
        await large.next(), await packed.next()
        large.socket.send(crypto.getRandomValues(new Uint8Array(60000)) + "")
        packed.socket.send("a".repeat(100001))
        return [await refused.next(), await refused.next(), await large.next(), await packed.next()]
    """) == [  # fmt: skip
        "error", ["close", 1006, "", False], ["close", 1009, "message too large", True],
        ["close", 1009, "message too large", True],
    ]  # fmt: skip


def test_it_answers_pings(page, served):
    assert run(page, served, """
        const talk = new Talk()
        await talk.next()
        await new Promise(done => setTimeout(done, 4000))
        talk.socket.send("still here")
        return await talk.next()
    """) == "still here"  # fmt: skip


def test_a_page_that_reconnects_meets_the_next_generation(page, tmp_path):
    flags = ("--timeout-graceful-shutdown", "2")
    with Fastrd("clients_app:app", HERE, *flags, log=tmp_path / "log") as server:
        first = run(page, server, """
            window.pids = []
            window.codes = []
            function enter() {
              const socket = new WebSocket("ws://" + location.host)
              socket.onopen = () => socket.send("scope")
              socket.onmessage = e => pids.push(JSON.parse(e.data).pid)
              socket.onclose = e => { codes.push(e.code); setTimeout(enter, 100) }
            }
            enter()
            while (!pids.length) await new Promise(done => setTimeout(done, 10))
            return pids[0]
        """)  # fmt: skip
        server.signal(signal.SIGHUP)
        page.wait("pids.length > 1", 60 * PATIENCE)
        assert page.run("codes") == [1012]
        assert page.run("pids[1]") != first and page.run("pids[0]") == first
        page.go("about:blank#over")
