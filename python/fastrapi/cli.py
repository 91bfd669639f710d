"""``fastrd routes``, ``fastrd explain`` and ``fastrd -t``: questions that need the
application. fastrd becomes a Python that calls main()."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import Any

from fastrapi import wire
from fastrapi.importing import ImportFailed, load_app


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fastrd")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("routes", "explain", "test"):
        command = commands.add_parser(name)
        if name == "explain":
            command.add_argument("method")
            command.add_argument("path")
        command.add_argument("app")
        command.add_argument("--app-dir", default="")
        command.add_argument("--factory", action="store_true")
        command.add_argument("--table-limit", type=int, required=True)
    return parser


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


def _answer(arguments: argparse.Namespace) -> int:
    try:
        app = load_app(arguments.app, app_dir=arguments.app_dir, factory=arguments.factory)
    except ImportFailed as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_APP
    try:
        compiled = _compiled(app, arguments.table_limit)
    except ValueError as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_TABLE
    if isinstance(compiled, str):
        print(compiled)
        return wire.EXIT_OK
    from fastrapi.compile.report import explain_lines, routes_lines

    if arguments.command == "explain":
        path = arguments.path.partition("?")[0]
        lines = list(explain_lines(compiled, arguments.method, path))
    else:
        lines = list(routes_lines(compiled))
    if arguments.command == "test":
        *notes, summary = lines
        lines = [line for line in notes if line.startswith("warning:")]
        lines.append(f"{arguments.app}: ok, {summary}")
    for line in lines:
        print(line)
    return wire.EXIT_OK


def main() -> int:
    """Run one command; its exit code."""
    arguments = _parser().parse_args()
    os.environ["FASTRD_CHILD"] = "cli"
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once, as `| head` ends it
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return _answer(arguments)
