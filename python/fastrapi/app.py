"""FastAPI with ``serve()``."""

from __future__ import annotations

import inspect
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from fastapi import FastAPI


def _fastrd() -> str:
    """The fastrd that belongs to this Python, else the one on PATH."""
    for directory in (Path(sys.prefix) / "bin", Path(sys.prefix).parent / "bin"):
        if (directory / "fastrd").is_file():
            return str(directory / "fastrd")
    found = shutil.which("fastrd")
    if found is None:
        raise RuntimeError("the fastrd program was not found beside this Python or on PATH")
    return found


def _name_of(app: Any, frame: FrameType | None) -> tuple[str, str] | None:
    """(script, attribute) under which the calling script knows ``app``."""
    while frame is not None:
        if frame.f_globals.get("__name__") in ("__main__", "__mp_main__"):
            script = frame.f_globals.get("__file__")
            for name, value in frame.f_globals.items():
                if value is app and script:
                    return os.path.abspath(script), name
        frame = frame.f_back
    return None


class FastrAPI(FastAPI):
    """A FastAPI application that can serve itself. Everything else is FastAPI's."""

    def serve(self, host: str | None = None, port: int | None = None, **options: Any) -> int:
        """Serve this application with fastrd until it ends; its exit status, 0.

        Call it from ``if __name__ == "__main__":``. The arguments are fastrd's flags
        with underscores (``workers=4``); what is not given is as for fastrd. SystemExit with fastrd's status when that is
        not 0. Returns at once inside fastrd's own processes. An application without a
        name in the main script is served by one worker in this process.
        """
        if os.environ.get("FASTRD_CHILD"):
            return 0
        frame = inspect.currentframe()
        found = _name_of(self, frame.f_back if frame else None)
        given = {"host": host, "port": port, **options}
        given = {key: value for key, value in given.items() if value is not None}
        if found is not None:
            status = _serve_script(*found, given)
        else:
            from .inprocess import serve_here

            status = serve_here(self, given)
        if status != 0:
            raise SystemExit(status)
        return status


def _serve_script(script: str, name: str, given: dict[str, Any]) -> int:
    """Serve what ``script`` knows as ``name``; fastrd's exit status."""
    command = [_fastrd(), "--python", sys.executable, "--app-dir", os.path.dirname(script)]
    for key, value in given.items():
        flag = "--" + key.replace("_", "-")
        command += [flag] if value is True else [flag, str(value)]
    return _run([*command, f"{Path(script).stem}:{name}"])


def _run(command: list[str]) -> int:
    """Run fastrd as a child, passing our signals on; its exit status."""
    child = subprocess.Popen(command)
    forwarded = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    old = {}
    try:
        for number in forwarded:
            old[number] = signal.signal(number, lambda n, _f: child.send_signal(n))
        return child.wait()
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
