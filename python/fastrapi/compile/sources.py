"""The source code of what is installed, to be compared with what is known.

``inspect.getsource()`` reads a function's lines token by token, which every start would wait for,
and keeps the lines of every file. Here the compiled code says where the function ends.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import re
import tokenize
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any


def _objects(sources: tuple[str, ...]) -> Iterator[Any]:
    for source in sources:
        module, _, path = source.partition(":")
        found: Any = importlib.import_module(module)
        for name in path.split(".") if path else ():
            found = getattr(found, name)
        yield found


@functools.cache
def _lines(path: str) -> list[str]:
    """Those of a file, none of one that cannot be read."""
    try:
        with tokenize.open(path) as file:
            lines = file.readlines()
    except (OSError, SyntaxError, UnicodeDecodeError):
        return []
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return lines


def forget() -> None:
    """Free the lines of files: what was to be compared has been."""
    _lines.cache_clear()


def _last_line(code: CodeType) -> int:
    """The number of the last line that ``code``, or a function inside it, was compiled from."""
    last = code.co_firstlineno
    waiting = [code]
    while waiting:
        one = waiting.pop()
        last = max([last, *(end for _, end, _, _ in one.co_positions() if end is not None)])
        waiting += [const for const in one.co_consts if isinstance(const, CodeType)]
    return last


def _block(lines: list[str], first: int, end: int, closes: str) -> str:
    """Lines from ``first`` to before ``end``, and those of the same block that follow. One that
    begins as ``closes`` says is no deeper and belongs to it all the same."""
    outside = len(lines[first]) - len(lines[first].lstrip())
    for number in range(end, len(lines)):
        text = lines[number].lstrip()
        deeper = len(lines[number]) - len(text) > outside
        if text and not deeper and text[0] not in closes:
            break
        if text and (deeper or closes):
            end = number + 1
    return "".join(lines[first:end])


def _source_of_function(found: FunctionType) -> str:
    code = found.__code__
    lines = _lines(code.co_filename)
    first, end = code.co_firstlineno - 1, _last_line(code)
    # A docstring is not compiled: where nothing else is, its end is unknown.
    if not lines or end - first <= (found.__doc__ or "").count("\n") + 1:
        return inspect.getsource(found)
    return _block(lines, first, end, "")


def _source_of_class(found: type) -> str:
    lines = _lines(inspect.getsourcefile(found) or "")
    begins = re.compile(rf"class {found.__name__}\b")
    first = [number for number, line in enumerate(lines) if begins.match(line)]
    if len(first) != 1 or lines[first[0] - 1].strip():
        return inspect.getsource(found)
    own = [
        value.__code__
        for value in vars(found).values()
        if isinstance(value, FunctionType) and value.__module__ == found.__module__
    ]
    return _block(lines, first[0], max([first[0] + 1, *map(_last_line, own)]), ")")


def source_of(found: Any) -> str:
    """What ``inspect.getsource()`` says of a function, a method, a class or a module; OSError
    and TypeError as from there."""
    found = inspect.unwrap(found) if callable(found) else found
    found = getattr(found, "__func__", found)
    if isinstance(found, FunctionType):
        return _source_of_function(found)
    if isinstance(found, type) and "." not in found.__qualname__:
        return _source_of_class(found)
    if isinstance(found, ModuleType) and (lines := _lines(inspect.getsourcefile(found) or "")):
        return "".join(lines)
    return inspect.getsource(found)


def fingerprint(sources: tuple[str, ...]) -> str:
    """A digest of the installed source code of ``sources``, which are modules or names inside
    them; empty when one of them is missing."""
    digest = hashlib.sha256()
    try:
        for found in _objects(sources):
            digest.update(source_of(found).encode())
    except (ImportError, AttributeError, OSError, TypeError):
        return ""
    return digest.hexdigest()
