"""The Python side of one compiled route: what C asks of it when it has no way of its
own.

Everything here ends in functions of the installed FastAPI and Starlette, so that its
answers are theirs.
"""

from __future__ import annotations

import functools
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, NoReturn

import fastapi.routing as routing
from fastapi.exceptions import RequestValidationError
from fastapi.utils import is_body_allowed_for_status_code
from starlette.datastructures import FormData
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.responses import Response

from . import dialect, exit_stacks
from .response import uses_dump_json
from .walk import Entry

_serialize_response = dialect.Lenient(routing.serialize_response)
_validation_error = dialect.Lenient(RequestValidationError)


class DocumentationHelper:
    """The helper of a documentation route: C asks nothing of it, since the endpoint is
    FastAPI's own and returns a Response. Behind middleware FastAPI's router serves it."""


class RouteHelper:
    """The helper of one route of the application.

    ``app`` is the FastAPI application. ``handler`` is the route's pristine request
    handler and ``values`` are its free variables: what FastAPI itself would use.
    ``locations`` says for each step that validates in Python where errors place its
    value. The methods are called by name from bindings/plan.
    """

    def __init__(
        self,
        app: Any,
        entry: Entry,
        handler: Any,
        values: dict[str, Any],
        *,
        reads_form: bool,
        locations: dict[int, tuple[str, ...]],
    ) -> None:
        self.app = app
        self.entry = entry
        self.handler = handler
        self.values = values
        self.reads_form = reads_form
        self.locations = locations

    @functools.cached_property
    def exception_handlers(self) -> tuple[Any, Any]:
        """What Starlette's ExceptionMiddleware puts into the scope. Read at the first
        request: the layers around the router are made after compiling, and a compiled
        application whose layers are exchanged is compiled again."""
        layer = self.app.middleware_stack
        while layer is not None and not isinstance(layer, ExceptionMiddleware):
            layer = getattr(layer, "app", None)
        if layer is None:
            return {}, {}
        return layer._exception_handlers, layer._status_handlers

    def fill_scope(self, scope: dict[str, Any], values: tuple[str, ...]) -> None:
        """Put into a server's ``scope`` what user code finds there inside FastAPI's
        own layers. ``values`` are the texts of the path parameters."""
        outermost, inner, function = dialect.STACKS
        scope["app"] = self.app
        scope["starlette.exception_handlers"] = self.exception_handlers
        scope[outermost] = AsyncExitStack()
        scope["router"] = self.app.router
        self.entry.enter(scope, values)
        scope[inner] = AsyncExitStack()
        scope[function] = AsyncExitStack()

    def stacks_used(self, scope: dict[str, Any]) -> bool:
        """Has user code put anything on the stacks that fill_scope() made?"""
        return exit_stacks.used(scope)

    def unwind(self, scope: dict[str, Any], outcome: Any) -> exit_stacks.Unwinding:
        """The ASGI application that ends a request whose stacks were used."""
        return exit_stacks.Unwinding(scope, outcome)

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

    def _serialize(self, result: Any, dump_json: bool, method: str) -> Any:
        values = self.values
        return _step_through(
            _serialize_response(
                field=values["response_field"],
                response_content=result,
                include=values["response_model_include"],
                exclude=values["response_model_exclude"],
                by_alias=values["response_model_by_alias"],
                exclude_unset=values["response_model_exclude_unset"],
                exclude_defaults=values["response_model_exclude_defaults"],
                exclude_none=values["response_model_exclude_none"],
                is_coroutine=True,
                endpoint_ctx=self._endpoint_context(method),
                dump_json=dump_json,
            )
        )

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
            errors += error if step is None else _error_list(error, self.locations[step])
        if hasattr(routing, "_normalize_errors"):
            errors = routing._normalize_errors(errors)
        raise _validation_error(
            errors=errors, body=content, endpoint_ctx=self._endpoint_context(method)
        )

    def _endpoint_context(self, method: str) -> dict[str, Any]:
        """What the texts of FastAPI's errors say about the endpoint."""
        extract = getattr(routing, "_extract_endpoint_context", None)
        dependant = self.values["dependant"]
        if extract is None or dependant.call is None:
            return {}
        context = dict(extract(dependant.call))
        if dependant.path:
            context["path"] = f"{method} {dependant.path}"
        return context

    def fail_content(self, request: Any, error: Exception) -> None:
        """Let the next ``request.form()`` or ``body()`` raise ``error`` again: the
        content was read once, and reading failed."""
        name = "form" if self.reads_form else "body"

        def read(**_: Any) -> NoReturn:
            delattr(request, name)
            raise error

        setattr(request, name, read)


Helper = RouteHelper | DocumentationHelper


def _step_through(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that has nothing to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a FastAPI function waits where it never did before")


def _error_list(error: Any, location: tuple[str, ...]) -> list[Any]:
    """The errors of one parameter as FastAPI lists them (_regenerate_error_with_loc)."""
    return [
        {**one, "loc": location + one.get("loc", ())}
        for one in error.errors(include_url=False)
    ]
