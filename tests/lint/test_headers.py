"""What a file's opening comment says of other files is so.

A comment names a file of its own directory by its bare name, any other by its path
from the root; within bindings/ a shelf's file is also `shelf/name.c`.
"""

from __future__ import annotations

import re

import pytest
from house import PREFIXES, ROOT, header_of, of_rooms, offered, opening, published, text, words

SUFFIXES = "c|h|def|py|pyi|md|mk|am|ac|toml"
SENTENCE = re.compile(r"(?<=[.;:?])\s+(?=[A-Z])")
CALLED = re.compile(r"(?:Called|Used|Made|Driven|Reached|Started)\b[^,]*?\b(?:by|from|through)\b")
# Processes by the rooms that they are made of.
PROCESSES = {"workers": ("worker", "bindings", "engine")}
SHELVES = sorted({p.split("/")[1] for p in of_rooms(".c") if p.count("/") == 2})
DOCUMENTS = [p for p in published() if re.fullmatch(r"README\.md|(?:docs|bench|tests).*/.*\.md", p)]


def candidates(name: str, path: str) -> list[str]:
    """Where a file named in `path` may be."""
    here, room = path.rpartition("/")[0], path.split("/")[0]
    if "/" not in name:
        return [f"{here}/{name}" if here else name]
    return [name, f"bindings/{name}"] if room == "bindings" else [name]


def named_files(comment: str) -> list[str]:
    return re.findall(rf"(?<![\w./*<-])((?:[\w-]+/)*[\w-]+\.(?:{SUFFIXES}))\b(?!\.\w|/)", comment)


def place(name: str, path: str) -> str | None:
    """The file that `path` names so, or None."""
    return next((p for p in candidates(name, path) if (ROOT / p).is_file()), None)


def named_modules(text: str) -> list[str]:
    """Paths without a suffix, as shm/check, which may be a pair of files or a directory."""
    tops = "|".join([*PREFIXES, "docs", "tests", "bench", "contrib", "examples", "python"])
    return re.findall(rf"(?<![\w./*-])((?:{tops})(?:/[a-z_]+)+)(?![\w/*-]|\.\w)", text)


def missing_modules(text: str) -> list[str]:
    found = {name: ROOT / name for name in named_modules(text)}
    return [
        name for name, path in found.items()
        if not path.exists() and not any(path.parent.glob(f"{path.name}.*"))
    ]  # fmt: skip


def test_there_is_something_to_look_at():
    assert SHELVES and DOCUMENTS
    assert sum(bool(named_files(opening(p))) for p in of_rooms(".c", ".h")) > 50
    assert sum(bool(caller_sentences(opening(p))) for p in of_rooms(".c")) > 50
    assert sum(bool(named_modules(opening(p))) for p in of_rooms(".c", ".h")) > 10


@pytest.mark.parametrize("path", of_rooms(".c", ".h", ".def"))
def test_a_file_that_a_comment_names_is_there(path):
    missing = [name for name in named_files(opening(path)) if place(name, path) is None]
    missing += missing_modules(opening(path))
    assert not missing, f"the opening comment of {path} names {missing}, not found at that place"


def caller_sentences(comment: str) -> list[str]:
    return [s for s in SENTENCE.split(comment) if CALLED.match(s)]


def named_places(sentence: str, path: str) -> dict[str, list[str]]:
    """Who is said to call, and the C files that this may mean."""
    found = {name: [p] for name in named_files(sentence) if (p := place(name, path)) and p.endswith(".c")}
    listed = r"(?:\b(?:by|from|through|and|or)|,|\()\s+(?:(?:the|room|shelf)\s+(?:rest\s+of\s+)?)?(?!by\b|from\b)"
    for name in re.findall(listed + r"([a-z_]+(?:/[a-z_]+)*)/?(?![\w/-]|\.\w|\(\))", sentence):
        tops = PROCESSES.get(name, (name,))
        if path.startswith("bindings/") and name in SHELVES:
            tops = (f"bindings/{name}",)
        inside = [p for p in of_rooms(".c") if p.startswith(tuple(f"{top}/" for top in tops))]
        if inside:
            found[name] = inside
    if re.search(r"\bevery room|\beverywhere", sentence):
        found["every room"] = of_rooms(".c")
    return found


def users(path: str, names: frozenset[str]) -> set[str]:
    """The other C files that call `names`, or put them into a table."""
    return {p for p in of_rooms(".c") if p != path and names & words(p)}


@pytest.mark.parametrize("path", of_rooms(".c"))
def test_who_calls_a_file_is_said_as_it_is(path):
    """Every file named does call, every room or shelf named has a file that does, and
    who calls is named, by file, shelf or room."""
    said: dict[str, list[str]] = {}
    for sentence in caller_sentences(opening(path)):
        said |= named_places(sentence, path)
    calling = users(path, offered(path))
    # What stands inline in the header counts, too.
    using = calling | (users(path, offered(header_of(path))) if header_of(path) else set())
    wrong = [name for name, files in said.items() if not using & set(files)]
    assert not wrong, f"{path} is not called by {wrong} but by {sorted(calling)}"
    unnamed = calling - {p for files in said.values() for p in files}
    assert not unnamed, f"{path} does not say that {sorted(unnamed)} call it; name the file or the room"


@pytest.mark.parametrize("path", of_rooms(".h"))
def test_who_uses_a_header_is_said_as_it_is(path):
    for sentence in caller_sentences(opening(path)):
        for name, files in named_places(sentence, path).items():
            assert any(offered(path) & words(p) for p in files), f"{path} is not used by {name}"


# Files of the reader's own.
YOURS = {"main.py", "wsgi.py", "fastrd.toml"}


def named_in(paragraph: str, path: str) -> list[str]:
    """Files that a document's paragraph names and that are not there."""
    spans = re.findall(r"`([^`\n]+)`", paragraph) + re.findall(r"\]\(([^)#:]+)\)", paragraph)
    names = {name for span in spans for name in named_files(span) if not name.startswith("build/")} - YOURS
    folders = {"", path.rpartition("/")[0]}
    folders |= {word.rpartition("/")[0] for word in names}
    folders |= {word for span in spans for word in re.findall(r"[\w./-]+", span) if (ROOT / word).is_dir()}
    places = [ROOT / folder for folder in folders]
    return sorted(name for name in names if not any((folder / name).is_file() for folder in places))


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_file_that_a_document_names_is_there(path):
    """In `code` and links: from the root, from the document's own directory, or bare in
    one that the same paragraph names."""
    in_text = re.sub(r"^( *)```.*?^\1```$", "", text(path), flags=re.MULTILINE | re.DOTALL)
    missing = [name for paragraph in in_text.split("\n\n") for name in named_in(paragraph, path)]
    if path != "docs/PLAN.md":  # which names what is to come
        missing += missing_modules(" ".join(re.findall(r"`([^`\n]+)`", in_text)))
    assert not missing, f"{path} names {missing}, not found at that place"
