"""The shop under the real fastrd, with several workers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from server import Fastrd


@pytest.mark.parametrize("attempt", range(3))
def test_four_workers_start_at_once_on_a_fresh_database(tmp_path, attempt):
    env = {"SHOP_DATABASE": str(tmp_path / "shop.sqlite")}
    flags = ("--app-dir", str(ROOT / "examples"), "--workers", "4")
    with Fastrd("shop:app", tmp_path, *flags, env=env) as server:
        assert len(server.children()) == 4
        status, content = server.get("/products")
        assert (status, content.count(b'"id"')) == (200, 4)
        assert "Traceback" not in server.log()
        assert "lifespan" not in server.log()
