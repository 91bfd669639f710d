"""contrib/completion/fastrd in a bash: what it offers for the last word."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from server import BINARY

ROOT = Path(__file__).parents[2]
# compopt is for bash's own completion only.
ASK = """
compopt() { :; }
. "$1"; shift
COMP_WORDS=(fastrd "$@") COMP_CWORD=$#
_fastrd
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(directory: Path, *words: str) -> set[str]:
    file = ROOT / "contrib/completion/fastrd"
    done = subprocess.run(
        ["bash", "-c", ASK, "bash", file, *words], cwd=directory, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "offers"),
    [
        (["ro"], {"routes"}),
        ([""], {"main.py", "app", "routes", "explain", "new"}),
        (["routes", ""], {"main.py", "app"}),
        (["--wor"], {"--workers", "--worker-max-rss", "--worker-lifetime", "--worker-timeout"}),
        (["--no-acc"], {"--no-access-log"}),
        (["--sync", ""], {"threads", "auto", "inline"}),
        (["--sync", "=", "a"], {"auto"}),
        (["--log-level", "="], {"debug", "info", "warning", "error"}),
        (["-c", ""], {"fastrd.toml", "app"}),
        (["--env-file", "f"], {"fastrd.toml"}),
        (["--app-dir", ""], {"app"}),
        (["--user", "roo"], {"root"}),
        (["--host", ""], set()),
    ],
)
def test_it_offers(tmp_path: Path, words: list[str], offers: set[str]) -> None:
    for name in ("main.py", "fastrd.toml"):
        (tmp_path / name).touch()
    (tmp_path / "app").mkdir()
    found = offered(tmp_path, *words)
    assert found >= offers if words == [""] else found == offers


def test_it_has_every_flag_of_the_help(tmp_path: Path) -> None:
    text = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    flags = {line.split()[0] for line in text.splitlines() if line.startswith("  --")}
    assert len(flags) > 50 and flags <= offered(tmp_path, "--")
