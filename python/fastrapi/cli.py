"""``fastrd routes``, ``fastrd explain`` and ``fastrd -t``: questions that need the
application. fastrd becomes a Python that calls main()."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from fastrapi import _engine, wire
from fastrapi.importing import ImportFailed, load_app


def _compiled(app: Any, limit: int) -> Any:
    """The compiled application, or the reason (str) why there is none. ValueError when
    the table is over the limit."""
    fastapi = sys.modules.get("fastapi")
    if fastapi is None or not isinstance(app, fastapi.FastAPI):
        return "not a FastAPI application: served through ASGI"
    from fastrapi.compile import compile_app
    from fastrapi.compile.records import NotCompiled

    try:
        return compile_app(app, limit)
    except NotCompiled as exc:
        return f"served through ASGI as a whole: {exc}"


def _answer(command: str, question: list[str], spec: str, settings: dict[str, Any]) -> int:
    try:
        app = load_app(spec, app_dir=settings["app_dir"], factory=settings["factory"])
    except ImportFailed as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_APP
    try:
        compiled = _compiled(app, settings["table_limit"])
    except ValueError as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_TABLE
    if isinstance(compiled, str):
        print(compiled)
        return wire.EXIT_OK
    from fastrapi.compile.report import explain_lines, routes_lines

    if command == "explain":
        method, path = question
        lines = list(explain_lines(compiled, method, path.partition("?")[0]))
    else:
        lines = list(routes_lines(compiled))
    if command == "test":
        *notes, summary = lines
        lines = [line for line in notes if line.startswith("warning:")]
        lines.append(f"{spec}: ok, {summary}")
    for line in lines:
        print(line)
    return wire.EXIT_OK


def main() -> int:
    """Run ``COMMAND [METHOD PATH] APP NAME=VALUE...``, as fastrd gives it; its exit code."""
    command, *words = sys.argv[1:]
    question = words[:2] if command == "explain" else []
    spec, *pairs = words[len(question) :]
    settings = _engine.settings("child", dict(pair.split("=", 1) for pair in pairs))
    os.environ["FASTRD_CHILD"] = "cli"
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once, as `| head` ends it
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return _answer(command, question, spec, settings)
