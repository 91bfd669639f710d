"""What the settings mean together: where to listen and to import from, what no server could work with."""

from __future__ import annotations

import os
import subprocess

import pytest
from server import BINARY, Fastrd
from test_config import GOOD, printed, run


def test_unix_sockets_are_those_of_the_file(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "app.py").write_text(GOOD)
    file = tmp_path / "etc/f.toml"
    file.write_text("bind = ['unix:one', '127.0.0.1:0', 'unix:two']\nadmin = 'unix:probes'\n")
    server = Fastrd("app:app", tmp_path, "-c", "etc/f.toml")
    server.command = [BINARY, "-c", "etc/f.toml", "app:app"]
    with server:
        assert {path.name for path in (tmp_path / "etc").iterdir()} >= {"one", "two", "probes"}
    file.write_text(f"bind = 'unix:a,unix:{tmp_path}/b'\n")
    values, _ = printed(tmp_path, "-c", "etc/f.toml")
    assert values["bind"] == [f"unix:{tmp_path}/etc/a", f"unix:{tmp_path}/b"]


def test_the_application_is_imported_from_where_its_name_is_said(tmp_path):
    """That of a file from the file's directory, any other one from the current directory; app_dir decides
    for all."""
    for name in ("etc", "other", "."):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / "web.py").write_text(GOOD + f"assert __file__ == {str(tmp_path / name / 'web.py')!r}\n")
    (tmp_path / "etc/app.toml").write_text("app = 'web:app'\n")
    (tmp_path / "etc/none.toml").write_text("workers = 1\n")

    def imported(*words: str, **env: str) -> str:
        done = run(tmp_path, "-t", *words, "--env-file", "tell", **env)
        assert done.returncode == 0, done.stderr
        values, _ = printed(tmp_path, *words, **env)
        return os.path.relpath(values["app_dir"], tmp_path)

    (tmp_path / "tell").write_text("")
    assert imported("-c", "etc/app.toml") == "etc"
    assert imported("-c", "etc/app.toml", "web:app") == "."
    assert imported("-c", "etc/app.toml", FASTRD_APP="web:app") == "."
    assert imported("-c", "etc/none.toml", UVICORN_APP="web:app") == "."
    assert imported("-c", "etc/app.toml", "--app-dir", "other") == "other"
    (tmp_path / "etc/none.toml").write_text("app_dir = '../other'\n")
    assert imported("-c", "etc/none.toml", "web:app") == "other"


ADDRESSES = "host", "port", "uds", "fd", "bind"


@pytest.mark.parametrize(
    ("file", "env", "flags", "left"),
    [
        ("bind = ['1.2.3.4:5']", {}, ["--port", "9"], {"port": 9}),
        ("uds = '/s'", {}, ["--host", "::1"], {"host": "::1"}),
        ("fd = 3", {"FASTRD_UDS": "/e"}, [], {"uds": "/e"}),
        ("bind = ['1.2.3.4:5']", {"PORT": "7"}, [], {"port": 7}),
        # Host and port are one kind: the farther one stays.
        ("host = '1.2.3.4'\nport = 5", {"PORT": "7"}, ["--host=::1"], {"host": "::1", "port": 7}),
        ("port = 5\nuds = '/s'", {}, ["--host=::1"], {"host": "::1", "port": 5}),
        ("port = 5", {"FASTRD_BIND": "1.2.3.4:5"}, ["--fd", "4"], {"fd": 4}),
        # What is put off says nothing.
        ("port = 5", {}, ["--uds="], {"port": 5}),
        ("bind = ['1.2.3.4:5']", {}, ["--fd", "-1"], {"bind": ["1.2.3.4:5"]}),
        # From one origin all stay; bind goes before fd, that before uds, that before host and port.
        ("port = 5\nuds = '/s'", {}, [], {"port": 5, "uds": "/s"}),
    ],
)
def test_an_address_of_a_nearer_origin_replaces_one_of_another_kind(tmp_path, file, env, flags, left):
    (tmp_path / "f.toml").write_text(file + "\n")
    default, _ = printed(tmp_path)
    values, origins = printed(tmp_path, "-c", "f.toml", *flags, **env)
    assert {name: values[name] for name in ADDRESSES} == {name: default[name] for name in ADDRESSES} | left
    assert {name for name in ADDRESSES if origins[name] != "default"} == set(left)


def test_a_port_on_the_command_line_goes_before_the_addresses_of_a_file(tmp_path):
    (tmp_path / "app.py").write_text(GOOD)
    (tmp_path / "f.toml").write_text("bind = ['unix:sock']\n")
    with Fastrd("app:app", tmp_path, "-c", "f.toml") as server:
        assert server.address.startswith("http://127.0.0.1:")
        assert not (tmp_path / "sock").exists()


def test_what_is_printed_says_the_same_wherever_it_is_put(tmp_path):
    """Paths are whole, nothing is cut, and what a file cannot have is a comment."""
    (tmp_path / "etc").mkdir()
    hosts = [f"host-{i}.example" for i in range(900)]
    (tmp_path / "f.toml").write_text(
        f"app = 'web:app'\nuds = 'sock'\nbind = ['unix:s 1', 'unix:é\u2028#']\nadmin = 'unix:admin'\n"
        "header = ['X-A: \\\"b\\\\ = # c', 'X-B: \u20ac']\naccess_log_file = '-'\nlog_file = 'l\to g'\npython = 'python3'\n"
        'access_log_format = "%(m)s\\t\\"%(U)s\\" # \\\\"\n'
        f"trusted_hosts = {hosts}\n"
    )  # fmt: skip
    first, _ = printed(tmp_path, "-c", "f.toml")
    assert first["trusted_hosts"] == hosts and first["access_log_format"] == '%(m)s\t"%(U)s" # \\'
    assert first["bind"] == [f"unix:{tmp_path}/s 1", f"unix:{tmp_path}/é\u2028#"]
    assert (first["app_dir"], first["log_file"], first["access_log_file"]) == (str(tmp_path), f"{tmp_path}/l\to g", "-")
    done = run(tmp_path, "-c", "f.toml", "--print-config")
    (tmp_path / "etc/again.toml").write_text(done.stdout)
    assert printed(tmp_path, "-c", "etc/again.toml")[0] == first
    assert printed(tmp_path / "etc", "-c", "again.toml")[0] == first
    done = subprocess.run(
        [BINARY, "--print-config", "--root-path", b"\xff", "--cors-allow-origin-regex", "a\nb"], cwd=tmp_path, capture_output=True
    )
    assert b'# root_path = "\xff"' in done.stdout and b'# cors_allow_origin_regex = "a\\u000ab"' in done.stdout


def test_a_test_run_leaves_nothing(tmp_path):
    (tmp_path / "app.py").write_text(GOOD)
    (tmp_path / "old.log").write_text("old\n")
    (tmp_path / "f.toml").write_text(
        "app = 'app:app'\nbind = ['unix:sock']\nadmin = 'unix:admin'\npid_file = 'pid'\nlog_file = 'log'\n"
        "access_log_file = 'access'\n"
    )
    before = {path.name for path in tmp_path.iterdir()}
    for words in (["-t"], ["routes"], ["explain", "GET", "/"], ["-t", "--log-file", "old.log"]):
        done = run(tmp_path, "-c", "f.toml", *words)
        assert done.returncode == 0, done.stderr
        assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == before
    assert (tmp_path / "old.log").read_text() == "old\n"
    (tmp_path / "log").mkdir()
    done = run(tmp_path, "-c", "f.toml", "-t")
    assert done.stderr == f"fastrd: f.toml:5: log_file = {tmp_path}/log: Is a directory\n"


WRONG = """bind = ["127.0.0.1", "unix:", "fd://x"]
admin = "name:80"
header = [
    "Content-Length: 3", "transfer-encoding: chunked", "Connection: close", "Keep-Alive: 5", "Trailer: X",
    "Upgrade: h2c", "TE: trailers", "Proxy-Connection: x", "Date: now", "X A: b", "X-Good: yes",
]
uds_mode = "rw"
access_log_exclude = ["health", "/good", "*/good"]
access_log_format = "%(x)s"
limit_line = "128K"
pid_file = "log"
log_file = "log"
workers = 0
"""


def test_all_that_only_the_server_can_judge_is_named_by_its_line_at_once(tmp_path):
    (tmp_path / "f.toml").write_text(WRONG)
    done = run(tmp_path, "-c", "f.toml", "-t", FASTRD_UDS="/x" * 60)
    assert (done.returncode, done.stdout) == (2, "")
    said = [line.removeprefix("fastrd: ") for line in done.stderr.splitlines()]
    frames = [("Content-Length: 3", "content-length"), ("transfer-encoding: chunked", "transfer-encoding"),
              ("Connection: close", "connection"), ("Keep-Alive: 5", "keep-alive"), ("Trailer: X", "trailer"),
              ("Upgrade: h2c", "upgrade"), ("TE: trailers", "te"), ("Proxy-Connection: x", "proxy-connection")]  # fmt: skip
    assert said == [
        "f.toml:13: workers = 0: want a number from 1 to 64",
        f"FASTRD_UDS={'/x' * 60}: a unix socket's path has at most 107 bytes",
        "f.toml:7: uds_mode = rw: want permissions in octal, such as 660",
        "f.toml:2: admin = name:80: want an address such as 127.0.0.1:8001 or unix:/run/fastrd/admin",
        *(f"f.toml:3: header = {line}: {name} frames answers, which is the server's work; leave it out"
          for line, name in frames),
        "f.toml:3: header = Date: now: answers have a date of their own, which --no-date-header leaves out",
        "f.toml:3: header = X A: b: want a field such as 'X-Served-By: shop'",
        "f.toml:9: access_log_format = %(x)s: there is no %(x)s",
        "f.toml:8: access_log_exclude = health: no path begins so; want one such as /health",
        "f.toml:11: pid_file = log: it is a log file as well; choose another",
        "f.toml:10: limit_line = 131072: it has no effect beyond limit_head, which is 65536; raise that, too",
    ]  # fmt: skip
    # Without the variable it is the file's addresses that count.
    said = run(tmp_path, "-c", "f.toml", "-t").stderr
    want = "want an address such as 127.0.0.1:8000, [::1]:8000, unix:PATH or fd://3\n"
    assert all(f"f.toml:1: bind = {text}: {want}" in said for text in ("127.0.0.1", "unix:", "fd://x"))


@pytest.mark.parametrize(
    "text", ["bind = ['127.0.0.1:81', '127.0.0.1:80']\n", "port = 80\n", "host = '127.0.0.1'\nport = 80\n"]
)
def test_probes_have_an_address_of_their_own(tmp_path, text):
    (tmp_path / "f.toml").write_text("admin = '127.0.0.1:80'\n" + text)
    done = run(tmp_path, "-c", "f.toml", "--print-config")
    assert done.stderr == "fastrd: f.toml:1: admin = 127.0.0.1:80: the application listens there; choose another\n"
