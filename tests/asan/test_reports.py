"""A fault in any process leaves a report: run by tests/asan/run before it trusts silence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from server import Fastrd

APP = '''
import ctypes
from fastapi import FastAPI
app = FastAPI()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

@app.get("/fault")
async def fault():
    pointer = ctypes.c_void_p(libc.malloc(32))
    libc.free(pointer)
    libc.free(pointer)

@app.get("/")
async def root(): return "well"
'''
SHIFT = "int main(int argc, char **argv) { (void)argv; return 1 << (argc + 31); }"

pytestmark = pytest.mark.skipif("ASAN_OPTIONS" not in os.environ, reason="no sanitised tree")


def reporting_to(directory: Path) -> dict[str, str]:
    """The environment with reports in `directory`, where they fail no run."""
    names = ("ASAN_OPTIONS", "UBSAN_OPTIONS")
    return {name: f"{os.environ[name]}:log_path={directory / 'report'}" for name in names}


def test_a_worker_that_is_replaced_leaves_its_report(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(APP)
    with Fastrd("app:app", tmp_path, env=reporting_to(tmp_path)) as server:
        server.raw(b"GET /fault HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait(lambda: server.get("/") == (200, b'"well"'), "a new worker")
    (report,) = tmp_path.glob("report.*")
    assert "attempting double-free" in report.read_text()


def test_undefined_behaviour_leaves_a_report_and_ends_the_process(tmp_path: Path) -> None:
    (tmp_path / "shift.c").write_text(SHIFT)
    program = tmp_path / "shift"
    subprocess.run(
        ["gcc", "-fsanitize=address,undefined", "-o", program, program.with_suffix(".c")],
        check=True,
    )
    done = subprocess.run([program], env=os.environ | reporting_to(tmp_path), stderr=subprocess.PIPE)
    assert done.returncode < 0
    assert b"shift exponent" in done.stderr
    (report,) = tmp_path.glob("report.*")
    assert "in main" in report.read_text()
