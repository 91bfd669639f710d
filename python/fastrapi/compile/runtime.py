"""What a plan calls in Python when C has no way of its own.

Everything here ends in functions of the installed FastAPI and Starlette, so that
its answers are theirs.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, NoReturn

import fastapi.routing as routing
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies import utils
from fastapi.exceptions import RequestValidationError
from fastapi.utils import is_body_allowed_for_status_code
from starlette._exception_handler import wrap_app_handling_exceptions
from starlette.datastructures import FormData
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response

from fastrapi import _engine
from fastrapi.loop import EventLoop

from . import dialect
from .params import error_list
from .records import NotCompiled

REQUEST_KEYWORD = "\0request"
OUTCOME_KEY = "fastrapi.outcome"
REQUEST_KEY = "fastrapi.request"
REPLAY_KEY = "fastrapi.replay"  # also in bindings/module_state.h


def _accepted(function: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Those arguments that this version's ``function`` knows."""
    known = inspect.signature(function).parameters
    return {name: value for name, value in arguments.items() if name in known}


def _step_through(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a FastAPI function waits where it never did before")


class YieldOpener:
    """Enters one generator dependency on the request's exit stack, with
    FastAPI's own ``_solve_generator``."""

    def __init__(self, dependant: Any) -> None:
        if dialect.EXITS_BEFORE_RESPONSE:
            raise NotCompiled("a dependency with yield, before FastAPI 0.118")
        self.dependant = dependant
        self.solve = getattr(utils, "_solve_generator", None) or getattr(utils, "solve_generator")
        self.stack = (
            "fastapi_function_astack"
            if getattr(dependant, "scope", None) == "function"
            else "fastapi_inner_astack"
        )
        self.known = inspect.signature(self.solve).parameters

    def __call__(self, /, **values: Any) -> Coroutine[Any, Any, Any]:
        request = values.pop(REQUEST_KEYWORD)
        arguments = {
            "dependant": self.dependant,
            "call": self.dependant.call,
            "stack": request.scope[self.stack],
            "sub_values": values,
            "request": request,
        }
        known = {name: value for name, value in arguments.items() if name in self.known}
        opening: Coroutine[Any, Any, Any] = self.solve(**known)
        return opening


class ParameterReader:
    """Reads the parameters of one function with FastAPI's own functions, for a
    request that a dependency may have changed."""

    def __init__(self, dependant: Any) -> None:
        self.dependant = dependant

    def __call__(self, request: Request) -> tuple[dict[str, Any], list[Any]]:
        values: dict[str, Any] = {}
        errors: list[Any] = []
        for fields, received in (
            (self.dependant.path_params, request.path_params),
            (self.dependant.query_params, request.query_params),
            (self.dependant.header_params, request.headers),
            (self.dependant.cookie_params, request.cookies),
        ):
            found, wrong = utils.request_params_to_args(fields, received)
            values.update(found)
            errors += wrong
        return values, errors


class Unwinding:
    """An ASGI application that answers with, or raises, the outcome of a plan inside
    FastAPI's own request_response, after which the exit stacks that user code has
    found in the scope are left with those that it should have found."""

    def __init__(self, stacks: list[AsyncExitStack], outcome: Any) -> None:
        self.stacks = stacks
        self.outcome = outcome

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def come_to(request: Request) -> Any:
            for name, stack in zip(dialect.STACKS, self.stacks, strict=True):
                request.scope[name].push_async_exit(stack)
            if isinstance(self.outcome, BaseException):
                raise self.outcome
            return self.outcome

        await routing.request_response(come_to)(scope, receive, send)


class DocumentationHelper:
    """The Python side of a documentation route: nothing but the route itself.

    Behind user middleware FastAPI's own router serves it.
    """

    def __init__(self, route: Any) -> None:
        self.route = route


class RouteHelper:
    """The Python side of one compiled route.

    ``values`` are the free variables of the route's pristine request handler:
    what FastAPI itself would use.
    """

    def __init__(self, route: Any, handler: Any, values: dict[str, Any]) -> None:
        self.route = route
        self.handler = handler
        self.values = values
        self.app: Any = None
        self.fastapi: Any = None
        self.handlers: tuple[Any, Any] = ({}, {})
        self.reads_form = False
        self.locations: dict[int, tuple[str, ...]] = {}

    def _endpoint_context(self, method: str) -> dict[str, Any]:
        """What error texts of FastAPI's say about the endpoint."""
        extract = getattr(routing, "_extract_endpoint_context", None)
        dependant = self.values["dependant"]
        if extract is None or dependant.call is None:
            return {}
        context = dict(extract(dependant.call))
        if dependant.path:
            context["path"] = f"{method} {dependant.path}"
        return context

    def fill_scope(self, scope: dict[str, Any], values: tuple[str, ...]) -> None:
        """Put into a server's ``scope`` what user code finds there inside FastAPI's
        own layers."""
        scope["app"] = self.fastapi
        scope["starlette.exception_handlers"] = self.handlers
        scope[dialect.STACKS[0]] = AsyncExitStack()
        scope["router"] = self.fastapi.router
        self.route.enter(scope, values)
        scope[dialect.STACKS[1]] = AsyncExitStack()
        scope[dialect.STACKS[2]] = AsyncExitStack()

    def stacks_used(self, scope: dict[str, Any]) -> bool:
        """Has user code put anything on the stacks that fill_scope() made?"""
        stacks: list[Any] = [scope[name] for name in dialect.STACKS]
        return any(stack._exit_callbacks for stack in stacks)

    def unwind(self, scope: dict[str, Any], outcome: Any) -> Unwinding:
        """What a request has come to, after which its stacks are left."""
        return Unwinding([scope[name] for name in dialect.STACKS], outcome)

    def _serialize(self, result: Any, dump_json: bool, method: str) -> Any:
        values = self.values
        return _step_through(
            routing.serialize_response(
                **_accepted(
                    routing.serialize_response,
                    {
                        "field": values["response_field"],
                        "response_content": result,
                        "include": values["response_model_include"],
                        "exclude": values["response_model_exclude"],
                        "by_alias": values["response_model_by_alias"],
                        "exclude_unset": values["response_model_exclude_unset"],
                        "exclude_defaults": values["response_model_exclude_defaults"],
                        "exclude_none": values["response_model_exclude_none"],
                        "is_coroutine": True,
                        "endpoint_ctx": self._endpoint_context(method),
                        "dump_json": dump_json,
                    },
                )
            )
        )

    def encode(
        self, result: Any, response: Any, background: Any, method: str
    ) -> Response:
        """The Response FastAPI makes of ``result``; ``response`` and
        ``background`` are the injected objects or None. Raises what FastAPI
        raises."""
        values = self.values
        injected = response if response is not None else SimpleNamespace(status_code=None)
        arguments: dict[str, Any] = {"background": background}
        status = values["status_code"] or injected.status_code
        if status is not None:
            arguments["status_code"] = status
        if injected.status_code:
            arguments["status_code"] = injected.status_code
        dump_json = uses_dump_json(values)
        content = self._serialize(result, dump_json, method)
        if dump_json:
            made = Response(content=content, media_type="application/json", **arguments)
        else:
            made = values["actual_response_class"](content, **arguments)
        if not is_body_allowed_for_status_code(made.status_code):
            made.body = b""
        if response is not None:
            made.headers.raw.extend(response.headers.raw)
        return made

    def raise_request_errors(
        self, failed: list[tuple[int | None, Any]], content: Any, method: str
    ) -> NoReturn:
        """Raise the RequestValidationError for validators that are user code.

        ``failed`` lists their steps and ValidationErrors, and errors that FastAPI
        has found itself with None in a step's place; everything else in the request
        was valid. ``content`` is the parsed JSON, the FormData or its
        fields, or None.
        """
        if self.reads_form and not isinstance(content, FormData):
            content = FormData(content)
        errors: list[Any] = []
        for step, error in failed:
            errors += error if step is None else error_list(error, self.locations[step])
        if hasattr(routing, "_normalize_errors"):
            errors = routing._normalize_errors(errors)
        raise RequestValidationError(
            errors,
            **_accepted(
                RequestValidationError.__init__,
                {"body": content, "endpoint_ctx": self._endpoint_context(method)},
            ),
        )

    def fail_content(self, request: Any, error: Exception) -> None:
        """Let the next ``request.form()`` or ``body()`` raise ``error`` again: the
        content was read once, and reading failed."""
        name = "form" if self.reads_form else "body"

        def read(**_: Any) -> NoReturn:
            delattr(request, name)
            raise error

        setattr(request, name, read)


def uses_dump_json(values: dict[str, Any]) -> bool:
    """Does this version, for this route, serialise straight to bytes?"""
    return (
        values["response_field"] is not None
        and isinstance(values["response_class"], DefaultPlaceholder)
        and hasattr(values["response_field"], "serialize_json")
    )


class Seam:
    """Stands where the application's router calls its innermost ASGI app.

    Requests of compiled routes run their plan inside FastAPI's own
    ``request_response``; the outcome of a plan that ran without the middleware
    stack surfaces here; everything else goes on to the router.
    """

    def __init__(self, engine_app: Any, inner: Any, app: Any) -> None:
        self.engine_app = engine_app
        self.inner = inner
        self.app = app
        self.routes: list[RouteHelper | None] = []

    def install(self, helpers: list[RouteHelper | DocumentationHelper | None]) -> None:
        self.routes = [h if isinstance(h, RouteHelper) else None for h in helpers]
        handlers = self._exception_handlers()
        for index, helper in enumerate(self.routes):
            if helper is not None:
                helper.app = self._route_app(index, helper)
                helper.fastapi = self.app
                helper.handlers = handlers

    def _exception_handlers(self) -> tuple[Any, Any]:
        """What Starlette's ExceptionMiddleware puts into the scope."""
        layer = self.app.middleware_stack
        while layer is not None and not isinstance(layer, ExceptionMiddleware):
            layer = getattr(layer, "app", None)
        if layer is None:
            return {}, {}
        return layer._exception_handlers, layer._status_handlers

    def _route_app(self, index: int, helper: RouteHelper) -> Any:
        engine_app = self.engine_app

        async def nested(request: Request) -> Response:
            values = request.scope.pop("fastrapi.values")
            response: Response = await _engine.run_nested(
                engine_app, index, request, values, helper.handler
            )
            return response

        return routing.request_response(nested)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        if OUTCOME_KEY in scope:
            await self._surface(scope, receive, send)
            return
        found = None
        if (
            not scope.pop(REPLAY_KEY, False)
            and not scope.get("root_path")
            and "fastapi.telemetry" not in scope
            # A client inside the application may run it on a loop of its own.
            and isinstance(asyncio._get_running_loop(), EventLoop)
        ):
            found = self.engine_app.match(scope["method"], scope["path"])
        helper = self.routes[found[0]] if found is not None else None
        if found is None or helper is None:
            await self.inner(scope, receive, send)
            return
        if "router" not in scope:
            scope["router"] = self.app.router
        route = helper.route
        route.enter(scope, found[1])
        scope["fastrapi.values"] = found[1]
        await helper.app(scope, receive, send)

    async def _surface(self, scope: Any, receive: Any, send: Any) -> None:
        """Let the outcome of a direct plan happen where the endpoint's would."""
        outcome = scope.pop(OUTCOME_KEY)
        found = self.engine_app.match(scope["method"], scope["path"])
        helper = self.routes[found[0]] if found is not None else None
        request = scope.pop(REQUEST_KEY, None) or Request(scope, receive, send)

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if isinstance(outcome, BaseException):
                if helper is not None and helper.reads_form:
                    # Exception handlers find the form read, as FastAPI leaves it.
                    await request.form()
                raise outcome
            await outcome(scope, receive, send)

        await wrap_app_handling_exceptions(app, request)(scope, receive, send)


class Resume:
    """resume(scope, receive, send, outcome): ends a request that a plan has run
    to its outcome, through the application's own middleware and handlers."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(
        self, scope: Any, receive: Any, send: Any, outcome: Any
    ) -> Coroutine[Any, Any, None]:
        scope[OUTCOME_KEY] = outcome
        run: Coroutine[Any, Any, None] = self.app(scope, receive, send)
        return run
