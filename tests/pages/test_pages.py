"""Pages of NiceGUI and of gradio in Chromium: what is clicked and typed there changes them, under uvicorn and under
fastrd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import servers
from browser import Browser, Page
from ports import free_port

HERE = Path(__file__).parent


@pytest.fixture(params=["uvicorn", "fastrd"])
def command(request: pytest.FixtureRequest, python: str) -> list[str]:
    """A server of that environment, with a line for each request in its log."""
    if request.param == "uvicorn":
        return [python, "-m", "uvicorn", "--ws", "websockets-sansio"]
    return [servers.FASTRD, "--python", python, "--access-log"]


@contextmanager
def shown(command: list[str], app: str, path: str, browser: Browser, directory: Path) -> Iterator[Page]:
    """The application's page. At the end, nothing has failed in it or in the server."""
    port, log = free_port(), directory / "log"
    served = [*command, "--port", str(port), "--app-dir", str(HERE), app]
    # Neither of the two shall write elsewhere, or call home.
    env = {
        "NICEGUI_STORAGE_PATH": str(directory / "storage"), "GRADIO_TEMP_DIR": str(directory / "gradio"),
        "GRADIO_ANALYTICS_ENABLED": "False", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    with servers.serving(served, port, log, env):
        with browser.page() as page:
            page.go(f"http://127.0.0.1:{port}{path}")
            yield page
            assert events(page, "Runtime.exceptionThrown") == []
    said = log.read_text()
    assert "Traceback" not in said and '" 500' not in said, said


def events(page: Page, kind: str) -> list[dict[str, Any]]:
    """What the page has told of this kind, in order."""
    return [what for name, what in page.events if name == kind]


def test_nicegui_changes_its_page_over_a_websocket(command, browser, tmp_path):
    with shown(command, "nicegui_app:app", "/", browser, tmp_path) as page:
        page.wait_text("tick 3")
        for number in (1, 2):
            page.click("#more")
            page.wait_text(f"clicked {number}")
        page.type("input", "hallo ü")
        page.wait_text("typed hallo ü")
        answers = events(page, "Network.webSocketHandshakeResponseReceived")
        frames = events(page, "Network.webSocketFrameReceived")
    # It would poll without.
    opened = {what["requestId"] for what in answers if what["response"]["status"] == 101}
    received = [what["response"]["payloadData"] for what in frames if what["requestId"] in opened]
    for change in ("tick 3", "clicked 1", "clicked 2", "typed hallo ü"):
        assert any(change in text for text in received), (change, received)


def test_gradio_changes_its_page_by_events(command, browser, tmp_path):
    with shown(command, "gradio_app:app", "/gradio/", browser, tmp_path) as page:
        page.wait("document.querySelector('#greet')")
        page.type("#name textarea", "World ü")
        page.click("#greet")
        page.wait("document.querySelector('#greeting textarea').value === 'Hello World ü'")
        page.click("#count")
        page.wait("document.querySelector('#number textarea').value === 'at 4'")
        kinds = {what["response"]["mimeType"] for what in events(page, "Network.responseReceived")}
    assert "text/event-stream" in kinds
