"""`make site`: every link and anchor leads somewhere, nothing comes from elsewhere, and no page is wider than a
telephone."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/shared"))

from browser import chromium

BASE = "http://site/"
# What a browser fetches by itself.
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}
NARROW = 360


class Html(HTMLParser):
    """The links of a page, what it loads, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if LOADED.get(tag, "") in given and given.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(given[LOADED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once for all processes of the run."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with open(shared / "site.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "site.made").exists():
            done = subprocess.run([ROOT / "contrib/site", shared / "site"], capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
            (shared / "site.made").touch()
    return shared / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Html]:
    """By their addresses below BASE; the page for what is not found is none of them."""
    found = {
        str(path.relative_to(site)).removesuffix("index.html"): Html(path.read_text())
        for path in site.rglob("*.html")
        if path.name != "404.html"
    }
    assert {"", "bench/", "tests/", "docs/", "docs/SETTINGS/", "docs/from/uvicorn/"} <= set(found)
    return found


def test_every_document_is_a_page(pages):
    documents = {f"docs/{path.relative_to(ROOT / 'docs')}" for path in (ROOT / "docs").rglob("*.md")}
    wanted = {f"{name.removesuffix('.md')}/" for name in documents - {"docs/index.md"}}
    assert wanted - set(pages) == set()


def test_every_link_and_anchor_leads_somewhere(site, pages):
    dead = []
    for address, page in pages.items():
        for link in page.links + page.loaded:
            whole, anchor = urldefrag(urljoin(BASE + address, link))
            if not whole.startswith(BASE):
                continue  # elsewhere
            to = unquote(urlsplit(whole).path).lstrip("/")
            target = pages.get(to)
            there = anchor in target.anchors if target else (site / to).is_file()
            if not there:
                dead.append((address, link))
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site, pages):
    loaded = {urljoin(BASE + address, link) for address, page in pages.items() for link in page.loaded}
    assert {link for link in loaded if not link.startswith((BASE, "data:"))} == set()
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert "url(http" not in styles and "@import" not in styles


@pytest.fixture(scope="module")
def address(site: Path):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_no_page_is_wider_than_a_telephone(address, pages):
    wide = {}
    with chromium() as browser, browser.page() as page:
        page.call(
            "Emulation.setDeviceMetricsOverride", width=NARROW, height=800, deviceScaleFactor=1, mobile=True
        )
        for name in pages:
            page.go(address + name)
            width = page.run("document.documentElement.scrollWidth")
            if width > NARROW:
                wide[name] = width
        failed = [said for what, said in page.events if what == "Network.loadingFailed" and not said.get("canceled")]
        outside = {
            said["request"]["url"] for what, said in page.events
            if what == "Network.requestWillBeSent" and not said["request"]["url"].startswith((address, "data:", "blob:"))
        }
    assert (wide, failed, outside) == ({}, [], set())
