"""A setting is one row of base/conf_keys.def: whoever adds one touches that row and the
place that uses it, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from server import BUILD, ROOT, Fastrd

ROOMS = ["base", "shm", "io", "http", "middleware", "files", "bindings", "worker", "engine", "master"]
ROW = 'NUMBER(sample, 5, 0, 99, SERVING, "N", "a number for a test")\n'
USE = '\tlog_warnx("sample is %lld", (long long)w->options.conf.sample);\n'
ALONE = """
from fastrapi import FastrAPI

def main():
    FastrAPI().serve(port=0, sample=6)

main()
"""


def made(name: str) -> list[str]:
    """What configure has found: words of a variable of the Makefile."""
    text = (BUILD / "obj/Makefile").read_text()
    found = re.search(rf"^{name} = (.*)$", text, re.MULTILINE)
    assert found, name
    return found[1].split()


def insert(path: Path, anchor: str, text: str) -> None:
    """One more line in front of the only one that begins so."""
    before, found, after = path.read_text().partition(anchor)
    assert found and anchor not in after, f"{anchor!r} in {path}"
    path.write_text(before + text + found + after)


def compile_tree(tree: Path, output: Path, rooms: list[str], flags: list[str]) -> None:
    sources = [str(path) for room in rooms for path in sorted((tree / room).rglob("*.c"))]
    assert len(sources) > 20
    command = ["cc", "-O0", "-std=c11", "-D_GNU_SOURCE", f'-DPACKAGE_VERSION="{made("PACKAGE_VERSION")[0]}"', f"-I{tree}",
               f"-I{BUILD}/obj"]
    subprocess.run([*command, *sources, "-o", str(output), *flags], check=True)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources with one more row and one more use, built."""
    tree = tmp_path_factory.mktemp("tree")
    for name in [*ROOMS, "python"]:
        shutil.copytree(ROOT / name, tree / name)
    insert(tree / "base/conf_keys.def", "SIZE(limit_body,", ROW)
    insert(tree / "worker/worker.c", "\tworker_accept_init(w);\n", USE)
    use = tree / "worker/worker.c"
    use.write_text(use.read_text().replace("#include", '#include "base/log.h"\n#include', 1))
    engine = tree / "python/fastrapi" / f"_engine{made('EXT_SUFFIX')[0]}"
    include = [f"-I{path}" for path in made("PYTHON_INCLUDE")]
    libraries = [*made("EVENT_LIBS"), *made("ZLIB_LIBS"), *made("DEFLATE_LIBS"),
                 *made("NETTLE_LIBS"), "-lhttp_parser", "-lpthread"]
    engine_flags = ["-shared", "-fPIC", "-DPY_SSIZE_T_CLEAN=", *include, *libraries]
    compile_tree(tree, engine, ROOMS[:-1], engine_flags)
    compile_tree(tree, tree / "fastrd", ["base", "shm", "master"], made("ZLIB_LIBS"))
    return tree


@pytest.fixture
def said(tree: Path, app_dir: Path) -> Callable[..., str]:
    """What the worker of that tree says when it is started so."""

    def said(*flags: str, env: dict[str, str] | None = None) -> str:
        env = {"PYTHONPATH": str(tree / "python"), **(env or {})}
        server = Fastrd("app:app", app_dir, "--python", sys.executable, *flags, env=env)
        server.command[0] = str(tree / "fastrd")
        with server:
            assert server.get("/")[0] == 200
            return "".join(re.findall(r"sample is \d+", server.log()))

    return said


def test_it_goes_from_the_row_to_its_use_in_a_worker(said):
    assert said() == "sample is 5"
    assert said("--sample", "7") == "sample is 7"
    assert said(env={"FASTRD_SAMPLE": "8"}) == "sample is 8"
    assert said("--sample=9", env={"FASTRD_SAMPLE": "8"}) == "sample is 9"


def test_it_is_checked_and_explained(tree):
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([tree / "fastrd", *words], capture_output=True, text=True)

    refused = run("--sample", "100", "app:app")
    assert (refused.returncode, refused.stderr) == (
        2, "fastrd: --sample 100: want a number from 0 to 99\n"
    )  # fmt: skip
    assert re.search(r"^  --sample N +a number for a test \[5\]$", run("--help").stdout, re.MULTILINE)


def test_an_application_that_serves_itself_has_it(tree, tmp_path):
    (tmp_path / "main.py").write_text(ALONE)
    process = subprocess.Popen(
        [sys.executable, "main.py"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        env={"PYTHONPATH": str(tree / "python")},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        assert "sample is 6" in process.stderr.readline()
    finally:
        process.terminate()
        process.wait()
