"""How a route's results are encoded."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from fastapi.datastructures import DefaultPlaceholder

from .params import _bound
from .records import MODE, NONE, Objects
from .runtime import uses_dump_json

_KEYWORDS = (
    "include",
    "exclude",
    "by_alias",
    "exclude_unset",
    "exclude_defaults",
    "exclude_none",
)

_serializers: dict[int, tuple[Any, Any]] = {}


def _to_json(serializer: Any) -> Any:
    known = _serializers.get(id(serializer))
    if known is None or known[0] is not serializer:
        known = _serializers[id(serializer)] = (serializer, serializer.to_json)
    return known[1]


def response_fields(values: dict[str, Any], objects: Objects) -> dict[str, int]:
    """The response_* members of a plan, from the handler's free variables."""
    field = values["response_field"]
    default_class = (
        isinstance(values["response_class"], DefaultPlaceholder)
        and values["actual_response_class"] is JSONResponse
    )
    if uses_dump_json(values):
        adapter = field._type_adapter
        arguments = tuple(values[f"response_model_{name}"] for name in _KEYWORDS)
        return {
            "response_mode": MODE.MODEL_JSON,
            "response_validator": objects.add(_bound(adapter.validator)),
            "response_serializer": objects.add(_to_json(adapter.serializer)),
            "response_kwargs": objects.add(_KEYWORDS),
            "response_values": objects.add(arguments),
        }
    if field is None and default_class:
        return {"response_mode": MODE.PLAIN_JSON}
    return {"response_mode": MODE.HELPER, "response_validator": NONE}
