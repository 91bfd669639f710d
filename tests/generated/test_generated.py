"""Applications made from numbers answer as under uvicorn, and run the same user code.

    pytest tests/generated --applications 200 --first 1000
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from application import write
from client import requests
from observed import SERVERS, Notes, ask_steady
from servers import Pair, pair
from wire import Answer, Peer, Request, difference, report

HERE = Path(__file__).parent
PAGE = "<title>page</title>" + "<p>text of the page</p>" * 40

def lay_out(directory: Path, source: str) -> None:
    (directory / "static" / "deep").mkdir(parents=True)
    (directory / "static" / "page.html").write_text(PAGE)
    (directory / "static" / "deep" / "index.html").write_text("deep")
    (directory / "static" / "404.html").write_text("none here")
    (directory / "prelude.py").write_text(HERE.joinpath("prelude.py").read_text())
    (directory / "generated.py").write_text(source)


def difference_of(peers: Pair, request: Request, notes: Notes, quiet_s: float, ordered: bool) -> str | None:
    """A report if the answers differ or the code that ran does."""
    left, right = (ask_steady(peer, request) for peer in peers)
    ran = notes.new(quiet_s)
    if not ordered:
        ran = [sorted(one) for one in ran]
    if isinstance(left, Answer) and isinstance(right, Answer):
        what = difference(left, right)
    else:
        what = None if isinstance(left, str) and isinstance(right, str) else "one gave no answer"
    if not what and ran[0] != ran[1]:
        what = f"what ran:\n{ran[0]}\n{ran[1]}"
    return report(request, left, right, what) if what else None


def differences_of_many(peers: Pair, wanted: list[Request]) -> list[str]:
    """Reports of the answers that differ when the tested server has several requests at a
    time: the reference has one after the other."""
    expected = [ask_steady(peers[0], request) for request in wanted]
    several = [Peer(peers[1].port) for _ in range(6)]
    with ThreadPoolExecutor(len(several)) as threads:
        shares = [range(n, len(wanted), len(several)) for n in range(len(several))]
        answered = threads.map(
            lambda peer, share: [(n, ask_steady(peer, wanted[n])) for n in share], several, shares
        )
        pairs = [(wanted[n], expected[n], got) for share in answered for n, got in share]
    for peer in several:
        peer.close()
    found = []
    for request, left, got in pairs:
        if not differ(left, got):
            continue
        # Once more: uvicorn cuts an answer behind which the application raises, or does not.
        again = ask_steady(peers[0], request)
        if what := differ(again, got):
            found.append(report(request, again, got, f"among others: {what}"))
    return found


def differ(left: Answer | str, got: Answer | str) -> str | None:
    """In what an answer differs from the reference's, which may have none."""
    if not isinstance(left, Answer):
        return None
    return difference(left, got) if isinstance(got, Answer) else "no answer"


def test_as_under_uvicorn(seed: int, tmp_path: Path) -> None:
    application = write(seed)
    app_dir = tmp_path / "app"
    app_dir.mkdir()
    lay_out(app_dir, application.source)
    with pair("generated:app", app_dir, "compiled", tmp_path) as peers:
        found = []
        notes = Notes([tmp_path / f"{name}.sqlite.notes" for name in SERVERS])
        wanted = requests(seed, application)
        for request, ordered in wanted:
            # Once more, and slower: what runs after an answer may be late.
            if difference_of(peers, request, notes, 0.012, ordered):
                notes.new(0.2)
                if what := difference_of(peers, request, notes, 0.5, ordered):
                    found.append(what)
        if "overrides" not in application.source:
            found += differences_of_many(peers, [request for request, ordered in wanted if ordered])
    log = (tmp_path / "fastrd.log").read_text()
    assert "FASTRD BUG" not in log and "died" not in log, log
    assert not found, f"{len(found)} differ, layers {application.layers}\n" + "".join(found[:3])
