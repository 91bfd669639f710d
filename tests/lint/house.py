"""What the rules look at: the tree's files, their opening comments, their functions."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
# A room is a directory of C files, with the prefix of its public names. In base/ a
# name begins with the file's noun alone.
PREFIXES = {
    "base": "", "shm": "shm_", "io": "io_", "http": "hx_", "middleware": "mw_", "files": "files_",
    "bindings": "pyb_", "worker": "worker_", "engine": "engine_", "master": "master_", "ctl": "ctl_",
}  # fmt: skip


@cache
def published() -> tuple[str, ...]:
    """Every file that git has or would add, as a path from the root."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = tuple(sorted({name for name in listed.splitlines() if (ROOT / name).is_file()}))
    assert found, "git lists no files"
    return found


def of_rooms(*suffixes: str) -> list[str]:
    """The files of the rooms that end so, as paths from the root."""
    found = [p for p in published() if p.split("/")[0] in PREFIXES and p.endswith(suffixes)]
    assert found, f"no room has a file that ends in {suffixes}"
    return found


@cache
def text(path: str) -> str:
    return (ROOT / path).read_text()


@cache
def code(path: str) -> str:
    """A C file without its comments; lines stay where they are."""
    strings_or_comments = r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/'

    def blank(match: re.Match[str]) -> str:
        found = match.group()
        return found if found.startswith('"') else "\n" * found.count("\n")

    return re.sub(strings_or_comments, blank, text(path), flags=re.DOTALL)


def opening(path: str) -> str:
    """The comment that a C file begins with, as one line of words."""
    match = re.match(r"/\*(.*?)\*/", text(path), re.DOTALL)
    if match is None:
        return ""
    return " ".join(re.sub(r"^ \*", "", match[1], flags=re.MULTILINE).split())


@dataclass(frozen=True)
class Function:
    """One definition: its name, whether other files may call it, where it stands."""

    name: str
    public: bool
    line: int
    lines: int


@cache
def functions(path: str) -> tuple[Function, ...]:
    """The functions that a C file defines, each with its type on a line of its own."""
    definition = r"^(\w[^\n;{}]*)\n(\w+)\((?:[^;{}]|\n)*?\)\n\{\n(.*?)^\}"
    found = []
    for match in re.finditer(definition, code(path), re.MULTILINE | re.DOTALL):
        begin = code(path).count("\n", 0, match.start(2)) + 1
        body = match[3].count("\n")
        found.append(Function(match[2], "static" not in match[1].split(), begin, body))
    return tuple(found)


def macros(path: str) -> dict[str, str]:
    """The macros that a C file defines, and what they stand for."""
    found = re.findall(r"^#define (\w+)((?:\\\n|.)*)", code(path), re.MULTILINE)
    return dict(found)


@cache
def offered(path: str) -> frozenset[str]:
    """What others may call or name of a C file: of a header whatever it declares, of
    another its public functions and constant tables and the macros that call them."""
    if path.endswith(".h"):
        declared = re.findall(r"^(?!\s)[^#\n]*?\b(\w+)\(", code(path), re.MULTILINE)
        return frozenset(declared) | frozenset(macros(path))
    tables = r"^(?:const struct \w+|PyMethodDef) (\w+)(?:\[\w*\])? = "
    names = {f.name for f in functions(path) if f.public and f.name != "main"}
    names |= set(re.findall(tables, code(path), re.MULTILINE))
    for macro, body in macros(header_of(path)).items() if header_of(path) else ():
        if names & set(re.findall(r"\w+", body)):
            names.add(macro)
    return frozenset(names)


def header_of(path: str) -> str:
    """The header of a .c file, or an empty string."""
    header = f"{path[:-1]}h"
    return header if header in published() else ""


@cache
def words(path: str) -> frozenset[str]:
    """Every identifier in a C file's code."""
    without_strings = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', code(path))
    return frozenset(re.findall(r"[A-Za-z_]\w*", without_strings))
