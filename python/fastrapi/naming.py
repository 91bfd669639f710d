"""Which application is meant: from a word of the command line to a module's name.

The rules for files, and for no word at all, are those of ``fastapi run``
(``fastapi_cli.discover``, ``fastapi_cli.config``); ``module:attribute`` is uvicorn's,
``module:function()`` gunicorn's. Nothing is imported here.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
_ATTRIBUTE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class ImportFailed(Exception):
    """There is no application of that name; the text is one line with cause and remedy.

    ``frames`` is the traceback of the application's own code, when that raised.
    """

    def __init__(self, text: str, frames: str = "") -> None:
        super().__init__(text)
        self.frames = frames


@dataclass(frozen=True, slots=True)
class Name:
    """What to import, and what of it is the application."""

    module: str
    attribute: str  # "": the module's application, whatever it is called
    directory: str  # first on sys.path
    called: bool = False  # attribute() returns the application
    file: str = ""  # the module, where a file was named


def _default(directory: Path) -> Name:
    """The first of the files that ``fastapi run`` looks for."""
    for file in FILES:
        if (directory / file).is_file():
            return _of_file(directory / file)
    raise ImportFailed(
        f"no application found: {directory} has no {', '.join(FILES[:-1])} or {FILES[-1]}; "
        "name it, as in: fastrd main:app"
    )


def _entrypoint() -> str:
    """What the current directory's pyproject.toml names, or an empty text."""
    import tomllib  # here only: no start should wait for it without need

    try:
        project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    except OSError:
        return ""
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ImportFailed(f"pyproject.toml: {exc}") from None
    found: Any = project
    for key in ("tool", "fastapi", "entrypoint"):
        found = found.get(key, "") if isinstance(found, dict) else ""
    if not isinstance(found, str):
        raise ImportFailed(
            "pyproject.toml: [tool.fastapi] entrypoint is no string; "
            'want one such as "main:app"'
        )
    return found


def _of_file(path: Path) -> Name:
    """The module that a file is, from the first directory above that is no package."""
    file = path.resolve()
    parts = [] if file.name == "__init__.py" else [file.stem]
    directory = file.parent
    while (directory / "__init__.py").is_file():
        parts.insert(0, directory.name)
        directory = directory.parent
    return Name(".".join(parts), "", str(directory), file=str(file))


def _of_path(word: str, directory: Path) -> Name:
    """The file or directory of that name, in ``directory`` or else in the current one."""
    tried = [base / name for base in (directory, Path()) for name in (word, f"{word}.py")]
    path = next((path for path in tried if path.exists()), None)
    if path is None:
        raise ImportFailed(f"there is no {word} in {directory}; give the application's file")
    if not path.is_dir():
        if path.suffix != ".py":
            raise ImportFailed(f"{word} is no Python file; give the application's")
        return _of_file(path)
    if (path / "__init__.py").is_file():
        return _of_file(path / "__init__.py")
    return _default(path.resolve())


def read_name(word: str, app_dir: str) -> Name:
    """The application that ``word`` means, an empty one included, in ``app_dir`` or, when
    that is empty, in the current directory. Raises ImportFailed."""
    try:
        directory = Path(os.path.abspath(app_dir or "."))
    except FileNotFoundError:
        raise ImportFailed("the directory that fastrd was started in is gone; make it again") from None
    if not word:
        word = _entrypoint()
        if not word:
            return _default(directory)
    where, colon, attribute = word.partition(":")
    called = attribute.endswith("()")
    attribute = attribute.removesuffix("()")
    if not where and _ATTRIBUTE.fullmatch(attribute):  # as `--app NAME` alone
        found = _default(directory)
        return Name(found.module, attribute, found.directory, called, found.file)
    is_path = where.endswith(".py") or "/" in where or where in (".", "..")
    if not colon and (directory / where).is_dir():
        is_path |= not (directory / where / "__init__.py").is_file()
    if not where or (where.startswith(".") and not is_path):
        raise ImportFailed(f"{word}: want module:attribute, as in main:app")
    if colon and not _ATTRIBUTE.fullmatch(attribute):
        raise ImportFailed(
            f"{word}: a factory gets no arguments; name a function that needs none"
            if "(" in attribute
            else f"{word}: want module:attribute, as in {where}:app"
        )
    found = _of_path(where, directory) if is_path else Name(where, "", str(directory))
    return Name(found.module, attribute, found.directory, called, found.file)
