"""User code that changes what FastAPI has handed to it: background tasks, the request's scope, the
class of a Response."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from client import Answer, ask, forced, run
from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask
from wire import Request as Asked

Make = Callable[[list[str]], FastAPI]


def same(make: Make, path: str, fields: tuple[tuple[str, str], ...] = ()) -> Answer:
    """The answer, which is that of FastAPI's own handler, and so is what user code notes."""
    answers: list[Answer] = []
    notes: list[list[str]] = [[], []]

    async def main() -> None:
        for mode, noted in zip(("asgi", "none"), notes):
            with forced(mode):
                answers.append(await ask(make(noted), Asked("GET", path, fields)))

    run(main)
    assert answers[0] == answers[1]
    assert notes[0] == notes[1]
    assert answers[1].compiled and not answers[0].compiled
    return answers[1]


class Shown(list[Any]):
    """A list that has another content than it says."""

    def __init__(self, noted: list[str]) -> None:
        super().__init__()
        self.noted = noted

    def __iter__(self) -> Any:
        self.noted.append("iterated")
        return iter([BackgroundTask(self.noted.append, "shown")])


def with_tasks(noted: list[str]) -> FastAPI:
    app = FastAPI()

    @app.get("/replaced")
    async def replaced(tasks: BackgroundTasks) -> None:
        async def replace() -> None:
            noted.append("replace")
            tasks.tasks = [BackgroundTask(noted.append, "never")]

        tasks.add_task(replace)
        tasks.add_task(noted.append, "second")

    @app.get("/cleared")
    async def cleared(tasks: BackgroundTasks) -> None:
        async def clear() -> None:
            noted.append("clear")
            tasks.tasks.clear()

        tasks.add_task(clear)
        tasks.add_task(noted.append, "never")

    @app.get("/more")
    async def more(tasks: BackgroundTasks) -> None:
        def again(n: int) -> None:
            noted.append(f"again {n}")
            if n:
                tasks.add_task(again, n - 1)

        tasks.add_task(again, 3)

    @app.get("/tuple")
    async def tuple_(tasks: BackgroundTasks) -> None:
        tasks.tasks = (BackgroundTask(noted.append, "of a tuple"),)  # type: ignore[assignment]

    @app.get("/shown")
    async def shown(tasks: BackgroundTasks) -> None:
        tasks.tasks = Shown(noted)

    @app.get("/none")
    async def none(tasks: BackgroundTasks) -> None:
        tasks.tasks = None  # type: ignore[assignment]

    return app


@pytest.mark.parametrize("path", ["/replaced", "/cleared", "/more", "/tuple", "/shown", "/none"])
def test_tasks_that_are_changed(path: str) -> None:
    """What runs is what a `for` over them gives, which holds the list that it began with."""
    same(with_tasks, path)


def test_a_file_is_what_the_scope_asks_for(tmp_path: Path) -> None:
    """A dependency may take fields away that a client has sent, or add some."""
    file = tmp_path / "file.txt"
    file.write_text("content of the file")

    def make(noted: list[str]) -> FastAPI:
        app = FastAPI()

        async def fewer(request: Request) -> None:
            kept = [pair for pair in request.scope["headers"] if pair[0] not in (b"range", b"if-none-match")]
            request.scope["headers"] = kept

        @app.get("/fewer", dependencies=[Depends(fewer)])
        async def whole() -> FileResponse:
            return FileResponse(file)

        @app.get("/more")
        async def part(request: Request) -> FileResponse:
            request.scope["headers"].append((b"range", b"bytes=0-6"))
            return FileResponse(file)

        @app.get("/as-sent")
        async def as_sent(request: Request) -> FileResponse:
            noted.append(request.headers["host"])
            return FileResponse(file)

        return app

    part = (("Range", "bytes=1-3"),)
    assert same(make, "/fewer", part).data.startswith(b"HTTP/1.1 200 ")
    assert same(make, "/fewer", (("If-None-Match", "*"),)).data.startswith(b"HTTP/1.1 200 ")
    assert same(make, "/more").data.endswith(b"\r\n\r\ncontent")
    assert same(make, "/as-sent", part).data.endswith(b"\r\n\r\nont")


def own_fields() -> None:
    """In a process of its own, whose memory is overwritten when it is given back."""

    class Fresh(Response):
        raw_headers = property(lambda self: [(b"x-%d" % i, b"value %d" % i) for i in range(9)])

    app = FastAPI()

    @app.get("/")
    async def endpoint(response: Response) -> int:
        response.__class__ = Fresh
        return 1

    async def main() -> None:
        answer = await ask(app, Asked("GET", "/"))
        wanted = b"".join(b"x-%d: value %d\r\n" % (i, i) for i in range(9))
        assert answer.compiled and wanted in answer.data, answer.data

    run(main)


def test_fields_that_are_made_when_they_are_asked_for() -> None:
    env = {**os.environ, "PYTHONMALLOC": "debug", "PYTHONPATH": os.pathsep.join(sys.path)}
    code = "import test_injected; test_injected.own_fields()"
    subprocess.run([sys.executable, "-c", code], env=env, check=True, timeout=60)
