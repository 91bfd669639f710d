"""Runs the examples of a document and says where it does not tell the truth.

A document is read as somebody would who types all of it into one terminal. It opens in a
checkout, in an account of its own (`~`) that has nothing but the sources at ~/src/fastrd;
what a block leaves behind, a directory or a server, is there for the next.

A ```console block:

* `$ COMMAND` is run; the lines below it are what must be printed, on either stream,
  by the command or by one that still runs in the background (`COMMAND &`);
* `...` stands for any text in a line, alone in a line for any number of lines;
* `^C` interrupts the command once it has printed what stands above.

A ```python block whose first line is `# NAME.py` is saved under that name where the terminal
is. Port 8000 is replaced by a free one. Other blocks are not run. What runs in the background
at the document's end is ended.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ports import free_port

ROOT = Path(__file__).parents[2]
LONGEST = 600  # seconds that a command may take: it may compile
SECONDS = 20  # for what is still printed once it has ended
# Of the caller's environment: whatever would make it another newcomer's.
OTHERS = (
    "VIRTUAL_ENV", "FASTRD_BUILD", "FASTRD_CONFIGURE", "LD_PRELOAD", "PYTHONMALLOC", "PYTHONPATH",
    "ASAN_OPTIONS", "UBSAN_OPTIONS", "MAKEFLAGS", "MAKELEVEL",
)  # fmt: skip
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
            ["bash"], cwd=directory, env=env, stdin=subprocess.PIPE,
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
        deadline = time.monotonic() + LONGEST
        while True:
            text, done, later = self.printed.decode(errors="replace").partition(END)
            if text and not text.endswith("\n"):
                text += "\n"
            text += later
            if (done or not ended) and pattern.fullmatch(text):
                return
            if done:
                deadline = min(deadline, time.monotonic() + SECONDS)
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

    def directory(self) -> Path:
        """Where the terminal is now."""
        return Path(f"/proc/{self.process.pid}/cwd").readlink()

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


def copy_sources(to: Path) -> None:
    """The files that git has or would add."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "--deduplicate"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), listed.splitlines()):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to / name)


def run(document: str, installed: bool = False) -> int:
    """Run a document's blocks; how many commands that were. Raises Untrue. ``installed``: the
    reader has fastrd on PATH.

    The checkout in which it begins has links to all that the repository has, its build
    too, so that new files do not come into it.
    """
    count = 0
    with tempfile.TemporaryDirectory() as name:
        checkout, home = Path(name) / "fastrd", Path(name) / "home"
        for directory in (checkout, home):
            directory.mkdir()
        for path in ROOT.iterdir():
            (checkout / path.name).symlink_to(path)
        if "~/src/fastrd" in document:
            copy_sources(home / "src/fastrd")
        port = str(free_port())
        env = {name: value for name, value in os.environ.items() if name not in OTHERS}
        env |= {
            "HOME": str(home), "PORT": port, "SHOP_DATABASE": str(home / "shop.sqlite"), "CFLAGS": "-O1",
            "PIP_CACHE_DIR": pip_cache(),
        }  # fmt: skip
        if installed:
            build = Path(os.environ.get("FASTRD_BUILD", ROOT / "build"))
            env["PATH"] = f"{build / 'bin'}:{build / 'venv/bin'}:{env['PATH']}"
        shell = Shell(checkout, env)
        try:
            for block in blocks(document):
                count += run_block(shell, block, port)
        finally:
            shell.close()
    return count


@cache
def pip_cache() -> str:
    """The caller's, which the account of its own would not have."""
    command = [sys.executable, "-m", "pip", "cache", "dir"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def run_block(shell: Shell, block: Block, port: str) -> int:
    """How many commands it had. Raises Untrue, which names the block's line."""
    block.text = block.text.replace("8000", port)
    if block.kind == "python":
        first = block.text.partition("\n")[0]
        (shell.directory() / first.removeprefix("# ")).write_text(block.text)
        return 0
    commands = block.commands()
    for command in commands:
        try:
            shell.run(command)
        except Untrue as exc:
            raise Untrue(f"line {block.line}: {exc}") from None
    return len(commands)
