"""What the environment says: fastrd's variables, uvicorn's, and those that are nobody's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from server import BINARY, Fastrd
from test_uvicorn_flags import REFUSED, SERVED

# How click calls the variables of what may be given again.
PLURALS = {"header": "HEADERS", "reload-dir": "RELOAD_DIRS", "reload-include": "RELOAD_INCLUDES",
           "reload-exclude": "RELOAD_EXCLUDES"}  # fmt: skip


def printed(directory: Path, *words: str, **env: str) -> tuple[dict[str, Any], dict[str, str], str]:
    """The values and origins that --print-config tells, and the warnings before them."""
    done = subprocess.run(
        [BINARY, "--print-config", *words], cwd=directory, capture_output=True, text=True, check=False,
        env={**os.environ, **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(?:# )?(\w+) = .*  # (.+)$", done.stdout, re.MULTILINE)
    return tomllib.loads(done.stdout), dict(found), done.stderr


def name_of(flag: str) -> str:
    return "UVICORN_" + PLURALS.get(flag, flag.replace("-", "_").upper())


def test_the_names_are_those_of_the_installed_uvicorn():
    """Its own command says which variable each parameter has."""
    program = (
        "import importlib\n"
        "for p in importlib.import_module('uvicorn.main').main.params:\n"
        "    print(max(p.opts, key=len).lstrip('-'), 'UVICORN_' + p.name.upper())\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    names = dict(line.split() for line in told.splitlines())
    assert len(names) > 40
    ours = {**SERVED, **REFUSED}
    assert [(flag, name) for flag, name in names.items() if flag in ours and name != name_of(flag)] == []


def test_what_uvicorn_serves_is_served_and_what_it_cannot_be_is_told(tmp_path):
    env = {name_of(flag): value or "true" for flag, value in SERVED.items() if not flag.startswith("no-")}
    env |= {"UVICORN_HEADERS": "X-A:1  X-B:2", "UVICORN_APP": "main:app", "UVICORN_PORT": "81"}
    env |= {"UVICORN_ACCESS_LOG": "False", "UVICORN_LOG_LEVEL": "WARNING", "UVICORN_NOBODYS": "1"}
    values, origins, said = printed(tmp_path, **env)
    assert said == ""
    assert (values["app"], values["port"], values["header"]) == ("main:app", 81, ["X-A:1", "X-B:2"])
    assert (values["access_log"], values["log_level"]) == ("off", "warning")
    assert {origins[name] for name in ("app", "port", "header")} == {"UVICORN_APP", "UVICORN_PORT", "UVICORN_HEADERS"}
    refused = {name_of(flag): value or "true" for flag, (value, _) in REFUSED.items()}
    _, _, said = printed(tmp_path, **refused, UVICORN_LOOP="own:loop")
    told = dict(re.findall("^fastrd: warning: (\\w+) does not count: (.+)$", said, re.MULTILINE))
    assert set(told) == {*refused, "UVICORN_LOOP"} and said.count("\n") == len(told)
    assert all(reason in told[name_of(flag)] for flag, (_, reason) in REFUSED.items())
    assert printed(tmp_path, UVICORN_RELOAD="false", UVICORN_HTTP2="0")[2] == ""


def test_which_variable_goes_before_which(tmp_path):
    (tmp_path / "f.toml").write_text("workers = 5\n")
    both = {"WEB_CONCURRENCY": "2", "UVICORN_WORKERS": "3"}
    assert printed(tmp_path, "-c", "f.toml", WEB_CONCURRENCY="2")[0]["workers"] == 2
    assert printed(tmp_path, "-c", "f.toml", **both)[0]["workers"] == 3
    assert printed(tmp_path, **both, FASTRD_WORKERS="4")[0]["workers"] == 4
    assert printed(tmp_path, "--workers=6", **both)[0]["workers"] == 6


def test_a_value_that_is_wrong_is_refused_and_each_is_named(tmp_path):
    env = {**os.environ, "UVICORN_PORT": "x", "FASTRD_WORKERS": "0", "WEB_CONCURRENCY": "many"}
    done = subprocess.run(
        [BINARY, "--print-config", "--nope"], cwd=tmp_path, capture_output=True, text=True, check=False, env=env
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "fastrd: WEB_CONCURRENCY=many: want a number from 1 to 64",
        "fastrd: UVICORN_PORT=x: want a number from 0 to 65535",
        "fastrd: FASTRD_WORKERS=0: want a number from 1 to 64",
        "fastrd: unknown flag --nope; see fastrd --help",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("FASTRD_WROKERS", "fastrd: warning: FASTRD_WROKERS is no setting; did you mean FASTRD_WORKERS?\n"),
        ("FASTRD_FROBNICATE", "fastrd: warning: FASTRD_FROBNICATE is no setting; fastrd --help names all\n"),
        # As Kubernetes has them, for services that are called fastrd and fastrd-shop.
        ("FASTRD_SERVICE_HOST", ""),
        ("FASTRD_SHOP_SERVICE_PORT_HTTP", ""),
        ("FASTRD_PORT_80_TCP_ADDR", ""),
    ],
)
def test_a_variable_that_is_no_setting(tmp_path, name, said):
    assert printed(tmp_path, **{name: "10.0.0.1"})[2] == said


def test_a_server_whose_environment_is_uvicorns(tmp_path):
    (tmp_path / "web.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")
    server = Fastrd("", tmp_path, env={
        "UVICORN_APP": "web:app", "UVICORN_PORT": "0", "UVICORN_HEADERS": "X-Shop:a", "UVICORN_LOOP": "auto",
        "UVICORN_HTTP2": "true",
    })  # fmt: skip
    server.command = [BINARY]
    with server:
        answer = server.raw(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"\r\nx-shop: a\r\n" in answer
        assert server.log().startswith("fastrd: warning: UVICORN_HTTP2 does not count: HTTP/2 is not")
