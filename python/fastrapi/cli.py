"""``fastrd routes``, ``fastrd explain`` and ``fastrd -t``: questions that need the
application. fastrd becomes a Python that calls main()."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from fastrapi import _engine, wire
from fastrapi.compile import NotCompiled, compile_app, is_fastapi
from fastrapi.importing import ImportFailed, load_app


def _answer(command: str, question: list[str], spec: str, settings: dict[str, Any]) -> int:
    try:
        app = load_app(spec, app_dir=settings["app_dir"], factory=settings["factory"])
    except ImportFailed as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_APP
    try:
        compiled = compile_app(app, settings["table_limit"])
    except ValueError as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_TABLE
    except NotCompiled as exc:
        whole = "served through ASGI"
        print(f"{whole} as a whole: {exc}" if is_fastapi(app) else f"{exc}: {whole}")
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
