"""Starlette's own routes: functions that make a Response of the Request, and HTTPEndpoints."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import starlette.endpoints
import starlette.routing
from starlette._utils import is_async_callable
from starlette.concurrency import run_in_threadpool
from starlette.endpoints import HTTPEndpoint
from starlette.routing import Route

from . import dialect, exit_stacks
from .answers import handlers_of
from .recognise import free_variables, inherits, is_own, nested_code
from .records import FLAG, NotCompiled
from .suspend import may_suspend
from .sources import fingerprint
from .walk import Entry

# What endpoint_function() stands for, and the digests of those that it was written after.
_SOURCES = ("starlette.endpoints:HTTPEndpoint", "starlette._utils:is_async_callable")
_KNOWN = frozenset({"eda02a0597243926d741a7ad28b698a2af9db8194c05f352dd65713302b092a0"})
_MEMBERS = {
    name: getattr(HTTPEndpoint, name)
    for name in ("__new__", "__init__", "__await__", "dispatch", "__getattribute__")
}


class Function(NamedTuple):
    """What a route calls with the Request: ``flags`` say how. ``wrapped``: exceptions are
    handled with this very Request."""

    call: Any
    flags: int
    wrapped: bool


def function_of(entry: Entry) -> Function:
    """What the route of ``entry`` calls. Raises NotCompiled when something else stands
    between."""
    route = entry.effective
    if entry.is_limited:
        raise NotCompiled("plain Starlette route with a limit of the content")
    known = type(route) is Route and inherits(route, Route, "handle")
    if known and dialect.STACKS_IN_SCOPE:
        if isinstance(route.endpoint, type):
            return _of_class(route)
        flags = _function_flags(route)
        if flags:
            return Function(route.endpoint, flags, True)
    raise NotCompiled("plain Starlette route whose function is none, or wrapped")


def _function_flags(route: Any) -> int:
    """How Starlette's request_response calls the function of ``route``; 0: something else
    does."""
    code = getattr(route.app, "__code__", None)
    if code is None or not nested_code(starlette.routing.request_response, code):
        return 0
    function = free_variables(route.app).get("f")
    if function is route.endpoint:
        return int(FLAG.AWAIT | (FLAG.SUSPENDS if may_suspend(function) else 0))
    if (
        type(function) is functools.partial
        and function.func is run_in_threadpool
        and is_own(run_in_threadpool)
        and function.args == (route.endpoint,)
        and not function.keywords
    ):
        return int(FLAG.SYNC)
    return 0


# Is the installed HTTPEndpoint one that this module stands for? ``guards`` watch the names that
# it uses.
_ENDPOINTS_ARE_KNOWN = fingerprint(_SOURCES) in _KNOWN


def _is_plain(cls: Any) -> bool:
    """Do instances of a class do with a request what those of HTTPEndpoint do?"""
    return all(getattr(cls, name) is value for name, value in _MEMBERS.items())


def _of_class(route: Any) -> Function:
    """The function of a route whose endpoint is a class."""
    cls = route.endpoint
    known = (
        route.app is cls
        and type(cls) is type
        and issubclass(cls, HTTPEndpoint)
        and not hasattr(cls, "__getattr__")
        and all(is_own(vars(HTTPEndpoint)[name]) for name in ("__init__", "__await__", "dispatch"))
        and _is_plain(cls)
        and _ENDPOINTS_ARE_KNOWN
    )
    if not known:
        raise NotCompiled("plain Starlette route whose class is no HTTPEndpoint, or a changed one")
    return Function(endpoint_function(cls), FLAG.AWAIT | FLAG.SUSPENDS, False)


def endpoint_function(cls: Any) -> Callable[[Any], Coroutine[Any, Any, Any]]:
    """HTTPEndpoint.dispatch() of ``cls``, up to the Response."""

    async def call(request: Any) -> Any:
        if not _is_plain(cls):
            return cls  # it was changed, and is an ASGI application as a Response is
        begun = False

        async def send(message: Any) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
            elif not message.get("more_body", False):
                begun = False  # that was all of it
            await request._send(message)

        instance = cls(request.scope, request.receive, send)
        method = request.method
        name = "get" if method == "HEAD" and not hasattr(instance, "head") else method.lower()
        allowed = method in instance._allowed_methods
        handler = getattr(instance, name) if allowed else instance.method_not_allowed
        try:
            if is_async_callable(handler):
                return await handler(request)
            return await run_in_threadpool(handler, request)
        except Exception as exc:
            if begun:
                raise exit_stacks.Begun(exc) from None
            raise

    call.__wrapped__ = cls  # type: ignore[attr-defined]
    return call


class StarletteHelper:
    """The helper of such a route of ``app``, perhaps a mounted one; see RouteHelper.
    ``wrapped``: as in Function."""

    def __init__(self, app: Any, router: Any, entry: Entry, wrapped: bool) -> None:
        self.app = app
        self.router = router
        self.entry = entry
        self.wrapped = wrapped

    @functools.cached_property
    def exception_handlers(self) -> tuple[Any, Any]:
        """See RouteHelper."""
        return handlers_of(self.app, bool(self.entry.inside.apps))

    def fill_scope(self, scope: dict[str, Any], values: tuple[str, ...]) -> None:
        """See RouteHelper."""
        scope["app"] = self.app
        scope["starlette.exception_handlers"] = self.exception_handlers
        scope[dialect.STACKS[0]] = AsyncExitStack()
        scope["router"] = self.router
        self.entry.inside.fill(scope)
        self.entry.enter(scope, values)

    def stacks_used(self, scope: dict[str, Any]) -> int:
        """See RouteHelper."""
        return int(bool(scope[dialect.STACKS[0]]._exit_callbacks))

    def unwind(self, stand_ins: dict[str, Any] | None, *what: Any) -> exit_stacks.Unwinding:
        """See RouteHelper."""
        if stand_ins is not None:
            stand_ins = stand_ins | {name: AsyncExitStack() for name in dialect.STACKS[1:]}
        return exit_stacks.Unwinding(stand_ins, *what)

    def encode(self, result: Any, *_: Any) -> Any:
        """Starlette awaits whatever the function returns."""
        return result
