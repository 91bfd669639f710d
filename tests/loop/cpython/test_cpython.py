"""CPython's own asyncio tests pass on fastrapi.EventLoop."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).with_name("run.py")
MODULES = [
    "base_events", "buffered_proto", "context", "events", "futures", "futures2", "locks",
    "pep492", "protocols", "queues", "runners", "selector_events", "sendfile", "server",
    "sock_lowlevel", "ssl", "sslproto", "streams", "subprocess", "taskgroups", "tasks",
    "threads", "timeouts", "transports", "unix_events", "waitfor",
]  # fmt: skip
MOCK_SOCKET = "its socket is a mock, whose fileno() is no number"
SELECTOR = "looks into the loop's selector"
# By class and method: what cannot pass, and why.
CANNOT_PASS = {
    "BaseEventLoopWithSelectorTests.test_create_connection_ip_addr": MOCK_SOCKET,
    "BaseEventLoopWithSelectorTests.test_create_connection_ipv6_scope": MOCK_SOCKET,
    "BaseEventLoopWithSelectorTests.test_create_connection_no_inet_pton": MOCK_SOCKET,
    "BaseEventLoopWithSelectorTests.test_create_connection_service_name": MOCK_SOCKET,
    "BaseEventLoopWithSelectorTests.test_create_datagram_endpoint_ip_addr": MOCK_SOCKET,
    "BaseEventLoopWithSelectorTests.test_create_server_soreuseport_only_defined": MOCK_SOCKET,
    "SelectorEventLoopUnixSockSendfileTests.test_sock_sendfile_blocking_error": SELECTOR,
}


def outcomes(*arguments):
    """Test names and their outcomes, and what the process said when it ended."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", str(RUN), *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    found = {}
    for line in done.stdout.splitlines():
        name, outcome, detail = json.loads(line)
        found[".".join(name.split(".")[-2:])] = (outcome, detail)
    assert done.returncode == 0, (done.stderr[-3000:], list(found.items())[-1:])
    return found


def failures(found):
    return {name: detail for name, (outcome, detail) in found.items() if outcome == "failed"}


@pytest.mark.parametrize("module", MODULES)
def test_module(module):
    name = f"test_{module}"
    if importlib.util.find_spec("test") is None or not importlib.util.find_spec(
        "test.test_asyncio"
    ):
        pytest.skip("this interpreter comes without its tests")
    if importlib.util.find_spec(f"test.test_asyncio.{name}") is None:
        pytest.skip("this interpreter has no such tests")
    found = outcomes(name)
    assert "passed" in {outcome for outcome, _ in found.values()}
    wrong = {key: text for key, text in failures(found).items() if key not in CANNOT_PASS}
    if not Path("/dev/null").is_char_device():
        # Some containers have an ordinary file there.
        wrong = {key: text for key, text in wrong.items() if "devnull" not in key}
    if wrong:
        # What a busy machine makes fail once, or with asyncio's own loop as well, says nothing.
        patterns = {key.split(".")[-1] for key in wrong}
        again = failures(outcomes(name, *patterns))
        plain = failures(outcomes("--plain", name, *patterns))
        wrong = {key: wrong[key] for key in wrong if key in again and key not in plain}
    assert wrong == {}
    passes = [key for key in CANNOT_PASS if found.get(key, ("",))[0] == "passed"]
    assert passes == [], "take them off the list"
