"""Where the installed FastAPI differs from the newest known one.

Read off the names that its functions use, since patch releases moved these.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import starlette._exception_handler
import starlette.routing
from pydantic_core import from_json

import fastapi.routing
from fastapi.dependencies import utils as _utils

from .sources import fingerprint

# fastapi.dependencies.utils, whose names differ from version to version.
utils: Any = _utils


def uses(function: Any, name: str) -> bool:
    return name in function.__code__.co_names


def _texts(code: Any) -> set[str]:
    """Text constants in ``code`` and in functions inside it."""
    found = {const for const in code.co_consts if isinstance(const, str)}
    return found.union(*(_texts(const) for const in code.co_consts if hasattr(const, "co_consts")))


# Where the exit stacks of a request are found in its scope, outermost first.
STACKS = ("fastapi_middleware_astack", "fastapi_inner_astack", "fastapi_function_astack")
STACKS_IN_SCOPE = _texts(fastapi.routing.request_response.__code__) >= set(STACKS[1:])
# Does Starlette's own router put the route that it has found into the scope?
ROUTE_IN_SCOPE = "route" in _texts(starlette.routing.Router.app.__code__)
# The entry of the scope with the cancel scopes around asynchronous dependencies; None: there
# are none.
CLEANUP_SCOPES = (
    "fastapi_async_cleanup_scopes"
    if hasattr(utils, "_solve_generator")
    and "fastapi_async_cleanup_scopes" in _texts(utils._solve_generator.__code__)
    else None
)
# Until 0.150 a JSON null counted as no content.
NULL_IS_ABSENT = not uses(utils._validate_value_with_model_field, "Undefined")
# Until 0.147 the defaults of query, header and cookie parameters were validated.
DEFAULTS_ARE_VALIDATED = not uses(
    utils._validate_value_with_model_field, "validate_default"
)
# Until 0.147 absent members of a parameter model were filled in before validation.
MODELS_GET_DEFAULTS = uses(utils._get_multidict_value, "deepcopy")
# Until 0.117 dependencies with yield were exited before the response was sent.
EXITS_BEFORE_RESPONSE = fastapi.routing.request_response is starlette.routing.request_response


# Pydantic 2.7 takes an escaped character beyond ASCII for the bytes of its UTF-8.
parse_json: Callable[[bytes], Any] = (
    from_json if from_json(b'"\\u00e9"') == "\u00e9" else json.loads
)


def _names(code: Any) -> set[str]:
    """Names that ``code`` and functions inside it use."""
    return set(code.co_names).union(
        *(_names(const) for const in code.co_consts if hasattr(const, "co_names"))
    )


# In newer versions of Starlette an exception that was handled keeps no traceback.
FORGETS_TRACEBACK = "__traceback__" in _names(
    starlette._exception_handler.wrap_app_handling_exceptions.__code__
)


# Which of several names of a parameter counts, what of a form belongs to one of several
# models, and what errors call a header have changed several times: are they as they are
# written here and in C?
_PARAMETERS = (
    "_get_param_aliases",
    "_get_multidict_value",
    "_get_multidict_extras",
    "_request_param_model_to_args",
    "request_params_to_args",
    "_add_form_union_validators",
    "_normalize_form_model",
    "_get_form_models",
    "_extract_form_items",
    "_extract_form_body",
    "_is_form_model_supplied",
    "_extract_form_model",
    "request_body_to_args",
)
PARAMETERS_ARE_KNOWN = fingerprint(
    tuple(f"fastapi.dependencies.utils:{name}" for name in _PARAMETERS)
) in {"81e8e2fa9547588636a42b058fa871291c8de912c9ae7aecb7e19a9f74350a2b"}


# How an overridden dependency is solved.
OVERRIDES_ARE_KNOWN = fingerprint(
    ("fastapi.dependencies.utils:solve_dependencies", "fastapi.dependencies.utils:get_dependant")
) in {"5b00ef18c81295d7d6cd4f12f8ed3f028262ca900866b2e1b00d41cbfdfd2c91"}


class Lenient:
    """Calls ``function`` with the other arguments, and with those of the keyword arguments
    that this version of it knows."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.known = frozenset(inspect.signature(function).parameters)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        known = {name: value for name, value in named.items() if name in self.known}
        return self.function(*arguments, **known)
