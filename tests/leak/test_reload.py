"""Reloads leave nothing in the master and nobody behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from memory import JUDGED, anonymous_bytes, descriptors
from server import Fastrd

HELLO = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/')\nasync def root(): return 1\n"


def test_reloads_leave_the_master_as_it_was(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Twenty of them in `make check-leak`."""
    reloads = 20 if pytestconfig.getoption("requests") >= 100_000 else 3
    (tmp_path / "app.py").write_text(HELLO)
    generations = 1

    def reload(server: Fastrd) -> None:
        nonlocal generations
        old = server.children()
        generations += 1
        server.signal(1)
        server.wait_log(f"generation {generations} serves")
        server.wait(lambda: len(server.children()) == 2, "the old workers' end")
        assert not set(old) & set(server.children())
        assert not [pid for pid in old if os.path.exists(f"/proc/{pid}")]
        assert server.get("/") == (200, b"1")

    with Fastrd("app:app", tmp_path, "--workers", "2") as server:
        assert server.process is not None
        master = server.process.pid
        reload(server)
        reload(server)
        memory, open_now = anonymous_bytes(master), descriptors(master)
        for _ in range(reloads):
            reload(server)
        assert descriptors(master) == open_now
        more = anonymous_bytes(master) - memory
        assert not JUDGED or more < reloads * os.sysconf("SC_PAGE_SIZE")
