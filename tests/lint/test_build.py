"""Makefile.am and its fragments name every source, and none that does not exist."""

from __future__ import annotations

import re
import subprocess

from house import ROOT, published, text

# Built by bench/run.py and websocket.py, which needs other libraries.
OF_BENCH = {f"bench/micro/{name}.c" for name in ("floor", "load", "ws_floor", "ws_load")}
# Built by tests/faults/allocations.py, where it is asked for.
OF_FAULTS = {"tests/faults/failing.c"}
# By a target.
CALLED = {
    "tests/suite/run.py", "tests/e2e/test_reloads.py", "tests/e2e/full_load.py", "tests/leak/test_dropped.py",
    "tests/dist/test_wheel.py",
}  # fmt: skip
EMBEDDED = {"libexec/conf.py"}  # its text is part of the daemon


def listed() -> set[str]:
    fragments = [p for p in published() if re.fullmatch(r"Makefile\.am|tests/.*\.mk", p)]
    lines = "\n".join(text(p) for p in fragments)
    without_comments = re.sub(r"^#.*", "", lines, flags=re.MULTILINE)
    names = re.findall(r"(?<![\w$(/.])([\w/-]+\.(?:c|h|def|in|py|pyi|typed))(?!\w)", without_comments)
    assert len(names) > 200 and len(fragments) > 5
    return set(names)


def sources() -> set[str]:
    """C files of rooms, tests and benchmarks; the package that is installed."""
    c_files = {p for p in published() if p.endswith((".c", ".h", ".def"))}
    package = {p for p in published() if p.startswith("python/") and not p.endswith(".md")}
    return (c_files | package | EMBEDDED) - OF_BENCH - OF_FAULTS


def test_every_source_is_built_or_installed():
    assert sources() - listed() == set()


def test_what_is_listed_exists():
    assert listed() - sources() - CALLED == set()


def test_every_unit_program_is_run():
    """Its source is there, so it is among TESTS."""
    makefiles = "\n".join(text(p) for p in published() if p.endswith(".mk"))
    programs = {p.removesuffix(".c") for p in published() if re.fullmatch(r"tests/unit/test_\w+\.c", p)}
    fuzzers = {p.removesuffix(".c") for p in published() if re.fullmatch(r"tests/fuzz/fuzz_\w+\.c", p)}
    assert len(programs) > 20 and len(fuzzers) > 3
    run = run_programs(makefiles)
    assert (programs | fuzzers) - run == set()


def run_programs(makefiles: str) -> set[str]:
    """The programs of TESTS, with its variables filled in."""
    joined = makefiles.replace("\\\n", " ")
    variables = dict(re.findall(r"^(\w+) = (.*)$", joined, re.MULTILINE))
    found: set[str] = set()
    for value in re.findall(r"^TESTS \+= (.*)$", joined, re.MULTILINE):
        filled = re.sub(r"\$\((\w+)\)", lambda m: variables[m[1]], value)
        found |= set(filled.split())
    assert found, "no TESTS"
    return found


def test_the_files_that_others_build_are_there():
    assert all((ROOT / p).is_file() for p in OF_BENCH | OF_FAULTS)


def test_every_directory_of_tests_is_run_and_explained():
    """By tests/run or, asan, by the script around it."""
    directories = {p.split("/")[1] for p in published() if re.fullmatch(r"tests/\w+/.*\.(py|c)", p)}
    assert len(directories) > 12
    scripts = "".join(text(p) for p in ("tests/run", "tests/asan/run", "tests/unit/local.mk", "tests/unit/http.mk"))
    for name in sorted(directories):
        assert name in ("unit", "shared") or re.search(rf"\btests/{name}\b", scripts), f"nothing runs tests/{name}"
        assert f"\n| `{name}` |" in text("tests/README.md"), f"tests/README.md has no row for {name}"


def test_every_package_that_is_installed_is_explained():
    """FastAPI's own suite has its list for itself."""
    lists = [p for p in published() if p.endswith("requirements.txt") and "suite" not in p]
    assert len(lists) == 9
    explained = text("docs/DEPENDENCIES.md").lower()
    for path in lists:
        names = re.findall(r"^([\w-]+)(?:\[[\w,]+\])?==", text(path), re.MULTILINE)
        assert names, f"{path} names no package"
        for name in names:
            assert re.search(rf"(?<![\w-]){name.lower()}(?![\w-])", explained), f"{name} of {path}"


def test_the_version_is_one() -> None:
    """configure's is that of the program, of the distribution and of its archives."""
    (version,) = re.findall(r"AC_INIT\(\[fastrd\], \[(.*?)\]\)", text("configure.ac"))
    assert f'\n__version__ = "{version}"\n' in text("python/fastrapi/__init__.py")


def test_every_shell_script_can_be_read():
    scripts = [p for p in published() if (ROOT / p).read_bytes()[:9] == b"#!/bin/sh"]
    assert "tests/install" in scripts
    for script in scripts:
        read = subprocess.run(["sh", "-n", ROOT / script], capture_output=True, text=True, check=False)
        assert read.returncode == 0, read.stderr


def test_no_merge_was_left_half_way():
    marks = (b"<<<<<<< ", b">>>>>>> ")
    found = [
        p for p in published() if any(line.startswith(marks) for line in (ROOT / p).read_bytes().splitlines())
    ]
    assert found == []
