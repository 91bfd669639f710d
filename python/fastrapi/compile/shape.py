"""Response types whose values C writes as pydantic-core would: plain types without any rule.

A value that has exactly the types of such a shape passes validation unchanged, and its JSON
says nothing but the value. Every other value goes to pydantic-core.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import SchemaSerializer, SchemaValidator

from .records import KIND

_LEAVES = {
    "any": KIND.ANY,
    "bool": KIND.BOOL,
    "float": KIND.FLOAT,
    "int": KIND.INT,
    "none": KIND.NONE,
    "str": KIND.STR,
}
# A union of two of these may write a value of one as one of the other.
_NUMBERS = (KIND.BOOL, KIND.FLOAT, KIND.INT)
_ANY = {"type": "any"}
_LONGEST = 16


def shape_of(field: Any, keywords: dict[str, Any]) -> bytes | None:
    """The shape of the results of a route whose response field is ``field``; None: it has
    none. ``keywords`` are those of the serializer."""
    adapter = field._type_adapter
    # A plugin of Pydantic's puts a wrapper around the validator, to be called each time.
    if type(adapter.validator) is not SchemaValidator:
        return None
    if type(adapter.serializer) is not SchemaSerializer or field.config is not None:
        return None
    given = {name for name, value in keywords.items() if value is not None and value is not False}
    if given - {"by_alias"}:
        return None
    shape = _of_node(adapter.core_schema)
    return shape if shape is not None and len(shape) <= _LONGEST else None


def _of_node(node: Any) -> bytes | None:
    """The shape of one node of a core schema. A member that is not known is a rule."""
    members = node.keys() - {"type", "metadata"}
    match node["type"]:
        case kind if kind in _LEAVES and not members:
            return bytes([_LEAVES[kind]])
        case "nullable" if members == {"schema"}:
            return _or_none(_of_node(node["schema"]))
        case "union" if members == {"choices"}:
            return _of_choices(node["choices"])
        case "list" if members <= {"items_schema"}:
            return _of_items(KIND.LIST, node.get("items_schema", _ANY))
        case "dict" if members <= {"keys_schema", "values_schema"}:
            keys = _of_node(node.get("keys_schema", _ANY))
            if keys in (bytes([KIND.STR]), bytes([KIND.ANY])):
                return _of_items(KIND.DICT, node.get("values_schema", _ANY))
    return None


def _or_none(shape: bytes | None) -> bytes | None:
    return shape and bytes([shape[0] | KIND.NONE, *shape[1:]])


def _of_items(kind: int, items: Any) -> bytes | None:
    shape = _of_node(items)
    return shape and bytes([kind, *shape])


def _of_choices(choices: list[Any]) -> bytes | None:
    """The shape of a union of types that have no items."""
    kinds = 0
    for choice in choices:
        shape = _of_node(choice) if isinstance(choice, dict) else None
        if shape is None or len(shape) != 1 or shape[0] == KIND.ANY:
            return None
        kinds |= shape[0]
    return bytes([kinds]) if sum(bool(kinds & number) for number in _NUMBERS) < 2 else None
