"""A small ASGI application in FastAPI's manner, for tests of the server that need no FastAPI:
it imports in a tenth of the time. ``from plain import App`` finds it in every server of these tests
(server.py), and ``app = App()`` stands where ``app = FastAPI()`` would.

Functions of `App.get` and `App.post` get what their parameters name from the path or the query, ``scope`` itself, and ``tasks``: a list for
coroutine functions that run after the answer. Others than coroutine functions run on a thread. What they return goes out as JSON, ``bytes`` as
they are, what an asynchronous generator yields as it comes.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import traceback
from urllib.parse import parse_qsl

READERS = {"bool": lambda text: text.lower() in ("1", "on", "true", "yes"), "float": float, "int": int}


class App:
    """One application; ``lifespan`` as FastAPI's."""

    def __init__(self, lifespan=None):
        self.lifespan = lifespan
        self.routes = []

    def get(self, path):
        return self._route("GET", path)

    def post(self, path):
        return self._route("POST", path)

    def _route(self, method, path):
        def add(function):
            pattern = re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path))
            self.routes.append((method, pattern, function, inspect.signature(function).parameters))
            return function

        return add

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self._live(scope, receive, send)
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        for method, pattern, function, parameters in self.routes:
            found = pattern.fullmatch(scope["path"].removeprefix(scope["root_path"]))
            if found and scope["method"] in (method, "HEAD" if method == "GET" else method):
                texts = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)) | found.groupdict()
                tasks = []
                own = {"scope": scope, "tasks": tasks}
                await self._answer(function, _arguments(parameters, texts, own), send)
                for task in tasks:
                    await task()
                return
        await _send(send, 404, b'{"detail":"Not Found"}')

    async def _answer(self, function, arguments, send):
        if inspect.isasyncgenfunction(function):
            await _begin(send, 200, [])
            async for piece in function(**arguments):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            return await send({"type": "http.response.body", "body": b""})
        if inspect.iscoroutinefunction(function):
            value = await function(**arguments)
        else:
            value = await asyncio.to_thread(function, **arguments)
        content = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
        await _send(send, 200, content)

    async def _live(self, scope, receive, send):
        """As Starlette: what the lifespan raises is told the server with its traceback, and raised."""
        started = False
        try:
            await receive()
            if self.lifespan is None:
                await send({"type": "lifespan.startup.complete"})
                await receive()
            else:
                async with self.lifespan(self) as state:
                    scope["state"].update(state or {})
                    await send({"type": "lifespan.startup.complete"})
                    started = True
                    await receive()
        except BaseException:
            kind = "shutdown" if started else "startup"
            await send({"type": f"lifespan.{kind}.failed", "message": traceback.format_exc()})
            raise
        await send({"type": "lifespan.shutdown.complete"})


def _arguments(parameters, texts, own):
    arguments = {name: value for name, value in own.items() if name in parameters}
    for name in texts.keys() & parameters.keys():
        kind = getattr(parameters[name].annotation, "__name__", "str")
        arguments[name] = READERS.get(kind, str)(texts[name])
    return arguments


async def _begin(send, status, headers):
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _send(send, status, content):
    length = b"%d" % len(content)
    await _begin(send, status, [(b"content-length", length), (b"content-type", b"application/json")])
    await send({"type": "http.response.body", "body": content})
