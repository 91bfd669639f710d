"""contrib/completion in each shell: what it offers for the last word."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from server import BINARY, PATIENCE

HERE = Path(__file__).parents[2] / "contrib/completion"
# compopt is for bash's own completion only.
BASH = """
compopt() { :; }
. "$1"; shift
COMP_WORDS=(fastrd "$@") COMP_CWORD=$#
_fastrd
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = "source {0}/fastrd.fish; complete -C '{1}'"
# Control-X prints the line as it has become.
ZSH = """
fpath=({0} $fpath); autoload -U compinit; compinit -u -D
show() {{ print -r "<$BUFFER>"; exit }}; zle -N show; bindkey '^X' show; print be''gan
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ("main.py", "fastrd.toml"):
        (tmp_path / name).touch()
    (tmp_path / "app").mkdir()
    return tmp_path


def bash(directory: Path, *words: str) -> set[str]:
    done = subprocess.run(
        ["bash", "-c", BASH, "bash", HERE / "fastrd", *words], cwd=directory, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def fish(directory: Path, *words: str) -> set[str]:
    line = " ".join(["fastrd", *words]).replace(" = ", "=")
    done = subprocess.run(
        ["fish", "--no-config", "-c", FISH.format(HERE, line)], cwd=directory, capture_output=True, text=True,
        env=os.environ | {"HOME": str(directory)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return {offer.split("\t")[0] for offer in done.stdout.splitlines()}


WORKERS = {"--workers", "--worker-max-rss", "--worker-lifetime", "--worker-timeout"}


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (["ro"], {"routes"}),
        (["routes", "m"], {"main.py"}),
        (["--wor"], WORKERS),
        (["--no-acc"], {"--no-access-log"}),
        (["--sync", ""], {"threads", "auto", "inline"}),
        (["--sync", "a"], {"auto"}),
        (["-c", "f"], {"fastrd.toml"}),
        (["--env-file", "f"], {"fastrd.toml"}),
        (["--user", "roo"], {"root"}),
        (["--host", ""], set()),
    ],
)
@pytest.mark.parametrize("shell", [bash, fish])
def test_it_offers(directory: Path, shell, words: list[str], offers: set[str]) -> None:
    assert shell(directory, *words) == offers


@pytest.mark.parametrize("shell", [bash, fish])
def test_the_first_word_is_a_command_or_a_file(directory: Path, shell) -> None:
    assert shell(directory, "") >= {"main.py", "routes", "explain", "new"}


def test_bash_has_three_words_where_there_is_an_equals_sign(directory: Path) -> None:
    assert bash(directory, "--sync", "=", "a") == {"auto"}
    assert bash(directory, "--log-level", "=") == {"debug", "info", "warning", "error"}


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("ro", "routes "), ("--worker-l", "--worker-lifetime="), ("--sync=a", "--sync=auto "),
        ("-c f", "-c fastrd.toml "), ("--no-acc", "--no-access-log "), ("routes m", "routes main.py "),
        ("--app-dir ap", "--app-dir app/"),
    ],
)  # fmt: skip
def test_zsh_completes(directory: Path, typed: str, becomes: str) -> None:
    """Typed at a terminal, with TAB."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(directory)
        os.execvpe("zsh", ["zsh", "-f", "-i"], os.environ | {"TERM": "dumb", "HOME": str(directory)})
    try:
        os.write(terminal, ZSH.format(HERE).encode())
        read_until(terminal, b"began")
        os.write(terminal, f"fastrd {typed}\t\x18".encode())
        read_until(terminal, f"<fastrd {becomes}>".encode())
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)


def read_until(terminal: int, text: bytes) -> None:
    found, end = b"", time.monotonic() + 30 * PATIENCE
    while text not in found:
        ready = select.select([terminal], [], [], max(end - time.monotonic(), 0))[0]
        assert ready, found
        found += os.read(terminal, 4096)


@pytest.mark.parametrize("shell", [bash, fish])
def test_it_has_every_flag_of_the_help(directory: Path, shell) -> None:
    text = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    flags = {line.split()[0] for line in text.splitlines() if line.startswith("  --")}
    assert len(flags) > 50 and flags <= shell(directory, "--")
