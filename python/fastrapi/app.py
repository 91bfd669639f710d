"""FastAPI with ``serve()``."""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from fastapi import FastAPI

from fastrapi import _engine, program, wire


def _name_of(app: Any, frame: FrameType | None) -> tuple[str, str] | None:
    """(directory, module:attribute) under which the main script knows ``app``."""
    while frame is not None:
        if frame.f_globals.get("__name__") in ("__main__", "__mp_main__"):
            script, spec = frame.f_globals.get("__file__"), frame.f_globals.get("__spec__")
            for name, value in frame.f_globals.items():
                if value is app and spec is not None:  # python -m MODULE
                    return os.getcwd(), f"{spec.name}:{name}"
                if value is app and script:
                    path = Path(os.path.abspath(script))
                    return str(path.parent), f"{path.stem}:{name}"
        frame = frame.f_back
    return None


class FastrAPI(FastAPI):
    """A FastAPI application that can serve itself. Everything else is FastAPI's."""

    def serve(self, host: str | None = None, port: int | None = None, **options: Any) -> int:
        """Serve this application with fastrd until it ends; its exit status, 0.

        Call it from ``if __name__ == "__main__":``. The arguments are fastrd's flags
        with underscores (``workers=4``). What is None or not given has fastrd's default,
        and False turns off what is on by default. SystemExit with fastrd's status when that is
        not 0. Returns at once inside fastrd's own processes. An application without a
        name in the main script is served by one worker in this process.
        """
        if os.environ.get("FASTRD_CHILD"):
            return 0
        frame = inspect.currentframe()
        found = _name_of(self, frame.f_back if frame else None)
        given = {"host": host, "port": port, **options}
        given = {key: value for key, value in given.items() if value is not None}
        _join_secrets(given)
        wrong = _wrong(given)
        if wrong:
            sys.stderr.write(f"fastrd: {wrong}\n")
            status = wire.EXIT_USAGE
        elif found is not None:
            secrets = _secrets(given)
            status = program.run(_words(*found, given), secrets)
        else:
            from .inprocess import serve_here

            status = serve_here(self, given)
        if status != 0:
            raise SystemExit(status)
        return status


def _wrong(given: dict[str, Any]) -> str:
    """What is wrong with these arguments as Python has them; empty: the rest is fastrd's to
    look at."""
    host = given.get("host", "")
    if not isinstance(host, str):
        remedy = f"serve(port={host})" if isinstance(host, int) else 'serve("127.0.0.1")'
        return f"serve({host!r}): the first argument is the host; write {remedy}"
    for key, value in given.items():
        if key == "log_config" and not isinstance(value, (str, os.PathLike)):
            return "serve(log_config=...): give the path of a file; logging.config.dictConfig() takes the rest"
        if isinstance(value, bool) and _engine.takes_value(key):
            return f"serve({key}={value}): give {key} a value, or leave it out for the default"
        if not isinstance(value, str) and _engine.secret_variable(key) is not None:
            return f"serve({key}=...): give a string, or a list of strings"
    return ""


def _join_secrets(given: dict[str, Any]) -> None:
    """A list of secrets becomes lines."""
    for key, value in given.items():
        if isinstance(value, (list, tuple)) and _engine.secret_variable(key) is not None:
            given[key] = "\n".join(value) if all(isinstance(one, str) for one in value) else None


def _secrets(given: dict[str, Any]) -> dict[str, str]:
    """Take out of ``given`` what everybody could read on a command line: as variables."""
    variables = {key: _engine.secret_variable(key) for key in given}
    return {name: str(given.pop(key)) for key, name in variables.items() if name is not None}


def _words(directory: str, name: str, given: dict[str, Any]) -> list[str]:
    """fastrd's command line. True is --flag and False is --no-flag: it puts off what is on
    by default, and changes nothing else. fastrd itself refuses what it does not serve."""
    words = ["--python", sys.executable, "--app-dir", directory, name]
    for key, value in given.items():
        flag = key.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            words.append(f"--{flag}={value}")
    return words
