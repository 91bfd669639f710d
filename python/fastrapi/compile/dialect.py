"""Where the installed FastAPI differs from the newest known one.

Read off the names that its functions use, since patch releases moved these.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import starlette.routing

import fastapi.routing
from fastapi.dependencies import utils as _utils

# fastapi.dependencies.utils, whose names differ from version to version.
utils: Any = _utils


def _uses(function: Any, name: str) -> bool:
    return name in function.__code__.co_names


def _texts(code: Any) -> set[str]:
    """Text constants in ``code`` and in functions inside it."""
    found = {const for const in code.co_consts if isinstance(const, str)}
    return found.union(*(_texts(const) for const in code.co_consts if hasattr(const, "co_consts")))


# Where the exit stacks of a request are found in its scope, outermost first.
STACKS = ("fastapi_middleware_astack", "fastapi_inner_astack", "fastapi_function_astack")
STACKS_IN_SCOPE = _texts(fastapi.routing.request_response.__code__) >= set(STACKS[1:])
# Until 0.150 a JSON null counted as no content.
NULL_IS_ABSENT = not _uses(utils._validate_value_with_model_field, "Undefined")
# Until 0.147 the defaults of query, header and cookie parameters were validated.
DEFAULTS_ARE_VALIDATED = not _uses(
    utils._validate_value_with_model_field, "validate_default"
)
# Until 0.147 absent members of a parameter model were filled in before validation.
MODELS_GET_DEFAULTS = _uses(utils._get_multidict_value, "deepcopy")
# Until 0.117 dependencies with yield were exited before the response was sent.
EXITS_BEFORE_RESPONSE = fastapi.routing.request_response is starlette.routing.request_response


class Lenient:
    """Calls ``function`` with those of the keyword arguments that this version of it
    knows."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.known = frozenset(inspect.signature(function).parameters)

    def __call__(self, **arguments: Any) -> Any:
        known = {name: value for name, value in arguments.items() if name in self.known}
        return self.function(**known)
