"""Without the right to do it: one line with cause and remedy, nothing left running."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from server import BINARY

# Root may do anything only as long as it has these capabilities.
DROP = "--bounding-set=-net_bind_service,-dac_override,-dac_read_search"
GOOD = "from fastapi import FastAPI\napp = FastAPI()\n"


def fails(directory: Path, *words: str) -> tuple[int, str]:
    """(exit status, everything printed); returns when no process has the pipe."""
    command = [BINARY, *words]
    if os.geteuid() == 0:  # setpriv is part of Debian's util-linux
        command = ["setpriv", DROP, *command]
    done = subprocess.run(
        command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


@pytest.fixture
def closed(tmp_path):
    directory = tmp_path / "closed"
    directory.mkdir(mode=0)
    yield directory
    directory.chmod(0o700)


def test_a_privileged_port(tmp_path):
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 1024:
        pytest.skip("this system lets everyone bind every port")
    assert fails(tmp_path, "--port", "1023", "app:app") == (
        4,
        "fastrd: cannot listen on 127.0.0.1 port 1023: Permission denied; "
        "ports below 1024 need root or CAP_NET_BIND_SERVICE\n",
    )


def test_a_unix_socket_in_a_closed_directory(tmp_path, closed):
    assert fails(tmp_path, "--uds", "closed/socket", "app:app") == (
        4,
        "fastrd: cannot listen on closed/socket: Permission denied; "
        "choose a --uds path where you may create files\n",
    )


def test_a_python_that_may_not_run(tmp_path):
    (tmp_path / "python").touch(0o600)
    assert fails(tmp_path, "--port", "0", "--python", "./python", "app:app") == (
        5,
        "fastrd: --python ./python: Permission denied; give the path of a program\n",
    )


def test_a_module_that_may_not_be_read(tmp_path):
    (tmp_path / "app.py").write_text(GOOD)
    (tmp_path / "app.py").chmod(0)
    status, text = fails(tmp_path, "--port", "0", "app:app")
    assert status == 3
    assert text.splitlines()[-1] == (
        "fastrd: importing 'app' failed: PermissionError: [Errno 13] Permission denied: "
        f"'{tmp_path}/app.py'; see the traceback"
    )


def test_a_file_that_the_application_may_not_read(tmp_path):
    (tmp_path / "secret").touch(0)
    (tmp_path / "app.py").write_text("key = open('secret').read()\n")
    status, text = fails(tmp_path, "--port", "0", "app:app")
    assert status == 3
    assert text.splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{tmp_path}/app.py", line 1, in <module>',
        "    key = open('secret').read()",
        *text.splitlines()[3:-2],  # ^^^^ since Python 3.13
        "PermissionError: [Errno 13] Permission denied: 'secret'",
        "fastrd: importing 'app' failed: PermissionError: [Errno 13] Permission denied: "
        "'secret'; see the traceback",
    ]


def test_an_application_directory_that_may_not_be_read(tmp_path, closed):
    (tmp_path / "app.py").write_text(GOOD)
    assert fails(tmp_path, "--port", "0", "--app-dir", "closed", "app:app") == (
        3,
        f"fastrd: cannot find module 'app' in {closed}: Permission denied; "
        "run fastrd in its directory or give --app-dir\n",
    )
