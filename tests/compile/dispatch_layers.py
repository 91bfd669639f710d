"""Dispatch layers (BaseHTTPMiddleware) of every kind, alone and among others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from layers import MARK, Adds, Afterwards, Catches, Layer, Log, Looks, Refused, Stacks
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware


class Dispatches(BaseHTTPMiddleware):
    """Passes on; a subclass does something else as well."""

    def __init__(self, app: Any, log: Log) -> None:
        super().__init__(app)
        self.log = log

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response


class Heads(Dispatches):
    """Adds a field, another status and something in the scope."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        request.state.seen = "yes"
        response: Response = await call_next(request)
        response.headers["x-head"] = request.scope["path"]
        if response.status_code == 200:
            response.status_code = 202
        self.log.append((type(response).__name__, response.raw_headers, sorted(request.scope)))
        return response


class Variables(Dispatches):
    """Context variables both ways, and who runs."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        MARK.set("dispatch")
        task = asyncio.current_task()
        response: Response = await call_next(request)
        self.log.append((MARK.get(), asyncio.current_task() is task))
        return response


class BodyBefore(Dispatches):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        self.log.append(len(await request.body()))
        response: Response = await call_next(request)
        self.log.append((len(await request.body()), await request.is_disconnected()))
        return response


class BodyAfter(Dispatches):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        try:
            self.log.append(len(await request.body()))
        except Exception as exc:
            self.log.append(repr(exc))
        return response


class StreamBefore(Dispatches):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        self.log.append([len(piece) async for piece in request.stream()])
        response: Response = await call_next(request)
        return response


class Shortens(Dispatches):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        return PlainTextResponse("short", background=BackgroundTask(self.log.append, "later"))


class Fails(Dispatches):
    """Raises what the request asks for, before or after the application."""

    before = True

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        if not self.before:
            await call_next(request)
        raise {"hello": Refused("layer"), "plain": ZeroDivisionError()}.get(
            request.url.path[1:], ValueError("layer")
        )


class FailsLate(Fails):
    before = False


class Rescues(Dispatches):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        try:
            response: Response = await call_next(request)
        except Exception as exc:
            self.log.append((repr(exc), repr(exc.__cause__), repr(exc.__context__)))
            return PlainTextResponse("rescued", 599)
        return response


class Consumes(Dispatches):
    """Reads the answer, and makes another of it."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        pieces = [piece async for piece in response.body_iterator]
        self.log.append(pieces)
        return Response(b"".join(pieces).upper(), response.status_code)


class Wraps(Dispatches):
    """Puts another iterator around the answer's."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        inner = response.body_iterator

        async def around() -> AsyncIterator[Any]:
            async for piece in inner:
                self.log.append(piece)
                yield piece

        response.body_iterator = around()
        return response  # type: ignore[no-any-return]


class Streams(Dispatches):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        return StreamingResponse(response.body_iterator, response.status_code)


class Closes(Dispatches):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        await response.body_iterator.aclose()
        return response  # type: ignore[no-any-return]


class Drops(Dispatches):
    """Answers something else than the application."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        await call_next(request)
        return PlainTextResponse("dropped")


class Later(Dispatches):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.background = BackgroundTask(self.log.append, "dispatch's")
        return response


class Limits(Dispatches):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        async with asyncio.timeout(10):
            response: Response = await call_next(request)
        return response


class Elsewhere(Dispatches):
    """Calls the application in a task of its own."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        response: Response = await asyncio.create_task(call_next(request))
        return response


class Own(Dispatches):
    """Is no dispatch layer: its __call__ is the user's."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.log.append("own")
        await super().__call__(scope, receive, send)


def by_function(app: Any, log: Log) -> Any:
    """As ``@app.middleware("http")`` makes one."""

    async def look(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-function"] = "1"
        return response

    return BaseHTTPMiddleware(app, dispatch=look)


ALONE = (
    Dispatches, Heads, Variables, BodyBefore, BodyAfter, StreamBefore, Shortens, Fails, FailsLate,
    Rescues, Consumes, Wraps, Streams, Closes, Drops, Later, Limits, Elsewhere, Own,
    by_function,
)  # fmt: skip
TOGETHER = (
    (Heads, Layer), (Layer, Heads), (Heads, Afterwards), (Looks, Variables, Heads, Afterwards), (Heads, Looks), (Looks, Heads), (Looks, Heads, Looks),
    (Heads, Adds, Variables), (Heads, Variables), (Looks, Variables, Heads, Later),
    (Heads, Consumes), (Consumes, Heads), (Rescues, FailsLate), (FailsLate, Rescues),
    (Catches, Fails), (BodyBefore, Heads), (Later, Later), (Looks, Stacks, Heads),
    (Heads, Own, Heads), (by_function, Wraps, Looks), (Streams, Streams), (Drops, Later),
)  # fmt: skip


def kinds() -> dict[str, list[tuple[Any, dict[str, Any]]]]:
    """As layers.KINDS."""
    sets = [(cls,) for cls in ALONE] + list(TOGETHER)
    return {", ".join(cls.__name__ for cls in some): [(cls, {}) for cls in some] for some in sets}
