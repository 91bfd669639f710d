"""`fastrd new DIR`: what it writes runs, passes its own tests, and has types."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from server import BINARY, Fastrd

FILES = {
    ".dockerignore", ".gitignore", "Dockerfile", "README.md", "pyproject.toml", "app/__init__.py", "app/main.py",
    "app/quotes.py", "tests/__init__.py", "tests/test_main.py",
}  # fmt: skip


def new(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BINARY, "new", *words], cwd=directory, capture_output=True, text=True)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("projects")
    done = new(directory, "my-shop")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("made the project my-shop. Now:\n  cd my-shop\n  fastrd dev  ")
    assert done.stdout.count("\n") <= 5
    return directory / "my-shop"


def test_it_writes_these_files(project):
    found = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert {name for name in found if "__pycache__" not in name and "_cache/" not in name} == FILES
    assert "@" not in (project / "Dockerfile").read_text() + (project / "README.md").read_text()


def test_it_is_served_as_the_banner_says(project):
    """Without a word: [tool.fastapi] of its pyproject.toml names the application."""
    server = Fastrd("", project, log=project.parent / "fastrd.log")
    server.command.pop()
    with server:
        assert server.get("/") == (200, b'{"message":"hello from my-shop"}')
        assert server.get("/quotes/pot?count=2") == (200, b'{"item":"pot","total":80.0}')
        assert "0 through ASGI" in server.log() and "pyproject.toml" in server.log()


@pytest.mark.parametrize("tool", [["pytest", "-q", "-p", "no:cacheprovider"], ["mypy"]])
def test_its_own_tests_and_types(project, tool):
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-m", *tool], cwd=project, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout or "Success: no issues" in done.stdout


def test_an_empty_directory_and_a_fresh_repository_will_do(tmp_path):
    (tmp_path / "empty/.git").mkdir(parents=True)
    done = new(tmp_path / "empty", ".")
    assert done.returncode == 0 and "  cd " not in done.stdout
    assert (tmp_path / "empty/app/main.py").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "new wants the directory of the project to make, as in: fastrd new shop; see fastrd --help"),
        (["a", "b"], "new makes one project: a and b are two; see fastrd --help"),
        (["a", "-t"], "new makes a project and does nothing else; leave the rest out; see fastrd --help"),
        (["a", "--port", "1"], "new takes no --port: put it into [tool.fastrd] of the project's pyproject.toml; "
         "see fastrd --help"),
        (["full"], "new: {here}/full is not empty, it has kept; name a new directory"),
        (["file"], "new: {here}/file is a file; name a new directory"),
        (["1shop"], "new: '1shop' cannot be a project's name; take letters, digits, - and _, a letter first, "
         "as in: fastrd new my-shop"),
        (["a shop"], "new: 'a shop' cannot be a project's name; take letters, digits, - and _, a letter first, "
         "as in: fastrd new my-shop"),
        (["FastAPI"], "new: FastAPI is a package that the project needs itself; take another name"),
        (["file/shop"], "new: cannot write {here}/file/shop/app: Not a directory; name another directory"),
    ],
)  # fmt: skip
def test_what_it_refuses(tmp_path, words, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/kept").write_text("")
    (tmp_path / "file").write_text("")
    before = set(tmp_path.rglob("*"))
    done = new(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"fastrd: {said.format(here=tmp_path)}\n"
    assert set(tmp_path.rglob("*")) == before


def test_a_file_of_another_project_is_not_read(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[tool.fastrd]\nnonsense = 1\n")
    assert new(tmp_path, "shop").returncode == 0


@pytest.mark.parametrize("word", ["new:app", "new.py"])
def test_a_module_called_new_is_an_application(tmp_path, word):
    (tmp_path / "new.py").write_text("from plain import App\napp = App()\n@app.get('/')\nasync def get(): return 'new'\n")
    with Fastrd(word, tmp_path) as server:
        assert server.get("/") == (200, b'"new"')
