"""A headless Chromium, spoken to through its DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

SECONDS = 60  # for anything that a page shall do: the machine may be busy


class Page:
    """A tab. What happened in it is in ``events`` as soon as it was asked something."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._calls = 0
        self.events: list[tuple[str, dict[str, Any]]] = []
        for domain in ("Network", "Page", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(SECONDS))
            if said.get("id") == self._calls:
                assert "error" not in said, said
                return said["result"]
            if "method" in said:
                self.events.append((said["method"], said["params"]))

    def go(self, address: str) -> None:
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        """What the expression is, or what its promise becomes."""
        said = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def wait(self, condition: str, seconds: float = SECONDS) -> None:
        """Until the expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"!!({condition})"):
            assert time.monotonic() < end, (condition, self.run("document.body.innerText"))
            time.sleep(0.05)

    def wait_text(self, text: str, seconds: float = SECONDS) -> None:
        """Until the page shows it."""
        self.wait(f"document.body.innerText.includes({json.dumps(text)})", seconds)

    def type(self, selector: str, text: str) -> None:
        """Into the field, as from a keyboard."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.call("Input.insertText", text=text)

    def click(self, selector: str) -> None:
        """With a mouse, in the middle of the element."""
        box = self.run(
            f"(e => {{ e.scrollIntoView(); const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2] }})(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            at = {"x": box[0], "y": box[1], "button": "left", "clickCount": 1}
            self.call("Input.dispatchMouseEvent", type=kind, **at)

    def picture(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


class Browser:
    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, what: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}/json/{what}", method=method)
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.read()

    @contextmanager
    def page(self) -> Iterator[Page]:
        """A new tab, which is empty."""
        tab = json.loads(self.ask("new?about:blank", "PUT"))
        with connect(tab["webSocketDebuggerUrl"], max_size=None, compression=None) as socket:
            yield Page(socket)
        self.ask(f"close/{tab['id']}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium, with a profile of its own; it ends with the block."""
    binary = shutil.which("chromium")
    assert binary is not None, "run tests/install"
    with tempfile.TemporaryDirectory(prefix="fastrd-browser-", ignore_cleanup_errors=True) as profile:
        # Its sandbox needs rights that a container may not have; /dev/shm may be small there.
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--no-first-run", "--disable-background-networking", "--disable-component-update",
                 "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]  # fmt: skip
        with open(Path(profile) / "log", "wb") as log:
            process = subprocess.Popen([binary, *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield Browser(_port(process, Path(profile)))
        finally:
            process.terminate()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _port(process: subprocess.Popen[bytes], profile: Path) -> int:
    """Where it listens, once it does."""
    file = profile / "DevToolsActivePort"
    end = time.monotonic() + SECONDS
    while not (file.exists() and "\n" in (text := file.read_text())):
        alive = process.poll() is None
        assert alive and time.monotonic() < end, (profile / "log").read_text(errors="replace")
        time.sleep(0.05)
    return int(text.split()[0])
