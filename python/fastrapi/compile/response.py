"""How a route's results are encoded."""

from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from fastapi.datastructures import DefaultPlaceholder

from .objects import Objects
from .records import MODE, NONE, Encoding
from .shape import shape_of

_KEYWORDS = (
    "include",
    "exclude",
    "by_alias",
    "exclude_unset",
    "exclude_defaults",
    "exclude_none",
)


def uses_dump_json(values: dict[str, Any]) -> bool:
    """Does this version, for this route, serialise straight to bytes? ``values`` are
    the free variables of the route's handler."""
    return (
        values["response_field"] is not None
        and isinstance(values["response_class"], DefaultPlaceholder)
        and hasattr(values["response_field"], "serialize_json")
    )


def response_encoding(values: dict[str, Any], objects: Objects) -> Encoding:
    """The encoding of a route's results, from the free variables of its handler."""
    field = values["response_field"]
    if uses_dump_json(values):
        adapter = field._type_adapter
        keywords = {name: values[f"response_model_{name}"] for name in _KEYWORDS}
        shape = shape_of(field, keywords)
        return Encoding(
            MODE.MODEL_JSON,
            validator=objects.add(objects.bound(adapter.validator, "validate_python")),
            serializer=objects.add(objects.bound(adapter.serializer, "to_json")),
            kwargs=objects.add(_KEYWORDS),
            values=objects.add(tuple(keywords.values())),
            shape=objects.add_equal(shape) if shape is not None else NONE,
        )
    default_class = (
        isinstance(values["response_class"], DefaultPlaceholder)
        and values["actual_response_class"] is JSONResponse
    )
    return Encoding(MODE.PLAIN_JSON if field is None and default_class else MODE.HELPER)
