"""What the master logs is what its files and the operator's table say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALL = re.compile(r'log_(?:debug|info|warnx?|errorx)\(\s*((?:"[^"]*"\s*)+)')


def formats(path: Path) -> list[str]:
    """The first arguments of the calls that log."""
    return ["".join(re.findall(r'"([^"]*)"', text)) for text in CALL.findall(path.read_text())]


LINES = [
    pytest.param(path, line, id=f"{path.name}: {line}")
    for path in sorted((ROOT / "master").glob("*.c"))
    for line in formats(path)
]


def words(line: str) -> list[str]:
    """What stands between the values of a format."""
    return [part.strip() for part in re.split(r"%[.\d]*[a-z]+", line) if len(part.strip()) > 2]


def test_calls_are_found():
    assert len(LINES) > 8


@pytest.mark.parametrize(("path", "line"), LINES)
def test_the_head_of_the_file_names_the_line(path, line):
    head = path.read_text().split("*/")[0]
    _, logs, named = head.partition(" * Logs: ")
    assert logs, f"{path.name} logs and does not say what"
    assert all(part in re.sub(r"\s*\n \* ?", " ", named) for part in words(line))


@pytest.mark.parametrize(("path", "line"), LINES)
def test_the_operators_table_has_the_line(path, line):
    text = (ROOT / "docs/OPERATIONS.md").read_text()
    table = text.partition("## Log of the master")[2].partition("\n## ")[0]
    assert all(part in table for part in words(line))
