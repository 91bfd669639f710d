"""The Python side of one compiled route: what C asks of it when it has no way of its
own.

Everything here ends in functions of the installed FastAPI and Starlette, so that its
answers are theirs.
"""

from __future__ import annotations

import copy
import functools
import inspect
import json
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, NoReturn

import fastapi.routing as routing
from fastapi.exceptions import RequestValidationError
from fastapi.utils import is_body_allowed_for_status_code
from pydantic_core import ValidationError
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from . import dialect, exit_stacks, uploads
from .answers import handlers_of, step_through
from .dialect import utils
from .draft import Location
from .response import uses_dump_json
from .starlette_routes import StarletteHelper
from .walk import Entry

_serialize_response = dialect.Lenient(routing.serialize_response)
_validation_error = dialect.Lenient(RequestValidationError)


# What a form may have at most.
LIMITS = ("max_files", "max_fields", "max_part_size")
_NO_LIMIT = 2**31  # more than any form has


class RouteHelper:
    """The helper of one route of the application.

    ``app`` is the FastAPI application, perhaps a mounted one, ``router`` the outermost's.
    ``handler`` is the route's pristine request
    handler and ``values`` are its free variables: what FastAPI itself would use.
    ``locations`` says for each step that reads or validates a value where errors place
    it, in FastAPI's order. ``limits`` are those of the route's forms that are not
    Starlette's own. The methods are called by name from bindings/plan.
    """

    def __init__(
        self,
        app: Any,
        router: Any,
        entry: Entry,
        handler: Any,
        values: dict[str, Any],
        *,
        reads_form: bool,
        limits: dict[str, int],
        locations: dict[int, Location],
    ) -> None:
        self.app = app
        self.router = router
        self.entry = entry
        self.handler = handler
        self.values = values
        self.reads_form = reads_form
        self.limits = limits
        self.locations = locations
        self.ranks = {step: rank for rank, step in enumerate(locations)}

    @functools.cached_property
    def form_limits(self) -> tuple[int, ...]:
        """All limits of the route's forms, in the order in which C wants them."""
        usual = inspect.signature(Request.form).parameters
        return tuple(min(self.limits.get(name, usual[name].default), _NO_LIMIT) for name in LIMITS)

    def read_form(self, request: Any) -> Any:
        """Read the form of ``request``, to be awaited."""
        return request.form(**self.limits)

    @functools.cached_property
    def exception_handlers(self) -> tuple[Any, Any]:
        """What Starlette's ExceptionMiddleware puts into the scope. Read at the first
        request: the layers around the router are made after compiling, and a compiled
        application whose layers are exchanged is compiled again."""
        return handlers_of(self.app, bool(self.entry.inside.apps))

    def fill_scope(self, scope: dict[str, Any], values: tuple[str, ...]) -> None:
        """Put into a server's ``scope`` what user code finds there inside FastAPI's
        own layers. ``values`` are the texts of the path parameters."""
        scope["app"] = self.app
        scope["starlette.exception_handlers"] = self.exception_handlers
        scope[dialect.STACKS[0]] = AsyncExitStack()
        scope["router"] = self.router
        self.entry.inside.fill(scope)
        self.fill_route(scope, values)

    def fill_route(self, scope: dict[str, Any], values: tuple[str, ...]) -> None:
        """The part of it that FastAPI's router and request_response put there."""
        _, inner, function = dialect.STACKS
        scope.setdefault("router", self.router)
        self.entry.enter(scope, values)
        scope[inner] = AsyncExitStack()
        scope[function] = AsyncExitStack()

    def stacks_used(self, scope: dict[str, Any]) -> int:
        """On which of the stacks that fill_scope() made has user code put anything? A bit
        for each."""
        return exit_stacks.used(scope)

    def adopt(self, scope: dict[str, Any], manager: Any, early: bool) -> None:
        """Let a stack that is used leave a dependency that was entered."""
        exit_stacks.adopt(scope, manager, early)

    def unwind(self, *what: Any) -> exit_stacks.Unwinding:
        """The ASGI application that leaves what is entered."""
        return exit_stacks.Unwinding(*what)

    def close_files(self, files: list[Any]) -> None:
        """The request has been answered, and its uploaded files are no longer needed."""
        uploads.close(files)

    def keep_files(self, scope: dict[str, Any], form: FormData) -> None:
        """FastAPI's layers around the plan close the files of ``form``."""
        uploads.keep(scope, form)

    def encode(
        self, result: Any, response: Any, background: Any, method: str, encoded: Any
    ) -> Response:
        """The Response FastAPI makes of ``result``; ``response`` and
        ``background`` are the injected objects or None. Raises what FastAPI
        raises. ``encoded`` is what the response model has made of the result: bytes, or its
        ValidationError; None: it was not asked."""
        values = self.values
        injected = response if response is not None else SimpleNamespace(status_code=None)
        arguments: dict[str, Any] = {"background": background}
        status = values["status_code"] or injected.status_code
        if status is not None:
            arguments["status_code"] = status
        if injected.status_code:
            arguments["status_code"] = injected.status_code
        dump_json = uses_dump_json(values)
        content = encoded
        if encoded is None or isinstance(encoded, ValidationError):
            content = self._serialize(result, dump_json, method, encoded)
        if dump_json:
            made = Response(content=content, media_type="application/json", **arguments)
        else:
            made = values["actual_response_class"](content, **arguments)
        if not is_body_allowed_for_status_code(made.status_code):
            made.body = b""
        if response is not None:
            made.headers.raw.extend(response.headers.raw)
        return made

    def _serialize(self, result: Any, dump_json: bool, method: str, error: Any) -> Any:
        values = self.values
        field = values["response_field"]
        return step_through(
            _serialize_response(
                field=field if error is None else _failing(field, error),
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
        """Raise the RequestValidationError for what request_errors() is given.
        ``content`` is the parsed JSON, the FormData or its fields, or None."""
        if self.reads_form and not isinstance(content, FormData):
            content = FormData(content)
        raise _validation_error(
            self.request_errors(failed),
            body=content,
            endpoint_ctx=self._endpoint_context(method),
        )

    def request_errors(self, failed: list[tuple[int | None, Any]]) -> list[Any]:
        """The errors of a RequestValidationError. ``failed`` lists steps with their
        ValidationErrors, None for a missing value, and errors that FastAPI has found itself
        with None in a step's place; everything else in the request was valid."""
        if len(failed) > 1 and all(step is not None for step, _ in failed):
            failed = sorted(failed, key=lambda one: self.ranks[one[0]])  # type: ignore[index]
        errors: list[Any] = []
        for step, error in failed:
            if step is None:
                errors += error
            elif error is None:
                errors.append(utils.get_missing_field_error(self.locations[step].path))
            else:
                errors += _error_list(error, self.locations[step])
        if hasattr(routing, "_normalize_errors"):
            errors = routing._normalize_errors(errors)
        return errors

    def content_errors(self, content: bytes) -> list[Any] | None:
        """FastAPI's error when ``content`` is no JSON; None: it may be."""
        try:
            json.loads(content)
        except json.JSONDecodeError as exc:
            return [
                {
                    "type": "json_invalid",
                    "loc": ("body", exc.pos),
                    "msg": "JSON decode error",
                    "input": {},
                    "ctx": {"error": exc.msg},
                }
            ]
        return None

    def _endpoint_context(self, method: str) -> dict[str, Any]:
        """What the texts of FastAPI's errors say about the endpoint."""
        extract = getattr(routing, "_extract_endpoint_context", None)
        dependant = self.values["dependant"]
        if extract is None or dependant.call is None:
            return {}
        context = dict(extract(dependant.call))
        if dependant.path:
            context["path"] = f"{method} {self.entry.inside.prefix}{dependant.path}"
        return context

    def fail_content(self, request: Any, error: Exception) -> None:
        """Let the next ``request.form()`` or ``body()`` raise ``error`` again: the
        content was read once, and reading failed."""
        name = "form" if self.reads_form else "body"

        def read(**_: Any) -> NoReturn:
            delattr(request, name)
            raise error

        setattr(request, name, read)


class _Raises:
    """The type adapter of a field whose value was found invalid."""

    def __init__(self, error: Any) -> None:
        self.error = error

    def validate_python(self, value: Any, **_: Any) -> NoReturn:
        raise self.error


def _failing(field: Any, error: Any) -> Any:
    """The field as it fails with ``error``, without asking its type once more."""
    field = copy.copy(field)
    field._type_adapter = _Raises(error)
    return field


Helper = RouteHelper | StarletteHelper


def _error_list(error: Any, location: Location) -> list[Any]:
    """The errors of one parameter as FastAPI lists them (_regenerate_error_with_loc)."""
    errors = []
    for one in error.errors(include_url=False):
        loc = one.get("loc", ())
        if loc and loc[0] in location.renamed:
            loc = (location.renamed[loc[0]], *loc[1:])
        errors.append({**one, "loc": location.path + loc})
    return errors
