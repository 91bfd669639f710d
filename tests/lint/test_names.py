"""A public function is called prefix + noun + verb: `shm_route_match` stands in
shm/route.c. The noun is the file's or its shelf's, in the singular or the plural; a file
with one function may give it its own name; in the file that is called as its room the
prefix is the noun. A caller then knows the file from the name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from house import PREFIXES, code, functions, of_rooms

# Names that are otherwise, and why. To be shortened, not lengthened.
OTHERWISE = {
    "main": "C's own name",
    "PyInit__engine": "CPython's own name",
    "PyObject_GetOptionalAttr": "CPython's own name, from 3.13 on",
    "PyErr_GetRaisedException": "CPython's own name, from 3.12 on",
    "PyErr_SetRaisedException": "CPython's own name, from 3.12 on",
    "PyGen_GetCode": "CPython's own name, from 3.12 on",
}


def public_functions(path: str) -> list[str]:
    if path.endswith(".c"):
        return [f.name for f in functions(path) if f.public]
    return re.findall(r"^static inline [^\n]*\n(\w+)\(", code(path), re.MULTILINE)


def starts(path: str) -> set[str]:
    """What a public name of this file may begin with."""
    room, prefix, stem = path.split("/")[0], PREFIXES[path.split("/")[0]], Path(path).stem
    nouns = {stem, stem.removesuffix("s"), f"{stem}s"} | set(path.split("/")[1:-1])
    return {f"{prefix}{noun}_" for noun in nouns} | ({prefix} if stem == room else set())


@pytest.mark.parametrize("path", of_rooms(".c", ".h"))
def test_public_functions_are_named_after_their_file(path):
    own_name = PREFIXES[path.split("/")[0]] + Path(path).stem
    wrong = [
        name for name in public_functions(path)
        if not name.startswith(tuple(starts(path))) and name != own_name and name not in OTHERWISE
    ]  # fmt: skip
    assert not wrong, f"{wrong} of {path} should begin with one of {sorted(starts(path))}"


def test_the_exceptions_are_still_there_and_still_needed():
    """A name that was changed or moved comes off the list."""
    found = {name: path for path in of_rooms(".c", ".h") for name in public_functions(path)}
    assert len(found) > 200
    gone = OTHERWISE.keys() - found.keys()
    assert not gone, f"take {sorted(gone)} off the list"
    right = [n for n in OTHERWISE if n.startswith(tuple(starts(found[n])))]
    assert not right, f"take {right} off the list"
