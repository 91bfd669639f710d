"""``fastrd new DIR``: writes a small project that runs.

The files are templates in this directory; ``@name@`` in them becomes the project's name.
"""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path

from fastrapi import wire

# Where each template goes.
FILES = {
    "pyproject.in": "pyproject.toml",
    "main.in": "app/main.py",
    "quotes.in": "app/quotes.py",
    "test_main.in": "tests/test_main.py",
    "readme.in": "README.md",
    "gitignore.in": ".gitignore",
    "dockerfile.in": "Dockerfile",
    "dockerignore.in": ".dockerignore",
}
PACKAGES = ("app", "tests")
TAKEN = ("fastapi", "fastrapi", "fastrd")


class Refused(Exception):
    """There can be no project there; the text is one line with cause and remedy."""


def name_of(directory: Path) -> str:
    """The project's name: its directory's. Raises Refused."""
    name = directory.name
    if not re.fullmatch(r"[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?", name):
        raise Refused(
            f"{name!r} cannot be a project's name; take letters, digits, - and _, "
            "a letter first, as in: fastrd new my-shop"
        )
    if name.lower().replace("_", "-") in TAKEN:
        raise Refused(f"{name} is a package that the project needs itself; take another name")
    return name


def make(directory: Path) -> list[Path]:
    """Write the project into ``directory``, which is made, or holds nothing but a .git; the
    files that were written. Raises Refused, and OSError when a file cannot be written."""
    name = name_of(directory)
    if directory.exists() and not directory.is_dir():
        raise Refused(f"{directory} is a file; name a new directory")
    if directory.is_dir() and (found := sorted({p.name for p in directory.iterdir()} - {".git"})):
        raise Refused(f"{directory} is not empty, it has {found[0]}; name a new directory")
    written = []
    for package in PACKAGES:
        (directory / package).mkdir(parents=True, exist_ok=True)
        written.append(directory / package / "__init__.py")
        written[-1].write_text("")
    for template, file in FILES.items():
        text = (files(__name__) / template).read_text(encoding="utf-8")
        written.append(directory / file)
        written[-1].write_text(text.replace("@name@", name), encoding="utf-8")
    return written


def main(word: str) -> int:
    """Make the project that ``fastrd new WORD`` means; its exit code."""
    try:
        make(Path(word).resolve())
    except Refused as exc:
        sys.stderr.write(f"fastrd: new: {exc}\n")
        return wire.EXIT_USAGE
    except OSError as exc:
        sys.stderr.write(f"fastrd: new: cannot write {exc.filename}: {exc.strerror}; name another directory\n")
        return wire.EXIT_USAGE
    where = [] if Path(word).resolve() == Path.cwd() else [f"  cd {word}"]
    lines = [
        f"made the project {Path(word).resolve().name}. Now:", *where,
        "  fastrd dev                           serve it, and what you save: http://127.0.0.1:8000/docs",
        "  pip install -e '.[dev]' && pytest    try its tests",
        "README.md says the rest.",
    ]  # fmt: skip
    print("\n".join(lines))
    return wire.EXIT_OK
