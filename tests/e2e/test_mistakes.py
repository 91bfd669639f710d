"""The commonest mistakes: one line with cause and remedy, a documented status."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest
from fastrd import BINARY, Fastrd, fails


def write(directory, text: str) -> None:
    (directory / "app.py").write_text(text)


GOOD = "from fastapi import FastAPI\napp = FastAPI()\n"


def test_module_not_found(tmp_path):
    assert fails("nope:app", tmp_path) == (
        3,
        "fastrd: cannot find module 'nope'; run fastrd in its directory or give --app-dir\n",
    )


def test_attribute_not_found_suggests_the_right_one(tmp_path):
    write(tmp_path, GOOD.replace("app =", "api ="))
    status, text = fails("app:app", tmp_path)
    assert status == 3
    assert text.strip().endswith("module 'app' has no attribute 'app'; did you mean app:api?")


def test_import_error_shows_the_users_frames_once(tmp_path):
    write(tmp_path, GOOD + "def f():\n    1 / 0\nf()\n")
    status, text = fails("app:app", tmp_path)
    assert status == 3
    assert text.count("Traceback") == 1
    assert "importlib" not in text
    assert "fastrapi" not in text.replace("fastrd:", "")
    assert "importing 'app' failed: ZeroDivisionError: division by zero; see the traceback" in text


def test_a_factory_needs_its_flag(tmp_path):
    write(tmp_path, "from fastapi import FastAPI\ndef make():\n    return FastAPI()\n")
    status, text = fails("app:make", tmp_path)
    assert status == 3
    assert "app:make is a function that returns the application; add --factory" in text


def test_not_an_application(tmp_path):
    write(tmp_path, "app = 3\n")
    assert fails("app:app", tmp_path) == (3, "fastrd: app:app is a int, not an ASGI application\n")


def test_lifespan_that_raises(tmp_path):
    write(
        tmp_path,
        "from contextlib import asynccontextmanager\nfrom fastapi import FastAPI\n"
        "@asynccontextmanager\nasync def life(app):\n    raise RuntimeError('no database')\n"
        "    yield\napp = FastAPI(lifespan=life)\n",
    )
    status, text = fails("app:app", tmp_path)
    assert status == 3
    assert "fastrd: the lifespan of app:app failed: RuntimeError: no database" in text
    assert text.count("Traceback") == 1


def test_port_in_use(tmp_path):
    write(tmp_path, GOOD)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, text = fails("app:app", tmp_path, "--port", str(port))
    assert status == 4
    assert text == (
        f"fastrd: cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "stop what uses it or choose another --port\n"
    )


def test_address_of_another_machine(tmp_path):
    status, text = fails("app:app", tmp_path, "--host", "192.0.2.1")
    assert (status, text.count("\n")) == (4, 1)
    assert "this machine has no such address" in text


def test_a_unix_sockets_name_never_removes_a_file(tmp_path):
    write(tmp_path, GOOD)
    status, text = fails("app:app", tmp_path, "--uds", "app.py")
    assert (status, (tmp_path / "app.py").read_text()) == (4, GOOD)
    assert text == (
        "fastrd: cannot listen on app.py: Address already in use; "
        "stop what uses it or choose another --uds path\n"
    )


def test_a_unix_socket_in_a_directory_that_is_not_there(tmp_path):
    status, text = fails("app:app", tmp_path, "--uds", "run/app.sock")
    assert status == 4
    assert text == (
        "fastrd: cannot listen on run/app.sock: No such file or directory; "
        "create its directory first\n"
    )


@pytest.mark.parametrize("limit", [5, 8, 9, 11, 12])
def test_too_few_descriptors_are_one_line(tmp_path, limit):
    write(tmp_path, GOOD)
    status, text = fails("app:app", tmp_path, files=(limit, limit))
    assert (status, text.count("\n")) == (1, 1), text
    assert re.match("fastrd: cannot .*: Too many open files; raise the limit of open files", text)


@pytest.mark.parametrize("limits", [(20, 20), (64, 64), (8, 4096)])
def test_few_descriptors_that_suffice(app_dir, limits):
    with Fastrd("app:app", app_dir, files=limits) as server:
        assert server.get("/")[0] == 200
        workers = [Path(f"/proc/{pid}/limits").read_text() for pid in server.children()]
        # What the hard limit allows is there for connections.
        assert re.search(rf"Max open files +{limits[1]} +{limits[1]} ", workers[0])


def test_host_names_are_not_resolved(tmp_path):
    status, text = fails("app:app", tmp_path, "--host", "example.org")
    assert status == 4
    assert "want a numeric address" in text


def test_table_over_the_limit(tmp_path):
    write(tmp_path, GOOD + "for i in range(100):\n    app.get(f'/r{i}')(lambda: 1)\n")
    status, text = fails("app:app", tmp_path, "--table-limit", "4096")
    assert status == 6
    assert "more than the limit of 4096; raise --table-limit" in text


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--frobnicate"], "unknown flag --frobnicate; see fastrd --help"),
        (["--reload"], "--reload: development reload is not available yet"),
        (["--workers", "none"], "--workers none: want a number from 1 to 64"),
        (["--sync", "fast"], "--sync wants threads, auto or inline, not fast"),
        (["--port"], "a value is missing"),
    ],
)
def test_flags_that_are_wrong(tmp_path, flags, text):
    done = subprocess.run(
        [BINARY, "app:app", *flags], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_application():
    done = subprocess.run([BINARY], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no application given" in done.stderr


def test_python_without_fastrapi(tmp_path):
    status, text = fails("app:app", tmp_path, "--python", "/usr/bin/python3")
    assert status in (1, 5)
    assert "fastrapi" in text


def test_help_names_every_flag_and_exits_0():
    done = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True)
    for flag in ("--host", "--port", "--workers", "--sync", "--table-limit"):
        assert flag in done.stdout


def test_routes_and_explain(tmp_path):
    write(
        tmp_path,
        GOOD
        + "from fastapi import UploadFile\n"
        + "@app.get('/a/{b}')\nasync def a(b: int): return b\n"
        + "@app.post('/f')\nasync def f(x: UploadFile): return x.filename\n"
        + "@app.get('/a/1')\nasync def never(): return 1\n",
    )
    run = lambda *words: subprocess.run(  # noqa: E731
        [BINARY, *words, "app:app"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    routes = run("routes")
    assert "POST      /f                     asgi: file upload" in routes
    assert "warning: /a/1 is never reached: /a/{b} comes first" in routes
    plan = run("explain", "GET", "/a/7")
    assert "compiled: runs on the loop, it cannot suspend" in plan
    assert "read path b, required" in plan
    assert "app:app: ok, " in run("-t")
