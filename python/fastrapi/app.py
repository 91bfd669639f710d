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

    def serve(self, host: str = "127.0.0.1", port: int = 8000, **options: Any) -> None:
        """Serve this application with fastrd until it ends.

        Call it from ``if __name__ == "__main__":``. ``options`` are fastrd's flags
        with underscores (``workers=4``). Exits with fastrd's status when that is
        not 0. Returns at once inside fastrd's own processes. RuntimeError when the
        application has no name in the main script.
        """
        if os.environ.get("FASTRD_CHILD"):
            return
        frame = inspect.currentframe()
        found = _name_of(self, frame.f_back if frame else None)
        if found is None:
            raise RuntimeError(
                "serve() needs the application under a name of the main script, "
                "as in: app = FastrAPI(); app.serve()"
            )
        script, name = found
        command = [
            _fastrd(), "--host", host, "--port", str(port), "--python", sys.executable,
            "--app-dir", os.path.dirname(script),
        ]  # fmt: skip
        for key, value in options.items():
            flag = "--" + key.replace("_", "-")
            command += [flag] if value is True else [flag, str(value)]
        command.append(f"{Path(script).stem}:{name}")
        status = _run(command)
        if status != 0:
            raise SystemExit(status)


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
