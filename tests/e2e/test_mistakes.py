"""The commonest mistakes: one line with cause and remedy, a documented status."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from server import BINARY, ROOT, Fastrd, fails


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


def test_table_over_the_limit(tmp_path):
    write(tmp_path, GOOD + "for i in range(100):\n    app.get(f'/r{i}')(lambda: 1)\n")
    status, text = fails("app:app", tmp_path, "--table-limit", "4096")
    assert status == 6
    assert "more than the limit of 4096; raise --table-limit" in text


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (["--frobnicate"], "unknown flag --frobnicate; see fastrd --help"),
        (["--prot", "80"], "unknown flag --prot; did you mean --port?"),
        (["--reload-dirs", "x"], "--reload-dirs: use --reload-dir DIR, as often as needed"),
        (["--workers", "none"], "--workers none: want a number from 1 to 64"),
        (["--sync", "fast"], "--sync fast: want threads, auto or inline"),
        (["--port"], "--port wants a value: --port N"),
        (["--ssl-ca-certs", "x"], "--ssl-ca-certs: TLS is not available yet"),
        (["-c", "fastrd.toml"], "fastrd.toml: No such file or directory"),
    ],
)
def test_flags_that_are_wrong(tmp_path, flags, text):
    done = subprocess.run(
        [BINARY, "app:app", *flags], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert text in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [
        "-k uvicorn.workers.UvicornWorker -b 0.0.0.0:80 --timeout 120 --graceful-timeout 30 --keep-alive 5"
        " --max-requests 1000 --preload -D -p pid -u www -g www --chdir src -e A=b --access-logfile -"
        " --threads 4 --worker-tmp-dir /dev/shm --certfile c --keyfile k --limit-request-line 8190",
        "--insecure-bind ::1 --quic-bind ::1 --ca-certs c --websocket-ping-interval 5 --error-logfile -",
        "--interface asgi --http auto --loop uvloop --runtime-mode mt --blocking-threads 4 --no-ws"
        " --url-path-prefix /x --process-name n --working-dir src --workers-kill-timeout 5",
        "--verbose --reload-dir src",
    ],
    ids=["gunicorn", "hypercorn", "granian", "fastapi"],
)
def test_commands_of_other_servers_are_answered_flag_by_flag(command):
    """Each is known; a value of theirs is not taken for the application."""
    done = subprocess.run([BINARY, *command.split(), "main:app"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown flag" not in done.stderr and "one application" not in done.stderr
    flags = [word for word in command.split() if re.match("--?[a-zA-Z]", word)]
    served = ("-b", "--preload", "--reload-dir", "--interface", "--http", "--loop")
    flags = [flag for flag in flags if flag not in served]
    assert re.findall("^fastrd: (-[^ ]+): ", done.stderr, re.MULTILINE) == flags


def test_the_limit_of_the_table_counts_in_a_test_run(tmp_path):
    write(tmp_path, GOOD + "for i in range(100):\n    app.get(f'/r{i}')(lambda: 1)\n")
    status, text = fails("-t", tmp_path, "app:app", "--table-limit", "4096")
    assert (status, text.count("\n")) == (6, 1)


def test_a_list_of_routes_that_nobody_reads_to_the_end(tmp_path):
    write(tmp_path, GOOD + "for i in range(3000):\n    app.get(f'/r{i}')(lambda: 1)\n")
    done = subprocess.run(
        f"{BINARY} routes app:app | head -1", shell=True, cwd=tmp_path, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


@pytest.mark.parametrize("words", [["routes", "app:app"], ["-t", "app:app"], ["--help"], ["--version"]])
def test_what_cannot_be_written_is_said(tmp_path, words):
    write(tmp_path, GOOD)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [BINARY, *words], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    text = "fastrd: cannot write to standard output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, text)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([""], "the application's name is empty"),
        (["explain", "GET"], "explain wants METHOD PATH, as in: fastrd explain GET /"),
        (["serve", "main:app"], "one application only: serve and main:app are two"),
        (["run", "a:b", "--app", "c"], "--app c: a:b names the application; leave one out"),
        (["dev", "a:b", "-e", "c:d"], "-e: the application is named twice"),
    ],
)
def test_words_that_are_wrong(words, text):
    done = subprocess.run([BINARY, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert text in done.stderr


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("async def app(): pass", "is a coroutine function that does not take (scope, receive, send)"),
        ("class app: pass", "is a class; name an instance of it"),
        ("def app(scope): pass", "cannot be called with (scope, receive, send): not an ASGI 3"),
        ("app = 3", "is of type int, not an ASGI application"),
    ],
)
def test_what_cannot_be_an_application_is_refused_at_the_start(tmp_path, code, remedy):
    write(tmp_path, code + "\n")
    status, text = fails("app:app", tmp_path)
    assert (status, text.count("\n")) == (3, 1)
    assert text.startswith(f"fastrd: app:app {remedy}")


@pytest.mark.parametrize(
    "code",
    [
        "async def app(*anything): pass",
        "from starlette.endpoints import HTTPEndpoint\nclass app(HTTPEndpoint): pass",
        "from functools import partial\nasync def f(x, scope, receive, send): pass\napp = partial(f, 1)",
    ],
)
def test_unusual_applications_are_not_mistaken_for_mistakes(tmp_path, code):
    write(tmp_path, code + "\n")
    assert fails("-t", tmp_path, "app:app") == (
        0, "not a FastAPI application: served through ASGI\n"
    )  # fmt: skip


def test_a_factory_that_is_a_coroutine_function(tmp_path):
    write(tmp_path, "async def make(): pass\n")
    status, text = fails("app:make", tmp_path, "--factory")
    assert (status, text.count("\n")) == (3, 1)
    assert "app:make is a coroutine function; a factory must be a plain one" in text


def test_a_module_that_is_not_the_one_meant_is_named(tmp_path):
    write(tmp_path, GOOD)
    (tmp_path / "app").mkdir()
    (tmp_path / "app/__init__.py").touch()
    status, text = fails("app:app", tmp_path)
    assert status == 3
    assert text.strip().endswith(f"has no attribute 'app'; it is {tmp_path}/app/__init__.py")


def test_a_module_of_a_package_named_without_it(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/app.py").write_text("from . import db\n")
    status, text = fails("app:app", tmp_path, "--app-dir", "shop")
    assert status == 3
    assert "name it from the directory above, as in shop.app:app" in text


def test_an_application_that_ends_the_process(tmp_path):
    write(tmp_path, "import os\nos._exit(9)\n")
    assert fails("app:app", tmp_path) == (
        3, "fastrd: worker 0 ended with exit status 9 while importing the application, which called "
        "os._exit() or became a daemon; let it stay\n"
    )  # fmt: skip


def test_a_process_left_behind_does_not_hold_up_the_master(tmp_path):
    """It has the channel of the one that loads open: forked without Python's knowledge."""
    write(
        tmp_path,
        "import ctypes, os, time\nif ctypes.CDLL(None).fork() == 0:\n    time.sleep(15)\n"
        "    os._exit(0)\nos._exit(9)\n",
    )
    with open(tmp_path / "log", "wb") as log:  # not a pipe, whose end it would hold open too
        done = subprocess.run(
            [BINARY, "--port", "0", "app:app"], cwd=tmp_path, stderr=log, timeout=10, check=False
        )
    assert done.returncode == 3


def bare_python(directory: Path) -> str:
    """A Python of another environment, as an activated one would be."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory / "bare"], check=True)
    return str(directory / "bare/bin/python")


def remedy(python: str) -> str:
    return (
        f'install it with "{python} -m pip install SOURCES", SOURCES being fastrd\'s (the fastrapi on '
        "PyPI is another package), or give the application's Python with --python\n"
    )


def test_python_without_fastrapi(tmp_path):
    python = bare_python(tmp_path)
    status, text = fails("app:app", tmp_path, env={"VIRTUAL_ENV": str(tmp_path / "bare")})
    assert status == 5
    assert text.endswith(f"fastrd: {python} cannot run fastrapi; {remedy(python)}")


def test_a_command_in_a_python_without_fastrapi(tmp_path):
    python = bare_python(tmp_path)
    status, text = fails("-t", tmp_path, "app:app", "--python", python)
    assert status == 5
    assert text == f"fastrd: {python} cannot run fastrapi (No module named 'fastrapi'); {remedy(python)}"


def test_another_package_of_the_same_name(tmp_path):
    """As `pip install fastrapi` brings it."""
    python = bare_python(tmp_path)
    (packages,) = tmp_path.glob("bare/lib/python*/site-packages")
    (packages / "fastrapi").mkdir()
    (packages / "fastrapi/__init__.py").write_text("")
    for words in ((), ("-t",)):
        status, text = fails("app:app", tmp_path, "--python", python, *words)
        assert status == 5
        assert f"fastrd: {python} cannot run fastrapi" in text and text.endswith(remedy(python))


def test_a_program_that_is_no_python(tmp_path):
    assert fails("app:app", tmp_path, "--python", "/bin/true") == (
        5, f"fastrd: /bin/true cannot run fastrapi; {remedy('/bin/true')}"
    )  # fmt: skip


def test_force_wants_a_mode(tmp_path):
    assert fails("app:app", tmp_path, env={"FASTRD_FORCE": "asgy"}) == (
        2, "fastrd: FASTRD_FORCE=asgy: want compiled, asgi or none\n"
    )  # fmt: skip


def test_a_table_that_outgrows_the_limit_at_start_up_is_refused(app_dir):
    (app_dir / "app.py").write_text(
        "from fastapi import FastAPI\nasync def life(app):\n    for i in range(100):\n"
        "        app.get(f'/r{i}')(lambda: 1)\n    yield\n"
        "from contextlib import asynccontextmanager\n"
        "app = FastAPI(lifespan=asynccontextmanager(life))\n"
    )
    status, text = fails("app:app", app_dir, "--table-limit", "6000")
    assert status == 6
    assert "more than the limit of 6000; raise --table-limit" in text


def test_help_names_every_flag_and_exits_0():
    done = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True)
    rows = (ROOT / "base/conf_keys.def").read_text()
    names = re.findall(r"^(?:NUMBER|SIZE|SECONDS|SWITCH|WORD|TEXT|LIST)\((\w+),(.*)\)$", rows, re.MULTILINE)
    assert len(names) > 20
    for name, rest in names:
        flag = name.replace("_", "-")
        assert (f"\n  --{flag} " in done.stdout) == ("UNFLAGGED" not in rest), flag


def asked(directory, *words: str) -> str:
    """What a command prints about app:app."""
    return subprocess.run(
        [BINARY, *words, "app:app"], cwd=directory, capture_output=True, text=True, check=True
    ).stdout


def test_routes_and_explain(tmp_path):
    write(
        tmp_path,
        GOOD
        + "@app.get('/a/{b}')\nasync def a(b: int): return b\n"
        + "@app.post('/f', max_body_size=10)\nasync def f(b: int): return b\n"
        + "@app.get('/a/1')\nasync def never(): return 1\n",
    )
    routes = asked(tmp_path, "routes")
    assert "POST      /f                     asgi: its handler is wrapped (custom route handler or body limit)" in routes
    assert "warning: /a/1 is never reached: /a/{b} comes first" in routes
    plan = asked(tmp_path, "explain", "GET", "/a/7")
    assert "compiled: runs on the loop, it cannot suspend" in plan
    assert "read path b, required" in plan
    assert asked(tmp_path, "explain", "GET", "/a/7?q=1") == plan
    assert "app:app: ok, " in asked(tmp_path, "-t")


def test_routes_lists_websockets(tmp_path):
    write(
        tmp_path,
        GOOD
        + "from fastapi import APIRouter\nrouter = APIRouter(prefix='/live')\n"
        + "@router.websocket('/{room}')\nasync def room(ws, room): pass\n"
        + "app.include_router(router)\n",
    )
    line = asked(tmp_path, "routes").splitlines()[-2]
    assert line.split() == ["WS", "/live/{room}", "compiled"]
    assert ", 1 of them WebSocket" in asked(tmp_path, "-t")
    told = asked(tmp_path, "explain", "ws", "/live/7").splitlines()
    assert told[0] == "WS /live/7 -> /live/{room}"
    assert "await endpoint room" in told[-2]
    assert told[-1].endswith("end the connection, unless it was closed")
    assert "the application closes it" in asked(tmp_path, "explain", "WS", "/live")
    assert "for a WebSocket there is one: explain WS /live/7" in asked(tmp_path, "explain", "GET", "/live/7")
    with Fastrd("app:app", tmp_path) as server:
        assert ", 1 of them WebSocket" in server.log()


def test_explain_names_middleware_and_members_of_the_content(tmp_path):
    write(
        tmp_path,
        GOOD
        + "from starlette.middleware.base import BaseHTTPMiddleware\n"
        + "from pydantic import BaseModel\nclass M(BaseModel):\n    x: int\n"
        + "async def passing(request, call_next): return await call_next(request)\n"
        + "app.add_middleware(BaseHTTPMiddleware, dispatch=passing)\n"
        + "@app.post('/')\ndef post(one: M, two: M): return 1\n",
    )
    plan = asked(tmp_path, "explain", "POST", "/")
    assert "compiled in part: runs in a task of its own, behind BaseHTTPMiddleware\n" in plan
    assert "validate one of the content" in plan
    assert "validate two of the content" in plan
