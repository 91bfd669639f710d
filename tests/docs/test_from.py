"""The pages for who comes from another server: their tables have every flag that its --help has,
and fastrd does with each what they say."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
SERVERS = ("uvicorn", "gunicorn", "granian")
COMMON = {"-h", "--help", "-v", "--version"}
SPAN = re.compile(r"`([^`]+)`")


def rows(server: str) -> list[tuple[list[str], str]]:
    """Of each row of the page's table of flags: the commands, and what it says of them."""
    text = (ROOT / f"docs/from/{server}.md").read_text().partition("## Every flag")[2]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [re.split(r" ?\| ?", line.strip("|").strip()) for line in lines]
    return [(SPAN.findall(first), here) for first, here, *_ in cells]


def flags(server: str) -> set[str]:
    """Those of --help, in every spelling."""
    command = [Path(sys.executable).parent / server, "--help"]
    done = subprocess.run(command, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True, check=True)
    left = [re.split(r"  +", line.strip())[0] for line in done.stdout.splitlines() if re.match(r"  -\S", line)]
    found = {flag for names in left for flag in re.findall(r"(?<!\S)--?[A-Za-z][\w-]*", names)}
    assert len(found) > 40, done.stdout
    return found - COMMON


@pytest.mark.parametrize("server", SERVERS)
def test_the_table_has_every_flag_and_no_other(server):
    said = [command.split()[0] for commands, _ in rows(server) for command in commands]
    assert len(said) == len(set(said))
    assert set(said) == flags(server)


COMMANDS = [
    pytest.param(command, here, id=f"{server} {command}")
    for server in SERVERS
    for commands, here in rows(server)
    for command in commands
]


def asked(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """fastrd's answer to the flag: its settings, or why it is refused."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FASTRD_", "UVICORN_"))}
    return subprocess.run(
        [BUILD / "bin/fastrd", "--print-config", *shlex.split(command), "main:app"],
        cwd=directory, env=env, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(("command", "here"), COMMANDS)
def test_what_it_says_of_a_flag_is_so(command, here, tmp_path):
    done = asked(command, tmp_path)
    flag = command.split()[0]
    if here in ("the same", "no effect"):
        assert (done.returncode, done.stderr) == (0, "")
        a_setting = any("# -" in line for line in done.stdout.splitlines()) or flag == "--print-config"
        assert a_setting == (here == "the same"), done.stdout
        return
    refused, _, why = here.partition(": ")
    assert refused == "refused"
    assert done.returncode == 2
    assert done.stderr.removeprefix("fastrd: ").removeprefix(f"{flag}: ") == why.replace("`", "") + "\n"


def test_the_file_that_gunicorns_becomes_is_read(tmp_path):
    """Each line of the right column, all in one file."""
    text = (ROOT / "docs/from/gunicorn.md").read_text().partition("| `gunicorn.conf.py` |")[2].partition("\n\n")[0]
    right = [line.split(" | ")[1] for line in text.splitlines() if line.startswith("| `")]
    lines = [span for cell in right for span in SPAN.findall(cell) if " = " in span]
    assert len(lines) >= 10
    (tmp_path / "fastrd.toml").write_text("\n".join(lines) + "\n")
    done = asked("-c fastrd.toml", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_unit_application_becomes_is_read(tmp_path):
    """The page's file; and the keys that its tables name are keys."""
    text = (ROOT / "docs/from/nginx-unit.md").read_text()
    file = text.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "fastrd.toml").write_text(file.replace("/srv/shop/.venv/bin/python", sys.executable))
    done = asked("-c fastrd.toml", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    keys = {line.split(" = ")[0].strip("# ") for line in done.stdout.splitlines() if " = " in line}
    here = [line.split(" | ")[1] for line in text.splitlines() if line.startswith("| `")]
    named = {span for cell in here for span in SPAN.findall(cell) if re.fullmatch(r"[a-z_]+", span)}
    assert len(named) > 15
    assert named - keys == {"timeout"}  # of a [[route]]
