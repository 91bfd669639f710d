"""One worker without a master, for tests on a tree that is not installed.

python serve_alone.py PORT APP    APP is a name in apps.py
"""

from __future__ import annotations

import asyncio
import socket
import sys

import apps
from fastrapi import _engine
from fastrapi.loop import EventLoop
from fastrapi.serving import Serving


async def main() -> None:
    serving = Serving(getattr(apps, sys.argv[2]))
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=512)
    listener.setblocking(False)
    worker = _engine.Worker(serving.engine, asyncio.get_running_loop(), {})
    worker.listen(listener.fileno())
    await asyncio.Event().wait()


with asyncio.Runner(loop_factory=EventLoop) as runner:
    runner.run(main())
