"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import house
import pytest

ROOT = Path(__file__).parents[2]
BUILD = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
# Lower never includes higher; a room may include itself and what is listed.
ALLOWED = {
    "base": set(),
    "shm": {"base"},
    "io": {"base"},
    "http": {"base", "shm"},
    "middleware": {"base", "http"},
    "files": {"base", "http", "middleware"},
    "bindings": {"base", "shm", "io", "http", "middleware", "files"},
    "worker": {"base", "shm", "io", "http", "bindings"},
    "engine": {"base", "shm", "io", "http", "bindings", "worker"},
    "master": {"base", "shm"},
    "ctl": {"base"},
}
# Within bindings/ each layer may include those above it in this list, and itself. A
# shelf is a layer; the files that stand on no shelf are named.
LAYERS = [
    ("shared", {"awaitable", "compat", "content", "context", "module_state", "coro", "coro_body", "coro_type", "json", "piece", "session", "text", "truth", "waiters"}),
    ("loop", None),
    ("app", {"answers", "guards", "hosts", "layers", "mounts", "binding", "app"}),
    ("asgi", None),
    ("plan", None),
    ("stack", None),
    ("websocket", None),
    ("request", {"request", "front", "decide"}),
]
# The compiler's side, beside all of them: no request comes here.
TABLE = {"shared"}
# What some parts of bindings/ may know of other rooms, where that is less than all.
ROOMS_OF = {"loop": {"base", "io"}, "table": {"base", "shm"}}
SOURCES = sorted(p for room in ALLOWED for p in (ROOT / room).rglob("*.[ch]"))
PACKAGE = sorted((ROOT / "python/fastrapi").rglob("*.py"))
# Where it reads better longer, it reads better split.
FILE_LINES, FUNCTION_LINES, LINE_COLUMNS = 400, 60, 110
# What the worker may know of the bindings: one header, and one more of what becomes of a handshake.
ONLY = {"worker": {"bindings/request.h", "bindings/websocket/websocket.h"}}


def layer(name: str) -> str:
    """Of a file of bindings/: its shelf, or the layer that names it."""
    parts = Path(name).parts
    if len(parts) == 3:
        return parts[1]
    (found,) = (shelf for shelf, files in LAYERS if files and Path(name).stem in files)
    return found


def below(shelf: str) -> set[str]:
    """The layers that a file of this one may include."""
    if shelf == "table":
        return {"table", *TABLE}
    names = [name for name, _ in LAYERS]
    return set(names[: names.index(shelf) + 1])


def included(path: Path) -> list[str]:
    found = re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE)
    assert len(found) == len(re.findall(r'^\s*#\s*include\s*"', path.read_text(), re.MULTILINE))
    return found


def test_there_is_something_to_look_at():
    assert len(SOURCES) > 100 and len(PACKAGE) > 20
    assert sum(len(included(path)) for path in SOURCES) > 300


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_includes_go_downwards(path):
    here = str(path.relative_to(ROOT))
    room = Path(here).parts[0]
    for name in included(path):
        other = name.split("/")[0]
        assert other == room or other in ALLOWED[room], f"{here} includes {name}"
        if other == "bindings" and room in ONLY:
            assert name in ONLY[room], f"{here} includes {name}"
        if room != "bindings":
            continue
        if other == room:
            assert layer(name) in below(layer(here)), f"{here} includes {name}"
        else:
            assert other in ROOMS_OF.get(layer(here), ALLOWED[room]), f"{here} includes {name}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_includes_are_in_order(path):
    """A file's own header first, then the system's (Python.h before all), then the
    tree's, each sorted."""
    found = re.findall(r'^#include ([<"][^>"]+\.h[>"])', path.read_text(), re.MULTILINE)
    own = f'"{path.relative_to(ROOT).with_suffix(".h")}"'
    order = sorted(found, key=lambda name: (name != own, name[0] == '"', name != "<Python.h>", name))
    assert found == order


def test_results_that_must_be_used_are_marked_in_one_way():
    assert "warn_unused_result" in (ROOT / "base/attr.h").read_text()
    marked = [path for path in SOURCES if "warn_unused_result" in path.read_text()]
    assert marked == [ROOT / "base/attr.h"]


def test_clocks_are_read_in_one_place():
    assert "clock_gettime" in (ROOT / "base/clock.h").read_text()
    for path in SOURCES:
        if path.name != "clock.h":
            read = r"\b(clock_gettime|gettimeofday|time)\((NULL|CLOCK_|&)"
            assert not re.search(read, path.read_text()), path


def test_members_lead_back_to_their_structures_in_one_way():
    for path in SOURCES:
        if path.name != "container.h":
            assert not re.search(r"-\s+offsetof\(", path.read_text()), path


def test_lists_are_copied_in_one_place():
    for path in SOURCES:
        if path.name != "compat.h":
            assert "PySequence_List(" not in path.read_text(), path


def test_a_result_that_may_say_failure_must_be_checked():
    """Where a comment promises -1, or NULL for a failure, a prototype below is MUST_CHECK."""
    commented = r"/\*((?:(?!\*/).)*)\*/\n((?:^\w[^;{}#/]*\)[^;{}#/]*;\n)+)"
    promise = r"\b0(?:, or|;) -1\b|NULL (?:when out of|with (?:an exception|errno) set)"
    asked = 0
    for path in SOURCES:
        if path.suffix != ".h":
            continue
        for said, declared in re.findall(commented, path.read_text(), re.DOTALL | re.MULTILINE):
            if re.search(promise, re.sub(r"\n \*", "", said)) and not declared.startswith("typedef"):
                asked += 1
                assert re.search(r"\bMUST_CHECK;$", declared, re.MULTILINE), f"{path}: {declared}"
    assert asked > 70


def published() -> list[Path]:
    return [ROOT / name for name in house.published()]


def test_every_source_is_in_a_room():
    """In a directory of its own, or deeper, the rules below would not see it."""
    others = {"tests", "bench", "contrib"}
    sources = {p for p in published() if p.suffix in (".c", ".h")}
    of_rooms = {p for p in sources if p.relative_to(ROOT).parts[0] not in others}
    assert of_rooms, "git lists no sources"
    assert of_rooms <= set(SOURCES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_bindings_and_engine_know_python(path):
    if path.relative_to(ROOT).parts[0] not in ("bindings", "engine"):
        assert "Python.h" not in path.read_text()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_readable(path):
    here = str(path.relative_to(ROOT))
    assert len(path.read_text().splitlines()) <= FILE_LINES
    for number, line in enumerate(path.read_text().splitlines(), 1):
        assert len(line.expandtabs(8)) <= LINE_COLUMNS, number
    defined = house.functions(here)
    # Each body begins with a brace of its own: the expression has missed none.
    assert len(defined) == len(re.findall(r"^\{$", house.code(here), re.MULTILINE))
    for function in defined:
        assert function.lines <= FUNCTION_LINES, function


@pytest.mark.parametrize("path", PACKAGE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_package_stays_readable(path):
    assert len(path.read_text().splitlines()) <= FILE_LINES
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= FUNCTION_LINES, node.name


def test_no_path_of_a_machine_in_what_is_published():
    assert ROOT / "README.md" in published()
    for path in published():
        text = path.read_bytes().decode("utf-8", "replace")
        assert not re.search(r"/(?:home|root|work|tmp/w)/\w", text), path


def test_python_is_typed_strictly():
    """mypy.ini says what is checked."""
    command = [sys.executable, "-m", "mypy", "--cache-dir", "build/mypy"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def fastrd(*command: str) -> str:
    binary = BUILD / "bin/fastrd"
    return subprocess.run(
        [*command, str(binary)], capture_output=True, text=True, check=True
    ).stdout


def test_the_master_links_no_python_and_no_event_or_http_library():
    linked = fastrd("ldd")
    assert "libc.so" in linked, "ldd tells nothing"
    assert "python" not in linked
    assert "event" not in linked
    assert "http_parser" not in linked


def test_the_master_calls_nothing_that_loads_code_or_starts_threads():
    wanted = fastrd("nm", "-u", "-D")
    assert re.search(r"\bexecv", wanted), "nm tells nothing"
    for name in ("getaddrinfo", "getpwnam", "getgrnam", "dlopen", "pthread_create", "Py_"):
        assert not re.search(rf"\b{name}", wanted), name


def test_wire_is_the_same_in_both_languages():
    header = (ROOT / "base/wire.h").read_text()
    python = (ROOT / "python/fastrapi/wire.py").read_text()
    numbers = dict(re.findall(r"\bWIRE_(\w+) = (\d+)", header))
    assert {"CHANNEL_FD", "MESSAGE_MAX", "EXIT_APP"} <= numbers.keys()
    assert numbers == dict(re.findall(r"^([A-Z_]+) = (\d+)$", python, re.MULTILINE))


def test_what_children_say_is_what_the_master_hears():
    header = (ROOT / "base/wire.h").read_text()
    replies, orders = header.split("/* Orders, master to child. */")
    assert "READY" in replies and "DRAIN" in orders
    children = "".join(
        (ROOT / f"python/fastrapi/{name}.py").read_text() for name in ("worker", "tables", "zygote")
    )
    said = set(re.findall(r'send\(f?"([A-Z]+)', children))
    heard = set(re.findall(r'word [!=]= "([A-Z]+)"', children))
    words = r'#define WIRE_(?!CAUSE_)\w+ "([A-Z]+)"'
    assert said == set(re.findall(words, replies))
    server = (ROOT / "python/fastrapi/server.py").read_text()
    causes = set(re.findall(r'_leave(?:\(|, )"([A-Z]+)"', server))
    assert causes == set(re.findall(r'#define WIRE_CAUSE_\w+ "([A-Z]+)"', header)) != set()
    assert heard == set(re.findall(words, orders))


def test_every_counter_is_described_and_written():
    """A row of the board that no C code writes would be a number that is always 0."""
    text = (ROOT / "shm/counters.def").read_text()
    rows = re.findall(r'^SHM_COUNTER\((\w+), (?:COUNTER|GAUGE), "([^"]+\.)"\)$', text, re.M)
    assert len(rows) == len(re.findall("^SHM_COUNTER", text, re.M)) > 0
    code = "".join(path.read_text() for path in SOURCES if path.suffix == ".c")
    for name, _ in rows:
        written = rf"\b(?:worker_count|shm_board_add|shm_board_set)\([^;]*\bSHM_COUNT_{name}\b"
        assert re.search(written, code), f"{name} is never written"


def test_every_object_of_the_module_has_a_reader():
    header = ROOT / "bindings/module_state.h"
    found = re.search(r"#define PYB_MODULE_STATE\((.*?)\n\n", header.read_text(), re.S)
    assert found
    rows = re.findall(r"\b(NAME|TEXT|IMPORT|FASTAPI|MADE|TYPE)\((\w+)[,)]", found[1])
    assert len(rows) > 60
    own = {header, header.with_suffix(".c")}
    code = "".join(path.read_text() for path in SOURCES if path not in own)
    for kind, name in rows:
        member = {"NAME": "n_", "TEXT": "t_"}.get(kind, "") + name
        assert re.search(rf"\bst->{member}\b(?! = )", code), f"nothing reads {member}"
