"""A FastAPI that the compiler does not know is served by FastAPI itself.

Copies of the installed FastAPI are changed and imported in processes of their own.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import fastapi
import fastapi.routing
import pytest
import starlette.datastructures
import starlette.responses
import starlette.routing

from fastrapi.compile import versions
from fastrapi.compile.sources import source_of

# Serves three requests in process and prints how, and what is said of the routes.
PROBE = """
import asyncio, json, sys
import fastapi
from fastapi import Body, Depends, FastAPI
from typing import Annotated
from fastrapi.compile import compile_app
from fastrapi.compile.records import NotCompiled
from fastrapi.loop import EventLoop
from fastrapi.testclient import MemoryConnection

app = FastAPI(openapi_url=None)

async def dependency(q: int = 1):
    return q

@app.get("/{v}")
async def read(v: int, q: Annotated[int, Depends(dependency)]):
    return [v, q]

@app.post("/{v}")
async def write(v: str, body: Annotated[list[int], Body()]):
    return body

async def ask(request):
    connection = MemoryConnection(app)
    connection.feed(request)
    data = b""
    while piece := await connection.read():
        data += piece
    return data.partition(b"\\r\\n\\r\\n")[2].decode(), connection.compiled

async def main():
    head = b" HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n"
    sent = b"Content-Type: application/json\\r\\nContent-Length: 5\\r\\n\\r\\n[1,2]"
    return [await ask(b"GET /7?q=2" + head + b"\\r\\n"), await ask(b"GET /x" + head + b"\\r\\n"),
            await ask(b"POST /a" + head + sent)]

try:
    reasons = [entry.reason for entry in compile_app(app).entries]
except NotCompiled as refused:
    reasons = str(refused)
with asyncio.Runner(loop_factory=EventLoop) as runner:
    answers = runner.run(main())
print(json.dumps([reasons, answers]))
"""
NOT_A_NUMBER = json.loads(
    '{"detail":[{"type":"int_parsing","loc":["path","v"],'
    '"msg":"Input should be a valid integer, unable to parse string as an integer","input":"x"}]}'
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The installed FastAPI in a folder of its own."""
    source = Path(fastapi.__file__).parent
    shutil.copytree(source, tmp_path / "fastapi", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "fastapi"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path.name} has no {old!r}"
    path.write_text(text.replace(old, new))


def call_it(copy: Path, version: str) -> None:
    change(copy / "__init__.py", f'__version__ = "{fastapi.__version__}"', f'__version__ = "{version}"')


def probe(copy: Path) -> tuple[str | list[str], int]:
    """(what is said, requests run compiled); the answers are FastAPI's in any case."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env={**os.environ, "PYTHONPATH": str(copy.parent)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said, answers = json.loads(done.stdout)
    assert [json.loads(body) for body, _ in answers] == [[7, 2], NOT_A_NUMBER, [1, 2]]
    return said, sum(compiled for _, compiled in answers)


def test_the_installed_versions_have_the_recorded_fingerprints() -> None:
    """When this fails after an update: read what changed, run these tests with it, and
    record the new version and fingerprint."""
    recorded = {known.package: known for known in versions.KNOWN if known.sources}
    assert list(recorded) == ["fastapi", "starlette"]
    for package, known in recorded.items():
        found = (versions.installed_version(package), versions.fingerprint(known.sources))
        assert found == (known.newest, known.fingerprint)


@dataclasses.dataclass(
    frozen=True,
)
class Decorated:
    pass


class Outer:
    class Inner:
        pass


def test_the_source_of_a_class_is_what_inspect_says() -> None:
    found = [Decorated, Outer, Outer.Inner, versions.Known]
    for module in (fastapi.routing, starlette.routing, starlette.datastructures, starlette.responses):
        found += [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    assert len(found) > 40
    for cls in found:
        assert source_of(cls) == inspect.getsource(cls), cls


def test_a_later_version_that_is_the_same_inside_compiles(copy: Path) -> None:
    call_it(copy, "0.999.0")
    assert probe(copy) == (["", ""], 3)


def test_a_later_version_that_differs_internally_is_not_compiled_for(copy: Path) -> None:
    call_it(copy, "0.999.0")
    change(copy / "dependencies" / "utils.py", "def request_params_to_args", "# new\ndef request_params_to_args")
    newest = versions.KNOWN[0].newest
    assert probe(copy) == (
        f"FastAPI 0.999.0 differs internally from {newest}, the newest version that this fastrapi knows",
        0,
    )


def test_a_version_older_than_any_known_is_not_compiled_for(copy: Path) -> None:
    call_it(copy, "0.114.2")
    assert probe(copy) == ("FastAPI 0.114.2 is older than 0.115.0", 0)


def test_a_pre_release_of_the_next_version_is_a_later_one(copy: Path) -> None:
    call_it(copy, "0.166.0rc1")
    change(copy / "encoders.py", "def jsonable_encoder", "# new\ndef jsonable_encoder")
    said, compiled = probe(copy)
    assert "differs internally" in said and compiled == 0


def test_a_handler_that_knows_something_new_stays_with_asgi(copy: Path) -> None:
    head = "    async def app(request: Request) -> Response:\n"
    change(copy / "routing.py", head, f"    novelty = None\n\n{head}        novelty\n")
    reason = "its request handler uses 'novelty', which this fastrapi does not know"
    assert probe(copy) == ([reason, reason], 0)


def test_functions_that_are_missing_are_a_reason_not_an_error(copy: Path) -> None:
    change(copy / "dependencies" / "utils.py", "_should_embed_body_fields", "_decide_embedding")
    change(copy / "routing.py", "_should_embed_body_fields", "_decide_embedding")
    said, compiled = probe(copy)
    assert said[0] == ""
    assert "differs internally from what this fastrapi knows (AttributeError" in said[1]
    assert compiled == 2


def test_a_compiler_that_cannot_even_be_imported_is_a_reason(copy: Path) -> None:
    change(copy / "dependencies" / "utils.py", "_validate_value_with_model_field", "_validate_renamed")
    said, compiled = probe(copy)
    assert "FastAPI differs internally from what this fastrapi knows (" in said and compiled == 0


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("0.9.10", "0.115.0"), ("0.165.0", "0.165.1"), ("0.166.0rc1", "0.166.0"),
        ("0.165.0", "0.166.0rc1"), ("2.14.3", "2.999"), ("0.52.1", "1.0.0"), ("2.14.0b1", "2.14.0"),
    ],
)  # fmt: skip
def test_versions_are_compared_by_their_numbers(earlier: str, later: str) -> None:
    assert versions._numbers(earlier) < versions._numbers(later)
