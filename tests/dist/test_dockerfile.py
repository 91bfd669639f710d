"""The Dockerfile that `fastrd new` writes: each of its steps, in a bare Debian 12 in the place of its image."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from bare import Bare, bare_system, why_not
from ports import free_port
from server import BINARY

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the image has Python 3.11"),
]
IMAGE = "debian:bookworm-slim"


class Image:
    """What the steps of a stage make of a system."""

    def __init__(self, bare: Bare, context: Path) -> None:
        self.bare = bare
        self.context = context
        self.directory = "/"
        self.user = ""
        self.command: list[str] = []

    def step(self, word: str, rest: str, stages: dict[str, Image]) -> None:
        """One instruction; ValueError for one that this does not know."""
        match word:
            case "RUN":
                self.bare.run("sh", "-c", rest, cwd=self.directory)
            case "WORKDIR":
                self.directory = rest
                (self.bare.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
            case "COPY":
                stage = re.match(r"--from=(\w+) ", rest)
                source, to = rest.split()[-2:]
                base = stages[stage[1]].bare.root if stage else self.context
                target = Path(self.directory, to) / (Path(source).name if to == "." else "")
                self.bare.copy_in(base / source.lstrip("/"), str(target))
            case "USER":
                self.user = rest
            case "CMD":
                self.command = json.loads(rest)
            case "EXPOSE":
                pass
            case _:
                raise ValueError(word)


@contextmanager
def built(directory: Path) -> Iterator[Image]:
    """The image of the last stage of the Dockerfile there."""
    text = re.sub(r"^#.*\n", "", (directory / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages: dict[str, Image] = {}
    image: Image | None = None
    with ExitStack() as systems:
        for line in filter(None, text.replace("\\\n", "").splitlines()):
            word, rest = line.split(maxsplit=1)
            if word == "FROM":
                assert rest.partition(" ")[0] == IMAGE
                image = Image(systems.enter_context(bare_system()), directory)
                stages[rest.rpartition(" AS ")[2]] = image
            else:
                assert image is not None
                image.step(word, rest, stages)
        assert image is not None
        yield image


def ask(address: str) -> str:
    command = ["curl", "-s", "--retry", "60", "--retry-delay", "1", "--retry-connrefused", address]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_its_steps_make_a_system_that_serves(dist: Path, tmp_path: Path) -> None:
    """As the user whom it names; told by TERM, process 1 ends with status 0."""
    subprocess.run([BINARY, "new", "shop"], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "shop/wheels").mkdir()
    for wheel in dist.glob("*.whl"):
        shutil.copy(wheel, tmp_path / "shop/wheels")
    port, admin = str(free_port()), str(free_port())
    with built(tmp_path / "shop") as image:
        user, _, group = image.user.partition(":")
        words = [word.replace(":8001", f":{admin}") for word in image.command]
        server = image.bare.start(
            "setpriv", "--reuid", user, "--regid", group, "--clear-groups", *words, cwd=image.directory, PORT=port
        )
        assert ask(f"http://127.0.0.1:{port}/") == '{"message":"hello from shop"}'
        assert ask(f"http://127.0.0.1:{admin}/-/ready") == "ready\n"
        assert "made the project tea" in image.bare.run("/venv/bin/fastrd", "new", "/tmp/tea")
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert re.search(rf"^Uid:\t{user}\t{user}\t{user}\t{user}$", status, re.MULTILINE)
        server.terminate()
        printed, _ = server.communicate(timeout=60)
        assert server.returncode == 0, printed
        assert "limit_body" not in printed and "ended after" in printed
