"""Every row of base/conf_keys.def is in the help, in a document and in a test."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from house import BUILD, ROOT, published, text


def rows() -> dict[str, bool]:
    """The settings' names, and whether each is a flag."""
    found = re.findall(r"^(?:NUMBER|SIZE|SECONDS|SWITCH|WORD|TEXT|LIST)\((\w+),(.*)\)$", text("base/conf_keys.def"), re.M)
    assert len(found) > 20
    return {name: "UNFLAGGED" not in rest for name, rest in found}


FLAGS = ["--" + name.replace("_", "-") for name, flag in rows().items() if flag]


def says(where: str, flag: str) -> bool:
    return re.search(rf"(?<![\w-]){flag}(?![\w-])", where) is not None


def test_no_row_is_overlooked():
    """Neither by the expression above nor for want of a type."""
    assert len(rows()) == len(re.findall(r"^[A-Z]+\(\w+,", text("base/conf_keys.def"), re.M))


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_is_in_the_help(flag):
    help_text = subprocess.run([BUILD / "bin/fastrd", "--help"], capture_output=True, text=True).stdout
    assert re.search(rf"^  {flag} ", help_text, re.MULTILINE)


@pytest.mark.parametrize("flag", FLAGS)
def test_a_flag_is_in_a_document(flag):
    documents = [p for p in published() if re.fullmatch(r"README\.md|docs/\w+\.md", p)]
    assert any(says(text(p), flag) for p in documents)


@pytest.mark.parametrize("name", rows())
def test_a_setting_is_in_a_test(name):
    """As a flag, as a variable or by the keyword; tests/lint does not count."""
    tests = [p for p in published() if re.fullmatch(r"tests/(?!lint/).*\.(py|c)", p)]
    spellings = f"--{name.replace('_', '-')}", f"FASTRD_{name.upper()}", f"{name}="
    assert any(says(text(p), spelling) for p in tests for spelling in spellings)


@pytest.mark.parametrize("program", ["contrib/settings", "contrib/completion/make"])
def test_what_names_every_setting_is_current(program):
    done = subprocess.run([sys.executable, ROOT / program, "--check"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_page_of_the_file_has_every_key():
    page = text("docs/fastrd.conf.5")
    assert all(f"\n.BR {name} " in page for name in rows() if name not in ("config", "force"))


@pytest.mark.parametrize("page", [p for p in published() if re.fullmatch(r"docs/\w[\w.]*\.[1-9]", p)])
def test_a_manual_page_is_one(page):
    """To man-db, of groff, and to mandoc."""
    assert text(page).isascii() and max(map(len, text(page).splitlines())) < 400
    for command in (["man", "--warnings", "--local-file", page], ["mandoc", "-Tlint", "-Wwarning", page]):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        said = done.stderr + (done.stdout if command[0] == "mandoc" else "")
        assert (done.returncode, said) == (0, ""), command
