"""What is mounted answers as under uvicorn: applications of FastAPI's and Starlette's, with and
without middleware, Routers, and Starlette's own routes wherever they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mounts_served
import pytest
from servers import pair
from test_parity import assert_equal
from wire import Request

FORM = ("content-type", "application/x-www-form-urlencoded")
JSON = ("content-type", "application/json")


def asked(module: Any) -> list[Request]:
    found = []
    for prefix in module.PREFIXES:
        for method, path in module.PATHS:
            if path in ("/late", "/after", "/stopped"):
                continue  # uvicorn closes the connection when an application fails after its answer
            content = b"name=raise" if path == "/form" else b"[1]" if method in ("POST", "PUT") else b""
            fields = (("origin", "http://x"), FORM if path == "/form" else JSON)
            found.append(Request(method, prefix + path or "/", fields, content))
    return found


@pytest.mark.parametrize("name", mounts_served.APPS)
def test_what_is_mounted(name: str, mode: str, tmp_path: Path) -> None:
    with pair(f"mounts_served:{name}", Path(__file__).parent, mode, tmp_path) as peers:
        assert_equal(peers, asked(mounts_served.APPS[name]))
