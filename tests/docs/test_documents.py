"""The commands in the documents do what the documents say."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import transcript

# docs/INSTALL.md is run by tests/dist, which has made the wheel.
DOCUMENTS = [
    path
    for path in [
        transcript.ROOT / "README.md",
        transcript.ROOT / "tests/README.md",
        *sorted((transcript.ROOT / "docs").rglob("*.md")),
    ]
    if any(transcript.blocks(path.read_text())) and path.name != "INSTALL.md"
]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(transcript.ROOT)))
def test_a_document_tells_the_truth(path):
    assert transcript.run(path.read_text(), installed=path.name != "README.md") > 0


def test_the_readme_and_the_operations_have_examples():
    assert {"README.md", "OPERATIONS.md"} <= {path.name for path in DOCUMENTS}


def test_the_figures_of_the_readme_are_those_of_the_bench():
    """The sentence and the first table of the last run."""
    table = (transcript.ROOT / "bench/README.md").read_text().partition("### async hello")[2]
    said = (transcript.ROOT / "README.md").read_text().partition("hello world costs")[2]
    said = said.partition("([bench")[0]
    figures = re.findall(r"\d+\.\d\d", said)
    assert len(figures) == 3, said
    for peer, figure in zip(("fastrd", "uvicorn", "nginx"), figures, strict=True):
        assert f"| {peer} | {figure} |" in table.partition("\n- ")[0], peer


def test_the_table_of_the_readme_and_its_pictures_are_those_of_the_bench():
    """What bench/gain.py would write; in gain.svg each figure is a text."""
    sys.path.insert(0, str(transcript.ROOT / "bench"))
    import gain

    table = gain.table()
    assert f"<!-- gain: begin -->\n{table}\n<!-- gain: end -->" in (transcript.ROOT / "README.md").read_text()
    for picture, rows in (("gain.svg", gain.ROWS), ("gain-short.svg", [r for r in gain.ROWS if r[0] in gain.SHORT])):
        texts = re.findall(r">([^<>]+)</text>", (transcript.ROOT / "bench" / picture).read_text())
        figures = [gain.rounded(value, 30) for case, _ in rows for value in gain.figures(case)]
        assert len(figures) >= 12
        for figure in figures:
            assert figure in texts, (picture, figure)


def console(*lines: str) -> str:
    return "\n".join(["```console", *lines, "```"])


@pytest.mark.parametrize(
    "lines",
    [
        ["$ echo a; echo b >&2", "a", "b"],
        ["$ printf 'no line break'", "no line break"],
        ["$ seq 9", "1", "...", "8", "9"],
        ["$ seq 3", "...", "1", "2", "...", "3", "..."],
        ["$ echo made at 12:30 by me", "made at ... by me"],
        ["$ true"],
        ["$ false", "$ echo $?", "1"],
        ["$ cd /; x=1", "$ echo $x; pwd", "1", "/"],
        ["$ (sleep 0.2; echo later) &", "later"],
        ["$ sleep 60 &", "$ kill $!"],
        ["$ echo begun; sleep 60", "begun", "^C", "$ echo on", "on"],
    ],
)
def test_true_transcripts_pass(lines):
    assert transcript.run(console(*lines)) == sum(line.startswith("$ ") for line in lines)


@pytest.mark.parametrize(
    "lines",
    [
        ["$ echo a", "b"],
        ["$ echo a"],
        ["$ true", "a"],
        ["$ seq 3", "1", "3"],
        ["$ seq 3", "1", "2"],
        ["$ seq 3", "...", "4"],
        ["$ echo xay", "a"],
        ["$ sleep 60"],
    ],
)
def test_untrue_transcripts_fail(lines, monkeypatch):
    monkeypatch.setattr(transcript, "SECONDS", 0.5)
    monkeypatch.setattr(transcript, "LONGEST", 5)
    with pytest.raises(transcript.Untrue, match="line 1: "):
        transcript.run(console(*lines))


def test_a_document_is_one_terminal(monkeypatch):
    """What a block leaves running or where it went is there in the next: a document whose
    second server needs the first one's port is not true."""
    monkeypatch.setattr(transcript, "LONGEST", 30)
    server = console(
        "$ mkdir -p ~/site; cd ~/site; touch here",
        "$ python3 -m http.server -b 127.0.0.1 8000 >log 2>&1 &",
        "$ until curl -sf http://127.0.0.1:8000/here; do sleep 0.1; done",
    )
    there = console("$ ls", "here", "log", "$ curl -sf http://127.0.0.1:8000/here; kill $!; wait $!")
    assert transcript.run(server + "\n" + there) == 5
    monkeypatch.setattr(transcript, "SECONDS", 0.5)
    again = console("$ python3 -m http.server -b 127.0.0.1 8000 2>&1 | grep -c 'in use'", "0")
    with pytest.raises(transcript.Untrue, match=r"but printed\n1\n"):
        transcript.run(server + "\n" + again)


def test_every_block_of_the_readme_is_run():
    """Here, or, the one that is not a transcript, by tests/dist."""
    text = (transcript.ROOT / "README.md").read_text()
    kinds = [match[2] for match in transcript.FENCE.finditer(text)]
    assert text.count("```") == 2 * len(kinds)
    run = [block.kind for block in transcript.blocks(text)]
    assert [kind for kind in kinds if kind != "sh"] == run
    assert kinds.count("sh") == 1 and "```sh" in (transcript.ROOT / "tests/dist/test_install.py").read_text()


def test_named_files_are_there_for_later_blocks_and_8000_is_a_free_port():
    document = "text\n\n  ```python\n  # said.py\n  print('8000')\n  ```\n" + console("$ python3 said.py", "8000")
    assert transcript.run(document) == 1
    assert not (transcript.ROOT / "said.py").exists()
