"""The configuration file: what goes before what, what is wrong, where it is looked for."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tomllib
from server import BINARY, Fastrd

GOOD = "from fastapi import FastAPI\napp = FastAPI()\n"
# A value of each setting for the file, for the environment and as a flag.
VALUES: dict[str, tuple[Any, Any, Any]] = {
    name: (value, value, value) if not isinstance(value, tuple) else value
    for name, value in dict(
        app=("file:app", "environment:app", "flag:app"),
        host=("10.0.0.1", "10.0.0.2", "10.0.0.3"), port=(1, 2, 3), uds=("/f", "/e", "/a"), fd=(7, 8, 9),
        backlog=(1, 2, 3), workers=(2, 3, 4), app_dir=("/f", "/e", "/a"), factory=(True, False, True),
        python=("python3", "python3", "python3"), bind=(["10.0.0.1:1"], ["10.0.0.2:1"], ["10.0.0.3:1"]),
        admin=("unix:/f.sock", "unix:/e.sock", "unix:/a.sock"), uds_mode=("600", "660", "666"), pid_file=("/f.pid", "/e.pid", "/a.pid"),
        control_socket=("/f.control", "/e.control", "/a.control"),
        session_secret_file=("/f", "/e", "/a"), env_file=("/f", "/e", "/a"), log_config=("/f", "/e", "/a"), header=(["F:1", "G:2"], ["E:1"], ["A:1"]),
        root_path=("/f", "/e", "/a"), proxy_headers=(False, True, False),
        forwarded_allow_ips=(["10.0.0.1", "10.0.0.2"], ["10.0.0.2"], ["10.0.0.3"]),
        sync=("auto", "inline", "threads"),
        timeout_keep_alive=(1, 2, 3), timeout_header=(1, 2, 3), timeout_content=(1, 2, 3),
        reload_dir=(["/f"], ["/e"], ["/a"]), timeout_write=(1, 2, 3), timeout_graceful_shutdown=(1, 2, 3), timeout_startup=(1, 2, 3),
        limit_line=(200, 201, 202), limit_field=(200, 201, 202), limit_fields=(5, 6, 7),
        limit_head=(2000, 2001, 2002), limit_body=(1, 2, 3),
        route=(["/f timeout=1"], ["/e timeout=1"], ["/a timeout=1"]), limit_max_requests=(1, 2, 3),
        limit_max_requests_jitter=(1, 2, 3), worker_max_rss=(1, 2, 3), worker_lifetime=(1, 2, 3),
        worker_timeout=(1, 2, 3), blocked_warning=(1, 2, 3), trusted_hosts=(["f", "g"], ["e"], ["a"]),
        www_redirect=(False, True, False), cors_allow_origins=(["http://f"], ["http://e"], ["http://a"]),
        cors_allow_origin_regex=("f", "e", "a"), cors_allow_methods=(["GET", "PUT"], ["POST"], ["*"]),
        cors_allow_headers=(["f"], ["e"], ["a"]), cors_allow_credentials=(True, False, True),
        cors_allow_private_network=(True, False, True), cors_expose_headers=(["f"], ["e"], ["a"]),
        cors_max_age=(1, 2, 3), https_redirect=(True, False, True), gzip=(True, False, True),
        gzip_minimum_size=(1, 2, 3), gzip_level=(1, 2, 3), table_limit=(5000, 5001, 5002),
        access_log=("on", "off", "auto"), access_log_file=("/f.log", "/e.log", "/a.log"), access_log_format=("%(m)s", "%(s)s", "%(U)s"),
        access_log_exclude=(["/f"], ["/e"], ["/a"]), log_file=("/f.txt", "/e.txt", "/a.txt"),
        log_format=("json", "text", "json"), log_level=("debug", "warning", "error"),
    ).items()
}  # fmt: skip

HIDDEN: dict[str, Any] = {"session_secret": []}


def run(directory: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BINARY, *words], cwd=directory, capture_output=True, text=True, check=False,
        env={**os.environ, **env},
    )  # fmt: skip


def printed(directory: Path, *words: str, **env: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The values and the origins that --print-config tells."""
    done = run(directory, *words, "--print-config", **env)
    assert (done.returncode, done.stderr) == (0, "")
    found = re.findall(r"^(?:# )?(\w+) = .*  # (.+)$", done.stdout, re.MULTILINE)
    return tomllib.loads(done.stdout), dict(found)


def toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def plain(value: Any) -> str:
    """As a variable or a flag has it."""
    return ("\n" if value[:1] == ["F:1"] else ",").join(value) if isinstance(value, list) else toml(value).strip("'")


def flags_of(values: dict[str, Any]) -> list[str]:
    return [
        values[name] if name == "app" else f"--{name.replace('_', '-')}={plain(values[name])}"
        for name in values
    ]


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any, Any]]:
    """All settings; of one that has no values above only the origin tells where it comes from."""
    values, _ = printed(tmp_path_factory.mktemp("empty"))
    other = {name: "x" if value == "" else ["x"] if value == [] else value for name, value in values.items()}
    assert set(VALUES) <= set(other)
    assert other.pop("session_secret") == ["x"], "it is hidden where it is set"
    return {name: VALUES.get(name, (value, value, value)) for name, value in other.items()}


def test_a_flag_goes_before_the_environment_that_before_the_file(tmp_path, grid):
    """For every setting there is."""
    files, environments, flags = ({name: values[i] for name, values in grid.items()} for i in range(3))
    lines = [f"{name} = {toml(value)}" for name, value in files.items()]
    (tmp_path / "f.toml").write_text("\n".join(lines) + "\n")
    env = {f"FASTRD_{name.upper()}": plain(value) for name, value in environments.items()}

    values, origins = printed(tmp_path)
    assert set(values) - set(grid) == {"session_secret"} and set(origins) - set(values) == {"config", "force"}
    assert set(origins.values()) == {"default"}
    values, origins = printed(tmp_path, "-c", "f.toml")
    assert values == files | HIDDEN
    assert origins == {name: f"f.toml:{i}" for i, name in enumerate(grid, 1)} | {
        "config": "--config", "force": "default", "session_secret": "default"
    }  # fmt: skip
    values, origins = printed(tmp_path, FASTRD_CONFIG="f.toml", **env)
    assert values == environments | HIDDEN
    assert origins == {name: f"FASTRD_{name.upper()}" for name in (*grid, "config")} | {"force": "default", "session_secret": "default"}
    values, origins = printed(tmp_path, "-c", "f.toml", *flags_of(flags), **env)
    assert values == flags | HIDDEN
    assert origins == {name: f"--{name.replace('_', '-')}" for name in (*grid, "config")} | {
        "app": "the command line", "force": "default", "session_secret": "default"
    }  # fmt: skip


def test_what_is_printed_is_a_file_that_says_the_same(tmp_path, grid):
    values = {name: value[0] for name, value in grid.items()}
    done = run(tmp_path, "--print-config", *flags_of(values), 'a"\\b:\x01c')
    assert done.returncode == 2, "two applications"
    done = run(tmp_path, "--print-config", *flags_of(values))
    (tmp_path / "again.toml").write_text(done.stdout)
    assert printed(tmp_path, "-c", "again.toml")[0] == values | HIDDEN


def test_common_variables_and_lists_that_are_added_to(tmp_path):
    values, origins = printed(tmp_path, PORT="81", WEB_CONCURRENCY="3", FORWARDED_ALLOW_IPS="")
    assert (values["port"], values["workers"], values["forwarded_allow_ips"]) == (81, 3, [])
    assert (origins["port"], origins["workers"]) == ("PORT", "WEB_CONCURRENCY")
    (tmp_path / "f.toml").write_text("[trusted]\nhosts = ['f']\n")
    values, _ = printed(tmp_path, "-c", "f.toml", "--trusted-hosts", "a", "--trusted-hosts=b,c")
    assert values["trusted_hosts"] == ["a", "b", "c"]


def test_tables_sizes_and_spellings(tmp_path):
    (tmp_path / "f.toml").write_text(
        'app = """main:app"""\n[limit]\nbody = "10M"\n"line" = \'64K\'\n\n[gzip] # "x\nenabled = true\nlevel = 3\n'
        '[cors]\nallow_origins = [ # [one\n  "http://a", "http://b"\n]\nmax_age = 5.0\n'
        "[timeout]\nkeep_alive = 4\n"
    )
    values, origins = printed(tmp_path, "-c", "f.toml")
    assert (values["limit_body"], values["limit_line"]) == (10 << 20, 64 << 10)
    assert (values["gzip"], values["gzip_level"], values["cors_max_age"]) == (True, 3, 5)
    assert (values["cors_allow_origins"], values["timeout_keep_alive"]) == (["http://a", "http://b"], 4)
    assert (origins["app"], origins["limit_line"], origins["gzip"]) == ("f.toml:1", "f.toml:4", "f.toml:7")
    assert (origins["cors_allow_origins"], origins["cors_max_age"]) == ("f.toml:10", "f.toml:13")


def test_every_mistake_of_a_file_is_named_with_its_line(tmp_path):
    (tmp_path / "f.toml").write_text(
        "wrokers = 2\nworkers = 0\n[limit]\nhed = 3\nfields = 'many'\n[ssl]\nkeyfile = 'x'\n[cors]\n"
        "allow_origins = ['a,b']\nmax_age = [1]\n[gzip]\nlevel = 1.5\nminimum_size = 2026-01-01\n"
        "[other]\nconfig = 1\n[timeout]\nheader = \"1\\n2\"\n[zzz]\nzzz = 1\n"
    )
    done = run(tmp_path, "-c", "f.toml", "--print-config")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "fastrd: f.toml:1: unknown key wrokers; did you mean workers?",
        "fastrd: f.toml:2: workers = 0: want a number from 1 to 64",
        "fastrd: f.toml:4: unknown key limit_hed; did you mean limit_head?",
        "fastrd: f.toml:5: limit_fields = many: want a number from 1 to 10000",
        "fastrd: f.toml:7: ssl_keyfile: TLS is not available yet; put a proxy in front",
        "fastrd: f.toml:9: cors_allow_origins: want no ',' in a member of the list",
        "fastrd: f.toml:10: cors_max_age: want one value, not a list",
        "fastrd: f.toml:12: gzip_level: want a number without fraction",
        "fastrd: f.toml:13: gzip_minimum_size: want a string, a number, true or false, not a date or a time",
        "fastrd: f.toml:15: unknown key other_config; fastrd --print-config names all",
        "fastrd: f.toml:17: timeout_header: want no control characters",
        "fastrd: f.toml:19: unknown key zzz_zzz; fastrd --print-config names all",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\nb = = 2\n", "f.toml:2: no TOML: invalid value"),
        ("a = 1\n\nb = [\n", "f.toml:3: no TOML: invalid value"),
        ("workers = 1\nworkers = 2\n", "f.toml:2: no TOML: cannot overwrite a value"),
        ("a = 'x", "f.toml:1: no TOML: expected"),
        ("# \xff", "f.toml:1: want UTF-8"),
        ("config = 'x'\n", "f.toml:1: unknown key config"),
        ("force = 'asgi'\n", "f.toml:1: unknown key force"),
        ("a = " + "[" * 5000 + "\n", "f.toml"),
        ("x = 1\n" * 200000, "f.toml: it is larger than 1 MiB"),
        ("root_path = '" + "a" * 100000 + "'", "it has more than 61440 bytes of settings"),
        ("trusted_hosts = [" + "'a', " * 30000 + "]", "it has more than 61440 bytes of settings"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, text, said):
    (tmp_path / "f.toml").write_bytes(text.encode("latin-1"))
    done = run(tmp_path, "-c", "f.toml", "--print-config")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("timeout_header = 3\n\n[timeout]\nheader = 4\n",
         "f.toml:4: timeout_header: it is set already, at f.toml:1; leave one"),
        ("[[gzip]]\nlevel = 3\n", "f.toml:1: gzip: want a table, [gzip], not a list of tables"),
        ("[workers]\n", "f.toml:1: workers: want a value, not a table"),
        ("gzip = {}\n[limit]\n#body = 3\n[lmiit]\n", "f.toml:4: unknown key lmiit; "),
        ("workers = inf\n", "f.toml:1: workers: want a number without fraction"),
        ("workers = 'two'\n", "f.toml:1: workers = two: want a number from 1 to 64"),
        ("workers = -9223372036854775809\n", "f.toml:1: workers = -9223372036854775809: want a number from 1 to 64"),
        ("workers = " + "9" * 5000 + "\n", "f.toml: no TOML: exceeds the limit"),
        ("workers = 0x" + "f" * 5000 + "\n", "f.toml:1: workers: want a smaller number"),
        ("proxy_allow_ips = ['10.0.0.1/8']\n", "f.toml:1: proxy_allow_ips = 10.0.0.1/8: want an address or a network"),
        ("proxy_allow_ips = ['::1', 'proxy']\n", "f.toml:1: proxy_allow_ips = proxy: want an address or a network"),
        ("proxy_allow_ips = ['*', '::1']\n", "f.toml:1: proxy_allow_ips = *: want an address or a network"),
        ("WORKERS = 2\n", "f.toml:1: unknown key WORKERS; did you mean workers?"),
        ("uds_mode = 0o660\n", 'f.toml:1: uds_mode: want a string, as in "666"'),
        ("user = 1000\n", 'f.toml:1: user: want a string, as in "1000"'),
        ("trusted_hosts = ['a', 1]\n", 'f.toml:1: trusted_hosts: want a string, as in "1"'),
        ("factory = 'perhaps'\n", "f.toml:1: factory = perhaps: want true or false"),
        ("root_path = 07:30:00\n", "f.toml:1: root_path: want a string, a number, true or false, not a date or a time"),
        ("trusted_hosts = [['a']]\n",
         "f.toml:1: trusted_hosts: want a string, a number, true or false, not a list"),
        ("root_path = 'a\\u0000'\n".replace("'", '"'), "f.toml:1: root_path: want no control characters"),
        ("workers = 2\n[tool.fastrd]\nworkers = 3\n",
         "f.toml:1: workers: it is beside [tool.fastrd]; put all settings there, or all at the top of the file"),
        ("[tool]\nfastrd = 'x'\n", "f.toml:2: tool.fastrd: want a table, [tool.fastrd], not a string"),
        ("loop = 'own:loop'\n", "f.toml:1: loop: fastrd has its own event loop; leave it out"),
        ("http2 = true\n", "f.toml:1: http2: HTTP/2 is not available yet; put a proxy in front"),
    ],
)  # fmt: skip
def test_one_mistake_in_a_file(tmp_path, text, said):
    (tmp_path / "f.toml").write_text(text)
    done = run(tmp_path, "-c", "f.toml", "--print-config")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"fastrd: {said}") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["tool = 3 # fastrd\n", "[tool]\nfastrd = ['a']\n", "[[tool.fastrd]]\nworkers = 2\n"])
def test_a_pyproject_whose_table_is_none(tmp_path, text):
    (tmp_path / "pyproject.toml").write_text(text)
    done = run(tmp_path, "--print-config")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert ": want a table, [tool.fastrd], not a " in done.stderr


def test_a_configuration_that_is_a_program(tmp_path):
    (tmp_path / "gunicorn.conf.py").write_text("import os\nworkers = os.cpu_count()\n")
    done = run(tmp_path, "-c", "gunicorn.conf.py", "--print-config")
    assert done.returncode == 2
    assert done.stderr == (
        "fastrd: gunicorn.conf.py:1: a configuration is no program here; want TOML, as --print-config prints it\n"
    )


def test_a_file_of_another_name_or_with_a_mark_at_its_beginning(tmp_path):
    (tmp_path / "marked.toml").write_bytes(b"\xef\xbb\xbfworkers = 2\r\n")
    assert printed(tmp_path, "-c", "marked.toml")[1]["workers"] == "marked.toml:1"
    assert printed(tmp_path, "--config", "file:marked.toml")[1]["workers"] == "marked.toml:1"
    (tmp_path / "project.toml").write_text("[project]\nname = 'x'\n[tool.fastrd]\nworkers = 2\n[tool.other]\nx = 1\n")
    assert printed(tmp_path, "-c", "project.toml")[1]["workers"] == "project.toml:4"


def test_what_asks_for_what_is_so_anyway_is_taken_as_the_flag_is(tmp_path):
    (tmp_path / "f.toml").write_text(
        "loop = 'uvloop'\nhttp = 'httptools'\nlifespan = 'on'\ninterface = 'asgi3'\nws = 'auto'\n"
        "use_colors = false\nreload = false\nworkers = 2\n"
    )
    assert printed(tmp_path, "-c", "f.toml")[0]["workers"] == 2


def test_capitals_and_tabs(tmp_path):
    (tmp_path / "f.toml").write_text('log_level = "INFO"\nfactory = "True"\naccess_log_format = "%(m)s\\tb\\\\t"\n')
    values, _ = printed(tmp_path, "-c", "f.toml", FASTRD_ACCESS_LOG="Off")
    assert (values["log_level"], values["factory"], values["access_log"]) == ("info", True, "off")
    assert values["access_log_format"] == "%(m)s\tb\\t"


def test_print_config_takes_no_value(tmp_path):
    done = run(tmp_path, "--print-config=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fastrd: --print-config takes no value: it prints every setting; see fastrd --help\n"


def test_a_file_that_is_not_there_or_a_directory(tmp_path):
    assert run(tmp_path, "-c", "no.toml").stderr == "fastrd: no.toml: No such file or directory\n"
    assert run(tmp_path, "-c", ".").stderr == "fastrd: .: Is a directory\n"


def test_paths_are_those_of_the_file(tmp_path):
    """And the application is imported from there."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/web.py").write_text(GOOD)
    (tmp_path / "etc/f.toml").write_text("app = 'web:app'\nuds = 'sock'\naccess_log_file = '-'\n")
    values, origins = printed(tmp_path, "-c", "etc/f.toml")
    here = str(tmp_path / "etc")
    assert (values["uds"], values["app_dir"], origins["app_dir"]) == (f"{here}/sock", here, "etc/f.toml:1")
    assert values["access_log_file"] == "-"  # standard output
    assert run(tmp_path, "-c", "etc/f.toml", "-t").returncode == 0
    with Fastrd("web:app", tmp_path, "-c", "etc/f.toml", "--app-dir", "etc", "--uds", "own") as server:
        assert server.address == "unix:own"
        assert "  config   etc/f.toml\n" in server.log()


def test_the_table_of_a_pyproject(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/web.py").write_text(GOOD)
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'fastrd-user'\n")
    assert set(printed(tmp_path)[1].values()) == {"default"}
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 1\n[tool.fastrd]\nworkers = 2\nlimit.body = 3\n")
    values, origins = printed(tmp_path)
    assert (values["workers"], origins["workers"]) == (2, "pyproject.toml:4")
    assert (values["limit_body"], origins["limit_body"]) == (3, "pyproject.toml:5")
    assert printed(tmp_path, "-c", "pyproject.toml")[0]["workers"] == 2
    # That of the application's own directory goes before.
    (tmp_path / "shop/pyproject.toml").write_text("[tool.fastrd]\nworkers = 3\n")
    for words in (["shop/web.py"], ["--app-dir", "shop", "web:app"]):
        values, origins = printed(tmp_path, *words)
        assert (values["workers"], origins["workers"]) == (3, "shop/pyproject.toml:2")
        assert values["limit_body"] == 0
    (tmp_path / "f.toml").write_text("workers = 4\n")
    values, _ = printed(tmp_path, "-c", "f.toml", "shop/web.py")
    assert (values["workers"], values["limit_body"]) == (4, 0)
    # One that is no TOML and says nothing of fastrd is nobody's business here.
    (tmp_path / "pyproject.toml").write_text("[[[")
    assert run(tmp_path, "--print-config").returncode == 0


def test_settings_of_a_file_count(tmp_path):
    (tmp_path / "app.py").write_text(GOOD)
    (tmp_path / "f.toml").write_text("app = 'app:app'\nport = 0\nroot_path = '/shop'\nlimit_line = 200\n")
    server = Fastrd("app:app", tmp_path)
    server.command = [BINARY, "-c", "f.toml"]
    with server:
        assert server.raw(b"GET /" + b"a" * 300 + b" HTTP/1.1\r\nHost: x\r\n\r\n").split()[1] == b"414"


def test_a_python_that_cannot_read_files(tmp_path):
    """What it prints is seen; there is no hang."""
    (tmp_path / "f.toml").write_text("workers = 1\n")
    for text in ("echo oops >&2; exit 1", "printf 'value\\tworkers\\t2'", "exec cat /dev/zero"):
        (tmp_path / "python").write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "python").chmod(0o755)
        done = run(tmp_path, "-c", "f.toml", "--python", "./python", "--print-config")
        assert done.returncode == 2
        assert done.stderr.endswith("fastrd: f.toml: ./python cannot read it; see what it printed\n")
