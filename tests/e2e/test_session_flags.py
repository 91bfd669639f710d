"""Sessions around any application: the secret, and who may see it."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import itsdangerous
import pytest
from server import BINARY, Fastrd, fails

APP = """
import os, subprocess
from fastapi import FastAPI, Request
app = FastAPI()

@app.get("/count")
async def count(request: Request):
    request.session["n"] = request.session.get("n", 0) + 1
    return request.session["n"]

@app.get("/bad")
async def bad(request: Request): request.session["x"] = {1}

@app.get("/pid")
async def pid(): return os.getpid()

@app.get("/env")
def env():
    return subprocess.run(["env"], capture_output=True, text=True).stdout + str(dict(os.environ))

async def plain(scope, receive, send):
    assert scope["type"] == "http"
    if scope["path"] == "/bad":
        scope["session"]["x"] = {1}
    count = scope["session"]["n"] = scope["session"].get("n", 0) + 1
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
    await send({"type": "http.response.body", "body": b"%d" % count})
"""
SECRET, NEXT = "known to nobody but us", "and this one is the next"


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def count(server: Fastrd, cookie: str = "") -> tuple[int, str]:
    """What the session has counted to, and its cookie."""
    head = f"Cookie: {cookie}\r\n" if cookie else ""
    answer = server.raw(f"GET /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n".encode()).decode()
    found = re.search(r"set-cookie: ([^;]*); (.*)\r\n", answer)
    assert found is not None, answer
    assert found[2] == "path=/; Max-Age=1209600; httponly; samesite=lax"
    return int(answer.partition("\r\n\r\n")[2]), found[1]


def seen(server: Fastrd) -> str:
    """What others can read of fastrd's children, and the same user too."""
    found = ""
    for pid, name in itertools.product(server.children(), ("cmdline", "environ")):
        with suppress(FileNotFoundError, ProcessLookupError):  # one that has ended
            found += Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    assert "fastrapi.child" in found
    return found


@pytest.mark.parametrize("name", ["app:app", "app:plain"])
@pytest.mark.parametrize("way", ["environment", "file", "secrets", "preload"])
def test_a_session_lasts_and_nobody_sees_its_secret(app_dir, name, way):
    flags, env = ["--workers", "2"], {"FASTRD_SESSION_SECRET": SECRET}
    if way in ("file", "preload"):
        (app_dir / "c.toml").write_text(f"[session]\nsecret = '{SECRET}'\n")
        flags, env = [*flags, "-c", "c.toml", *(["--preload"] if way == "preload" else [])], {}
    elif way == "secrets":
        (app_dir / "secret").write_text(SECRET + "\n")
        flags, env = [*flags, "--session-secret-file", "secret"], {}
    with Fastrd(name, app_dir, *flags, env=env, seconds=60) as server:
        assert "; all behind native SessionMiddleware\n" in server.log()
        cookie = ""
        for number in range(1, 9):
            told, cookie = count(server, cookie)
            assert told == number
        if name == "app:app":
            assert SECRET not in server.get("/env")[1].decode()
        assert SECRET not in seen(server)
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert count(server, cookie)[0] == 9
        assert SECRET not in seen(server) and SECRET not in server.log()


@pytest.mark.parametrize("name", ["app:app", "app:plain"])
def test_a_session_that_cannot_be_written_is_an_error_of_the_application(app_dir, name):
    with Fastrd(name, app_dir, env={"FASTRD_SESSION_SECRET": SECRET}, seconds=60) as server:
        assert server.get("/bad") == (500, b"Internal Server Error")
        server.wait_log("Object of type set is not JSON serializable")
        assert count(server)[0] == 1


def test_a_reload_takes_the_next_secret(app_dir):
    (app_dir / "secret").write_text(SECRET)
    with Fastrd("app:app", app_dir, "--session-secret-file", "secret", seconds=60) as server:
        _, old = count(server)
        (app_dir / "secret").write_text(f"{NEXT}\n{SECRET}\n")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        told, new = count(server, old)
        assert told == 2
        (app_dir / "secret").write_text(NEXT)
        server.signal(signal.SIGHUP)
        server.wait_log("generation 3 serves")
        assert (count(server, old)[0], count(server, new)[0]) == (1, 3)
        (app_dir / "secret").write_text("short")
        server.signal(signal.SIGHUP)
        server.wait_log("reload failed, generation 3 serves on")
        assert "secret: want 16 characters or more" in server.log() and count(server, new)[0] == 3


def test_a_worker_of_a_zygote_has_the_secret_of_its_generation(app_dir):
    (app_dir / "secret").write_text(SECRET)
    flags = ["--preload", "--session-secret-file", "secret"]
    with Fastrd("app:app", app_dir, *flags, seconds=60) as server:
        told, cookie = count(server)
        (app_dir / "secret").write_text(NEXT)
        worker = int(server.get("/pid")[1])

        def another() -> bool:
            with suppress(OSError):
                status, text = server.get("/pid")
                return status == 200 and int(text) != worker
            return False

        os.kill(worker, signal.SIGKILL)
        server.wait(another, "an answer of another worker")
        assert (told, count(server, cookie)[0]) == (1, 2)


def test_a_file_that_has_no_secret_any_more_takes_the_sessions_away(app_dir):
    (app_dir / "c.toml").write_text(f"[session]\nsecret = ['{NEXT}', '{SECRET}']\n")
    with Fastrd("app:app", app_dir, "-c", "c.toml", seconds=60) as server:
        assert count(server)[0] == 1
        (app_dir / "c.toml").write_text("workers = 1\n")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 2 serves")
        assert server.get("/count")[0] == 500


def test_the_configuration_hides_it(app_dir):
    (app_dir / "c.toml").write_text(f"[session]\nsecret = '{SECRET}'\ncookie = 's'\n")
    command = [BINARY, "-c", "c.toml", "--print-config", "app:app"]
    done = subprocess.run(command, cwd=app_dir, capture_output=True, text=True)
    assert done.returncode == 0 and SECRET not in done.stdout + done.stderr
    assert re.search(r"^# session_secret = \(hidden\) +# c.toml:2$", done.stdout, re.M)
    assert re.search(r'^session_cookie = "s" +# c.toml:3$', done.stdout, re.M)
    done = subprocess.run([BINARY, "--print-config"], cwd=app_dir, capture_output=True, text=True)
    assert re.search(r"^session_secret = \[\] +# default$", done.stdout, re.M)


def test_a_command_line_may_not_have_it(app_dir):
    for flag in (["--session-secret", SECRET], [f"--session-secret={SECRET}"]):
        status, text = fails("app:app", app_dir, *flag)
        assert status == 2 and SECRET not in text
        assert text == "fastrd: --session-secret: a command line shows it to all; " \
            "use --session-secret-file or FASTRD_SESSION_SECRET\n"  # fmt: skip


def test_the_commands_know_it(app_dir):
    for command, env in (["-t", {}], ["routes", {}], ["-t", {"FASTRD_SESSION_SECRET": "short"}]):
        done = subprocess.run(
            [BINARY, "--python", sys.executable, command, "app:app"], cwd=app_dir, capture_output=True,
            text=True, env={**os.environ, "FASTRD_SESSION_SECRET": SECRET, **env},
        )  # fmt: skip
        if env:
            assert (done.returncode, done.stderr) == (2, "fastrd: session_secret: want 16 characters or more; "
                                                      "openssl rand -hex 32 has 64\n")  # fmt: skip
        else:
            assert done.stdout.endswith("; all behind native SessionMiddleware\n"), done.stderr


@pytest.mark.parametrize("named", [True, False])
def test_an_application_that_serves_itself_hides_it(app_dir, named):
    """With a name in the main script as a child of it, without one in this process."""
    body = (
        "app.serve(port=0, session_secret=open('secret').read(), session_cookie='c', session_path='/a',"
        " session_max_age=0, session_same_site='none', session_https_only=True, session_domain='x')"
    )
    (app_dir / "secret").write_text(f"{SECRET}\n{NEXT}\n")
    make = "from fastrapi import FastrAPI\nfrom app import count\nfrom fastapi import Request\n"
    route = "app = FastrAPI(); app.get('/count')(count)\n"
    text = make + (route + f"if __name__ == '__main__': {body}\n" if named else
                   "def main():\n    " + route + f"    {body}\nmain()\n")  # fmt: skip
    (app_dir / "main.py").write_text(text)
    with Alone("main.py", app_dir) as server:
        answer = server.raw(b"GET /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").decode()
        found = re.search(r"set-cookie: c=([^;]*); (.*)\r\n", answer)
        assert found and found[2] == "path=/a; httponly; samesite=none; secure; domain=x", answer
        lines = command_lines()
        assert "main.py" in lines and SECRET not in lines


@pytest.mark.parametrize("named", [True, False])
def test_an_application_that_serves_itself_may_give_several(app_dir, named):
    """The first one signs, and the text of no other object is taken for a secret."""
    make = "from fastrapi import FastrAPI\nfrom app import count\n"
    route = "app = FastrAPI(); app.get('/count')(count)"
    for number, secret in enumerate((f"['{NEXT}', '{SECRET}']", f"['{SECRET}']", f"b'{SECRET}'", "[b'not a string']")):
        body = f"app.serve(port=0, session_secret={secret})"
        text = f"{route}\nif __name__ == '__main__': {body}\n" if named else f"def main():\n    {route}\n    {body}\nmain()\n"
        (app_dir / "main.py").write_text(make + text)
        if number > 1:
            done = subprocess.run([sys.executable, "main.py"], cwd=app_dir, capture_output=True, text=True)
            assert done.returncode == 2 and secret not in done.stderr
            assert done.stderr == "fastrd: serve(session_secret=...): give a string, or a list of strings\n"
            continue
        with Alone("main.py", app_dir) as server:
            cookie = count(server)[1].partition("=")[2]
        assert itsdangerous.TimestampSigner(NEXT if number == 0 else SECRET).unsign(cookie)


def command_lines() -> str:
    """Of all processes."""
    texts = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            texts.append(path.read_text(errors="replace"))
    return "\n".join(texts)


class Alone(Fastrd):
    """The script itself as the program."""

    def __init__(self, script: str, directory: Path):
        super().__init__(script, directory, seconds=60)
        self.command = [sys.executable, script]
