"""Every block of every document is tried: as a transcript, here, or by a test that is named here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

import transcript

ROOT = transcript.ROOT
BUILD = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "tests/README.md", "bench/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
# What is no transcript, by document and kind: how many blocks, and who tries them.
HERE = "tests/docs/test_blocks.py"
OTHERS = {
    ("README.md", "sh"): (1, "tests/dist/test_install.py"),
    ("docs/DEPLOY.md", "dockerfile"): (1, "tests/dist/test_dockerfile.py"),
    ("docs/DEPLOY.md", "sh"): (1, "tests/dist/test_debian.py"),
    ("docs/DEPLOY.md", "toml"): (1, "tests/docs/test_deploy.py"),
    ("docs/DEPLOY.md", "yaml"): (1, "tests/docs/test_deploy.py"),
    ("docs/INSTALL.md", "sh"): (3, "tests/dist/test_wheel.py"),
    ("docs/OPERATIONS.md", "haproxy"): (1, "tests/websocket/test_proxied.py"),
    ("docs/OPERATIONS.md", "nginx"): (1, "tests/websocket/test_proxied.py"),
    ("docs/OPERATIONS.md", "python"): (1, "tests/websocket/test_broadcast.py"),
    ("docs/OPERATIONS.md", "sh"): (3, "tests/dist/test_debian.py"),
    ("docs/OPERATIONS.md", "yaml"): (1, HERE),
    ("docs/SETTINGS.md", "toml"): (3, HERE),
    ("docs/from/nginx-unit.md", "toml"): (1, "tests/docs/test_from.py"),
}
# The configuration of another server, and a debugger that is somebody's own.
NOT_TRIED = {("docs/from/nginx-unit.md", "json"): 1, ("docs/HACKING.md", "sh"): 1, ("tests/README.md", "sh"): 1}


def blocks(document: str, kind: str) -> list[str]:
    found = transcript.FENCE.finditer((ROOT / document).read_text())
    return [match[3] for match in found if match[2] == kind]


def test_every_block_is_tried():
    found: dict[tuple[str, str], int] = {}
    for path in DOCUMENTS:
        text = path.read_text()
        run = {block.line for block in transcript.blocks(text)}
        for match in transcript.FENCE.finditer(text):
            if text.count("\n", 0, match.start()) + 1 not in run:
                key = str(path.relative_to(ROOT)), match[2]
                found[key] = found.get(key, 0) + 1
    assert found == {key: number for key, (number, _) in OTHERS.items()} | NOT_TRIED


def test_who_tries_them_is_there():
    assert {test for _, test in OTHERS.values() if not (ROOT / test).exists()} == set()


def asked(words: list[str], directory: Path) -> dict[str, str]:
    """The settings that fastrd takes from these words."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FASTRD_", "UVICORN_"))}
    done = subprocess.run(
        [BUILD / "bin/fastrd", "--print-config", *words], cwd=directory, env=env, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return dict(line.split("  #")[0].rstrip().split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)


@pytest.mark.parametrize("number", range(3))
def test_the_files_of_the_settings_are_read(number, tmp_path):
    """Every line of them counts."""
    text = blocks("docs/SETTINGS.md", "toml")[number]
    (tmp_path / "fastrd.toml").write_text(text)
    (tmp_path / "session-secret").write_text("a secret of the test, long enough\n")
    before, found = asked(["main:app"], tmp_path), asked(["-c", "fastrd.toml", "main:app"], tmp_path)
    changed = {key for key in found if found[key] != before.get(key)} - {"# config"}
    lines = len(re.findall(r"^\w+ = ", text, re.MULTILINE))
    assert len(changed) == (1 if "[[route]]" in text else lines - text.count('app = "'))


def test_the_container_of_the_operations_has_flags_of_ours(tmp_path):
    (container,) = yaml.safe_load(blocks("docs/OPERATIONS.md", "yaml")[0])["spec"]["containers"]
    found = asked([str(word) for word in container["command"][1:]], tmp_path)
    assert found["admin"] == '"0.0.0.0:8001"' and found["drain_delay"] == "5"


def test_the_file_of_the_service_is_read(tmp_path):
    """The one that a command of OPERATIONS.md writes."""
    (text,) = (text for text in blocks("docs/OPERATIONS.md", "sh") if "<<'END'" in text)
    (tmp_path / "fastrd.toml").write_text(text.partition("<<'END'\n")[2].partition("END\n")[0].replace(
        "/srv/shop/.venv/bin/python", sys.executable
    ))
    assert asked(["-c", "fastrd.toml"], tmp_path)["app_dir"] == '"/srv/shop"'
