"""Which validators run nothing but pydantic-core itself?

Only these may run before user code, and run once more when the request is replayed.
"""

from __future__ import annotations

import functools
from typing import Any

from fastapi import UploadFile
from pydantic_core import SchemaValidator

from . import dialect
from .dialect import utils

# Core schema types that are Rust alone. Whatever is not listed counts as user
# code: function-*, callable, custom-error, is-instance (metaclasses), generator...
_PURE = frozenset(
    """
    any none bool int float decimal str bytes date time datetime timedelta
    literal enum list tuple tuple-positional tuple-variable set frozenset dict
    nullable union tagged-union chain json url multi-host-url uuid complex
    model model-fields model-field typed-dict typed-dict-field dataclass
    dataclass-args dataclass-field named-tuple default definitions
    definition-ref lax-or-strict json-or-python missing-sentinel arguments
    """.split()
)

# Entries of a schema node that hold values or functions for serialisation, not
# validators.
_SKIPPED = frozenset({"serialization", "metadata", "ref", "expected", "members"})


def _is_upload(node: dict[str, Any]) -> bool:
    """FastAPI's own look at an UploadFile: an isinstance()."""
    function = node.get("function")
    return (
        node.get("type") == "function-plain"
        and isinstance(function, dict)
        and function.get("function") == UploadFile._validate
        and UploadFile._validate.__module__ == UploadFile.__module__
    )


def _is_form_choice(node: dict[str, Any]) -> bool:
    """FastAPI's own way to give each of several form models its fields."""
    function = node.get("function")
    made = function.get("function") if isinstance(function, dict) else None
    return (
        node.get("type") == "function-before"
        and dialect.PARAMETERS_ARE_KNOWN
        and type(made) is functools.partial
        and made.func is utils._normalize_form_model
    )


def _node_pure(node: dict[str, Any]) -> bool:
    kind = node.get("type")
    if isinstance(kind, str) and kind not in _PURE:
        return _is_upload(node) or _is_form_choice(node)
    if node.get("default_factory") is not None or node.get("post_init"):
        return False
    if kind == "enum" and node.get("missing") is not None:
        return False
    if kind in ("model", "dataclass") and node.get("custom_init"):
        return False
    discriminator = node.get("discriminator")
    return not callable(discriminator)


def _model_pure(cls: type) -> bool:
    """No hook of the class itself runs while an instance is made."""
    private = getattr(cls, "__private_attributes__", None)
    return not private and getattr(cls, "__pydantic_post_init__", None) is None


def is_rust(validator: Any) -> bool:
    """Is this pydantic-core's own validator? Also when wrapped: Pydantic puts a wrapper
    around every validator as soon as a plugin is installed."""
    if type(validator) is SchemaValidator:
        return True
    inner = getattr(validator, "_schema_validator", None)
    method = getattr(validator, "validate_python", None)
    return type(inner) is SchemaValidator and getattr(method, "__self__", None) is inner


def is_pure(adapter: Any) -> bool:
    """True when ``adapter`` (a TypeAdapter) validates without any Python code."""
    if not is_rust(adapter.validator):
        return False
    pending: list[Any] = [adapter.core_schema]
    while pending:
        node = pending.pop()
        children = node
        if isinstance(node, dict):
            kind = node.get("type")
            if len(node) == 1 and type(kind) is str and kind in _PURE:
                continue  # most are like this: a type and nothing else
            if not _node_pure(node):
                return False
            cls = node.get("cls")
            if kind == "model" and cls is not None and not _model_pure(cls):
                return False
            children = [child for key, child in node.items() if key not in _SKIPPED]
        pending.extend([child for child in children if isinstance(child, (dict, list, tuple))])
    return True
