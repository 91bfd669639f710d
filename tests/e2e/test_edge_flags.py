"""Flags that put layers around the application: spellings, mistakes, what is said of them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from server import BINARY, Fastrd, fails, read_all

APP = """
import os
from fastapi import FastAPI
from starlette.middleware import gzip
app = FastAPI()

@app.get("/")
async def root(): return "x" * 1000

async def plain(scope, receive, send):
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"y" * 1000})

class Patched(gzip.GZipResponder):
    content_encoding = "x-patched"

if os.environ.get("PATCH"):
    gzip.GZipResponder = Patched
"""
ASK = "Accept-Encoding: gzip\r\nOrigin: https://a.example\r\n"
ALL = [
    "--trusted-hosts=*", "--no-www-redirect", "--cors-allow-origins=*", "--cors-allow-origin-regex=a+",
    "--cors-allow-methods=GET,PUT", "--cors-allow-headers=X-A, X-B", "--cors-allow-credentials",
    "--cors-allow-private-network", "--cors-expose-headers=X-C", "--cors-max-age=5", "--https-redirect",
    "--gzip", "--gzip-minimum-size=9", "--gzip-level=1",
]  # fmt: skip


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def head(server: Fastrd, more: str = ASK) -> str:
    answer = server.raw(f"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n".encode())
    return answer.partition(b"\r\n\r\n")[0].decode()


@pytest.mark.parametrize("name", ["app:app", "app:plain"])
def test_they_stand_around_any_application(app_dir, name):
    with Fastrd(name, app_dir, "--gzip", env={"FASTRD_CORS_ALLOW_ORIGINS": "https://a.example"}) as server:
        said = head(server)
        assert "content-encoding: gzip" in said and "access-control-allow-origin: https://a.ex" in said
        assert "; all behind native CORSMiddleware, GZipMiddleware\n" in server.log()
        server.signal(1)
        server.wait_log("generation 2 serves")
        assert head(server).splitlines()[3:] == said.splitlines()[3:]


def test_an_application_that_serves_itself_has_them(app_dir):
    """Without a name in the main script, in this process."""
    (app_dir / "main.py").write_text(
        "import sys\nfrom fastrapi import FastrAPI\n"
        "def main():\n    FastrAPI().serve(port=0, gzip=True, gzip_minimum_size=1, trusted_hosts=sys.argv[1])\n"
        "main()\n"
    )
    command = [sys.executable, "main.py"]
    wrong = subprocess.run([*command, "a:1"], cwd=app_dir, capture_output=True, text=True)
    assert wrong.returncode == 2 and wrong.stderr.startswith("fastrd: --trusted-hosts a:1: 'a:1' is wrong;")
    process = subprocess.Popen([*command, "x"], cwd=app_dir, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        process.stderr.readline()
        port = int(process.stderr.readline().rpartition(":")[2])
        for host, status in (("x", b"404"), ("y", b"400")):
            with socket.create_connection(("127.0.0.1", port), 20) as sock:
                sock.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{ASK}\r\n".encode())
                answer = read_all(sock)
            assert answer[9:12] == status
            assert (b"content-encoding: gzip" in answer) == (status == b"404")
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        (["--cors-allow-origins", "a.example"], "'a.example' is wrong; want an origin as browsers send it"),
        (["--cors-allow-origins", "https://a.example/"], "'https://a.example/' is wrong; want an origin"),
        (["--trusted-hosts", "a.example,b.example:80"], "'b.example:80' is wrong; want a host without port"),
        (["--trusted-hosts", "*a.example"], "'*a.example' is wrong; want a host without port"),
        (["--cors-allow-origin-regex", "("], "missing ), unterminated subpattern"),
        (["--cors-allow-origin-regex", "a{99999999999999999999}"], "the repetition number is too large"),
        (["--cors-allow-origins=*", "--cors-allow-methods", "GET PUT"], "'GET PUT' is wrong; want methods"),
        (["--cors-allow-credentials"], "--cors-allow-credentials has no effect without --cors-allow-origins"),
        (["--gzip-level", "10"], "--gzip-level 10: want a number from 0 to 9"),
    ],
)
@pytest.mark.parametrize("command", [[], ["-t"]])
def test_what_is_wrong_is_refused_with_a_remedy(app_dir, command, flags, why):
    status, text = fails("app:app", app_dir, *flags, *command)
    assert status == 2
    (line,) = text.splitlines()
    assert line.startswith("fastrd: --") and why in line


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("cors_allow_origins = ['a.example']", "cors_allow_origins a.example: 'a.example' is wrong; "),
        ("cors_allow_credentials = true", "cors_allow_credentials has no effect without --"),
        ("env_file = 'nowhere'", "env_file "),
        ("log_config = 'nowhere.ini'", "log_config "),
    ],
)
def test_what_only_python_can_judge_is_named_by_where_it_stands(app_dir, line, text):
    (app_dir / "fastrd.toml").write_text(f"# Mine\n{line}\n")
    status, said = fails("app:app", app_dir, "--config", "fastrd.toml")
    assert status in (2, 3) and f"fastrd: fastrd.toml:2: {text}" in said


def test_at_a_reload_it_is_named_so_too(app_dir):
    settings = app_dir / "fastrd.toml"
    settings.touch()
    with Fastrd("app:app", app_dir, "--config", "fastrd.toml") as server:
        settings.write_text("cors_allow_origin_regex = '('\n")
        server.signal(signal.SIGHUP)
        server.wait_log("generation 1 serves on: fastrd.toml:1: cors_allow_origin_regex (: missing )")


def test_a_variable_and_a_secret_are_named_by_where_they_stand(app_dir):
    env = {"FASTRD_TRUSTED_HOSTS": "*a.example"}
    assert fails("app:app", app_dir, env=env)[1].startswith("fastrd: FASTRD_TRUSTED_HOSTS *a.example: ")
    (app_dir / "fastrd.toml").write_text("session_secret = 'short'\n")
    (app_dir / "fastrd.toml").chmod(0o600)
    said = fails("app:app", app_dir, "--config", "fastrd.toml")[1]
    assert said.startswith("fastrd: fastrd.toml:1: session_secret: want ")


def test_every_flag_is_accepted_and_the_test_command_says_what_stands_where(app_dir):
    done = subprocess.run(
        [BINARY, "--python", sys.executable, "-t", *ALL, "app:app"],
        cwd=app_dir, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    names = "TrustedHostMiddleware, CORSMiddleware, HTTPSRedirectMiddleware, GZipMiddleware"
    assert done.stdout.endswith(f"; all behind native {names}\n")


def test_where_a_class_is_not_starlettes_own_that_class_runs(app_dir):
    with Fastrd("app:app", app_dir, "--gzip", "--gzip-minimum-size=9", env={"PATCH": "1"}) as server:
        assert "content-encoding: x-patched" in head(server)
        assert "; all inside Starlette's own GZipMiddleware: GZipMiddleware is patched" in server.log()
