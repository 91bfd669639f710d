"""The units of contrib/systemd: systemd understands them, finds them hardened, and runs them."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import free_port
from server import BUILD, PATIENCE, read_all
from systemd import Systemd, why_not

UNITS = BUILD / "lib/systemd/system"
# What the manager of a user's services cannot do, or what would hide the tests' own files.
# All else of the unit is in force below, its filter of system calls too.
NOT_HERE = re.compile(
    r"^(DynamicUser|StateDirectory|WorkingDirectory|ProtectHome|PrivateTmp"
    r"|ProtectKernelLogs|ProtectKernelTunables)=.*\n",
    re.MULTILINE,
)
APP = """
import os, threading
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
def root():
    threading.Thread(target=print).start()
    status = open("/proc/self/status").read()
    return ["NoNewPrivs:\\t1" in status, "Seccomp:\\t2" in status, os.access("/etc", os.W_OK)]

@app.get("/pid")
async def pid():
    return os.getpid()
"""


@pytest.mark.parametrize("unit", ["fastrd.service", "fastrd@.service", "fastrd.socket"])
def test_systemd_understands_it(unit):
    """And says nothing. An instance stands for its template."""
    name = unit.replace("@.", "@shop.")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", f"./{name}"], cwd=UNITS, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["fastrd.service", "fastrd@.service"])
def test_it_is_hardened(unit):
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", f"./{unit}"]
    done = subprocess.run(command, cwd=UNITS, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"Overall exposure level for .*: [01]\.\d OK", done.stdout)


def test_the_two_services_differ_in_their_names_only():
    one, many = ((UNITS / name).read_text() for name in ("fastrd.service", "fastrd@.service"))
    assert many.replace("fastrd for %i", "fastrd").replace("fastrd-%i", "fastrd").replace(
        "/%i.toml", "/fastrd.toml"
    ) == one


@pytest.fixture(scope="module")
def manager(tmp_path_factory) -> Iterator[Systemd]:
    if why := why_not():
        pytest.skip(why)
    with Systemd(tmp_path_factory.mktemp("systemd")) as manager:
        yield manager


class Service:
    """The unit fastrd.service as it is installed, for an application of the test's."""

    def __init__(self, manager: Systemd, directory: Path, more: str = ""):
        (directory / "app.py").write_text(APP)
        self.port = free_port()
        (directory / "fastrd.toml").write_text(
            f'app = "app:app"\napp_dir = "."\nport = {self.port}\n{more}'
        )
        self.manager = manager
        self.log = directory / "log"
        text = NOT_HERE.sub("", (UNITS / "fastrd.service").read_text())
        text = text.replace("/etc/fastrd/", f"{directory}/")
        text = text.replace(
            "[Install]", f"StandardOutput=append:{self.log}\nStandardError=append:{self.log}\n\n[Install]"
        )
        (manager.units / "fastrd.service").write_text(text)

    def __enter__(self) -> Service:
        assert self.manager.systemctl("daemon-reload")[0] == 0
        return self

    def __exit__(self, *_: object) -> None:
        self.manager.systemctl("stop", "fastrd.socket", "fastrd.service")
        self.manager.systemctl("reset-failed")
        for path in self.manager.units.glob("fastrd*"):
            path.unlink()

    def start(self, unit: str = "fastrd.service") -> None:
        status, text = self.manager.systemctl("start", unit)
        assert status == 0, text + (self.log.read_text() if self.log.exists() else "")

    def show(self, name: str) -> str:
        return self.manager.show("fastrd.service", name)

    def get(self, path: str) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), 20 * PATIENCE) as conn:
            conn.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            return read_all(conn).partition(b"\r\n\r\n")[2]


def test_a_service_starts_reloads_and_stops(manager, tmp_path):
    with Service(manager, tmp_path) as service:
        service.start()  # which waits for READY=1
        assert service.show("StatusText") == "generation 1, 1 worker, 0 requests in hand"
        assert service.get("/") == b"[true,true,false]"
        master = service.show("MainPID")
        assert manager.systemctl("reload", "fastrd.service")[0] == 0  # when the new generation serves
        assert "generation 2 serves" in service.log.read_text()
        manager.wait("fastrd.service", "StatusText", "generation 2, 1 worker, 0 requests in hand")
        assert service.show("ActiveState") == "active" and service.show("MainPID") == master
        assert service.get("/") == b"[true,true,false]"
        assert manager.systemctl("stop", "fastrd.service")[0] == 0
        assert service.show("Result") == "success"
        assert "ended after" in service.log.read_text()


def test_a_reload_that_fails_is_a_reload_that_failed(manager, tmp_path):
    """And no more than that: what served serves, and the next one is all right."""
    with Service(manager, tmp_path) as service:
        service.start()
        (tmp_path / "app.py").write_text("1 / 0\n")
        status, said = manager.systemctl("reload", "fastrd.service")
        assert status == 1 and "failed" in said
        assert "division by zero" in service.log.read_text()
        assert service.show("ActiveState") == "active" and service.get("/") == b"[true,true,false]"
        (tmp_path / "app.py").write_text(APP)
        assert manager.systemctl("reload", "fastrd.service")[0] == 0
        assert service.get("/") == b"[true,true,false]"


def test_a_start_that_fails_is_a_start_that_failed(manager, tmp_path):
    """At once, and for a wrong setting only once."""
    with Service(manager, tmp_path, more='wrokers = 2\n') as service:
        assert manager.systemctl("start", "fastrd.service")[0] == 1
        assert service.show("ActiveState") == "failed" and service.show("ExecMainStatus") == "2"
        assert "did you mean workers?" in service.log.read_text()


def test_a_server_in_which_nothing_turns_is_started_again(manager, tmp_path):
    with Service(manager, tmp_path, more="worker_timeout = 0\n") as service:
        path = manager.units / "fastrd.service"
        path.write_text(path.read_text().replace("WatchdogSec=90", "WatchdogSec=2"))
        manager.systemctl("daemon-reload")
        service.start()
        assert manager.inside("kill", "-STOP", service.get("/pid").decode()) == (0, "")
        manager.wait("fastrd.service", "NRestarts", "1", 30)
        manager.wait("fastrd.service", "ActiveState", "active")
        assert service.get("/") == b"[true,true,false]"
        assert "the service manager's watchdog gets no sign" in service.log.read_text()


def test_the_socket_outlives_the_service(manager, tmp_path):
    """A client that comes between two services waits for the second."""
    with Service(manager, tmp_path) as service:
        text = (UNITS / "fastrd.socket").read_text()
        text = text.replace("ListenStream=80", f"ListenStream=127.0.0.1:{service.port}")
        (manager.units / "fastrd.socket").write_text(text)
        manager.systemctl("daemon-reload")
        service.start("fastrd.socket")
        assert service.show("ActiveState") == "inactive"
        first = service.get("/pid")  # starts it
        assert f"http://127.0.0.1:{service.port} (fastrd.socket)" in service.log.read_text()
        assert manager.systemctl("stop", "fastrd.service")[0] == 0
        assert service.get("/pid") != first
