"""``fastrd routes``, ``fastrd explain`` and ``fastrd -t``: questions that need the
application; and ``fastrd new``. fastrd becomes a Python that calls main()."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from fastrapi import _engine, wire
from fastrapi.attempt import attempt
from fastrapi.compile import NotCompiled, compile_app, is_fastapi
from fastrapi.compile.edge import Refused, edge_of
from fastrapi.environment import prepare_environment, take_settings
from fastrapi.importing import Loaded, load_app


def _look(
    command: str, question: list[str], loaded: Loaded, settings: dict[str, Any]
) -> tuple[int, list[str]]:
    """The exit code, and the answer."""
    app, name = loaded
    try:
        edge = edge_of(app, settings)
    except Refused as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_USAGE, []
    around = f"; {edge.text()}" if edge is not None else ""
    try:
        compiled = compile_app(app, settings["table_limit"])
    except ValueError as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_TABLE, []
    except NotCompiled as exc:
        whole = "served through ASGI"
        text = f"{whole} as a whole: {exc}" if is_fastapi(app) else f"{exc}: {whole}"
        return wire.EXIT_OK, [text + around]
    from fastrapi.compile.report import explain_lines, routes_lines

    if command == "explain":
        method, path = question
        lines = list(explain_lines(compiled, method, path.partition("?")[0]))
        return wire.EXIT_OK, [*lines, *([edge.text()] if edge is not None else [])]
    *lines, summary = routes_lines(compiled)
    lines.append(summary + around)
    if command == "test":
        *notes, summary = lines
        lines = [line for line in notes if line.startswith("warning:")]
        lines.append(f"{name}: ok, {summary}")
    return wire.EXIT_OK, lines


def main() -> int:
    """Run ``COMMAND [METHOD PATH] APP NAME=VALUE...``, or ``new DIR``, as fastrd gives it; its
    exit code."""
    command, *words = sys.argv[1:]
    if command == "new":
        from fastrapi import starter

        return starter.main(words[0])
    question = words[:2] if command == "explain" else []
    spec, *pairs = words[len(question) :]
    settings = take_settings(dict(pair.split("=", 1) for pair in pairs))
    os.environ["FASTRD_CHILD"] = "cli"
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once, as `| head` ends it
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)

    def load() -> Loaded:
        return load_app(
            spec, app_dir=settings["app_dir"], factory=settings["factory"],
            prepare=lambda: prepare_environment(settings),
        )  # fmt: skip

    return attempt(
        load,
        lambda loaded: _look(command, question, loaded, settings),
        settings["timeout_startup"],
    )
