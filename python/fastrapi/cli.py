"""``fastrd routes``, ``fastrd explain`` and ``fastrd -t``: questions that need the
application. fastrd execs ``python -m fastrapi.cli`` for them."""

from __future__ import annotations

import argparse
import os
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
    return parser


def _compiled(app: Any) -> Any:
    """The compiled application, or the reason (str) why there is none."""
    fastapi = sys.modules.get("fastapi")
    if fastapi is None or not isinstance(app, fastapi.FastAPI):
        return "not a FastAPI application: served through ASGI"
    from fastrapi.compile import compile_app
    from fastrapi.compile.records import NotCompiled

    try:
        return compile_app(app)
    except NotCompiled as exc:
        return f"served through ASGI as a whole: {exc}"


def main() -> int:
    """Run one command; its exit code."""
    arguments = _parser().parse_args()
    os.environ["FASTRD_CHILD"] = "cli"
    try:
        app = load_app(arguments.app, app_dir=arguments.app_dir, factory=arguments.factory)
    except ImportFailed as exc:
        sys.stderr.write(f"fastrd: {exc}\n")
        return wire.EXIT_APP
    compiled = _compiled(app)
    if isinstance(compiled, str):
        print(compiled)
        return wire.EXIT_OK
    from fastrapi.compile.report import explain_lines, routes_lines

    if arguments.command == "explain":
        lines = explain_lines(compiled, arguments.method, arguments.path)
    else:
        lines = routes_lines(compiled)
    if arguments.command == "test":
        *warnings, summary = lines
        for line in warnings:
            if line.startswith("warning:"):
                print(line)
        print(f"{arguments.app}: ok, {summary}")
        return wire.EXIT_OK
    for line in lines:
        print(line)
    return wire.EXIT_OK


if __name__ == "__main__":
    sys.exit(main())
