"""Runs the examples of a document and says where it does not tell the truth.

A ```console block is one shell session, with the repository as its directory:

* `$ COMMAND` is run; the lines below it are what must be printed, on either stream,
  by the command or by one that still runs in the background (`COMMAND &`);
* `...` stands for any text in a line, alone in a line for any number of lines;
* `^C` interrupts the command once it has printed what stands above;
* what runs in the background at the block's end is ended.

A ```python block whose first line is `# NAME.py` is that file, for the blocks below it.
Port 8000 is replaced by a free one. Other blocks are not run.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 20
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
END = "\n-- end of the command --\n"


class Untrue(AssertionError):
    """The document says something else than what happens."""


@dataclass
class Command:
    """One command of a block and the lines that it should print."""

    text: str
    expected: list[str] = field(default_factory=list)
    interrupted: bool = False


@dataclass
class Block:
    """A fenced block of a document, without its indentation."""

    kind: str
    text: str
    line: int

    def commands(self) -> list[Command]:
        found: list[Command] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:]))
            elif line == "^C":
                found[-1].interrupted = True
            else:
                found[-1].expected.append(line)
        return found


def blocks(document: str) -> Iterator[Block]:
    """The document's blocks that are run or become files."""
    for match in FENCE.finditer(document):
        indent, kind, text = match.groups()
        text = re.sub(f"^{indent}", "", text, flags=re.MULTILINE)
        if kind == "console" or (kind == "python" and re.match(r"# \w+\.py\n", text)):
            yield Block(kind, text, document.count("\n", 0, match.start()) + 1)


def pattern_of(lines: list[str]) -> re.Pattern[str]:
    """What matches the printed text, without its last line break."""
    parts = []
    for line in lines:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(map(re.escape, line.split("..."))) + r" *\n")
    return re.compile("".join(parts))


class Shell:
    """A bash whose output, its children's too, is gathered as it comes."""

    def __init__(self, directory: Path, env: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["bash"], cwd=directory, env={**os.environ, **env}, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.printed = b""
        self.reader = threading.Thread(target=self._gather, daemon=True)
        self.reader.start()

    def _gather(self) -> None:
        assert self.process.stdout is not None
        while piece := os.read(self.process.stdout.fileno(), 65536):
            self.printed += piece

    def run(self, command: Command) -> None:
        """Run one command; Untrue when it does not print what it should."""
        assert self.process.stdin is not None
        others = self._children()
        self.printed = b""
        # With the command's own exit status afterwards.
        mark = f"{{ s=$?; printf '%s' '{END}'; (exit $s); }}"
        self.process.stdin.write(f"{command.text}\n{mark}\n".encode())
        self.process.stdin.flush()
        if command.interrupted:
            self._wait(command, ended=False)
            self._signal(signal.SIGINT, set(self._children()) - set(others))
        self._wait(command, ended=True)

    def _wait(self, command: Command, ended: bool) -> None:
        """Until what was printed matches and, if wanted, the command ended."""
        pattern = pattern_of(command.expected)
        deadline = time.monotonic() + SECONDS
        while True:
            text, done, later = self.printed.decode(errors="replace").partition(END)
            if text and not text.endswith("\n"):
                text += "\n"
            text += later
            if (done or not ended) and pattern.fullmatch(text):
                return
            if time.monotonic() > deadline:
                state = "" if done else " (it still runs)"
                raise Untrue(
                    f"$ {command.text}\nshould print\n" + "\n".join(command.expected)
                    + f"\nbut printed{state}\n{text}"
                )  # fmt: skip
            time.sleep(0.01)

    def _signal(self, number: int, pids: Iterable[int]) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _children(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in path.read_text().split()]

    def close(self) -> None:
        """End what runs in the background, then the shell."""
        assert self.process.stdin is not None
        self._signal(signal.SIGTERM, self._children())
        self.process.stdin.write(b"wait\n")
        self.process.stdin.close()
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.reader.join(1)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def run(document: str) -> int:
    """Run a document's blocks; how many commands that were. Raises Untrue.

    The directory has links to all that the repository has, so that new files
    do not come into it.
    """
    count = 0
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for path in ROOT.iterdir():
            (directory / path.name).symlink_to(path)
        port = str(free_port())
        env = {"PORT": port, "SHOP_DATABASE": str(directory / "shop.sqlite")}
        for block in blocks(document):
            block.text = block.text.replace("8000", port)
            if block.kind == "python":
                first = block.text.partition("\n")[0]
                (directory / first.removeprefix("# ")).write_text(block.text)
                continue
            shell = Shell(directory, env)
            try:
                for command in block.commands():
                    count += 1
                    shell.run(command)
            except Untrue as exc:
                raise Untrue(f"line {block.line}: {exc}") from None
            finally:
                shell.close()
    return count
