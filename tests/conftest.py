"""A test that is skipped shows nothing. It fails instead, unless its reason is one of
these: facts of the machine or of an older version, which nobody can mend here."""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent / "shared"))

MAY_SKIP = {
    "this system lets everyone bind every port": "tests/e2e: net.ipv4.ip_unprivileged_port_start",
    "only root can become another user": "tests/e2e: privileges",
    "the image has Python 3.11": "tests/dist: another Python is under test",
    "this container may not mount anything": "tests/e2e: privileges and units; tests/dist: a bare Debian",
    "systemd is not built with a sanitizer": "tests/e2e: units, under tests/asan/run",
    "this container has no control groups of its own": "tests/e2e: units",
    "other users may not enter the build's directory": "tests/e2e: privileges",
    "this interpreter comes without its tests": "tests/loop: CPython's own, a package of its own",
    "this interpreter has no such tests": "tests/loop: CPython's own differ between versions",
    "dependencies have no scope": "tests/compile: FastAPI before 0.121",
    "dependencies are left before the answer": "tests/compile: FastAPI before 0.118",
    "no cgroup with a limit of memory can be made here": "tests/e2e: not root, or a container",
    "no such option": "tests/compile: an older FastAPI, in test_versions.py",
    "reasons of the newest version": "tests/compile: an older FastAPI, in test_versions.py",
    "a sanitizer has its own malloc": "tests/leak: under tests/asan/run",
    "no Python 2.7 for Autobahn's test suite": "tests/autobahn: tests/websocket/test_frames.py says it, too",
    "a bare Debian 12 has Python 3.11": "tests/dist: another Python's wheel",
    "no sanitised tree": "tests/asan: without tests/asan/run",
}


def judge(report: Any) -> Any:
    """The report, failed when it is a skip of another reason."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return report
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if reason.removeprefix("Skipped: ") not in MAY_SKIP:
        report.outcome = "failed"
        report.longrepr = f"skipped, and tests/conftest.py does not list why: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    return judge((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return judge((yield))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first: at the end, one process would be busy with them and the others idle."""
    items.sort(key=lambda item: item.path.name != "test_versions.py")
