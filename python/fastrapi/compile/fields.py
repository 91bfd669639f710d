"""What FastAPI knows about one parameter: its ModelField, read as this version has it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from fastapi import params

from . import dialect
from .dialect import utils
from .records import NotCompiled


def adapter_of(field: Any) -> Any:
    """The TypeAdapter of a FastAPI ModelField (Pydantic 2)."""
    adapter = getattr(field, "_type_adapter", None)
    if adapter is None:
        raise NotCompiled(f"parameter {field.name!r} is not a Pydantic 2 field")
    return adapter


def aliases(field: Any, convert_underscores: bool | None = None) -> list[tuple[str, str]]:
    """(validation alias, name looked up in the request), in the order of preference."""
    get_aliases = getattr(utils, "_get_param_aliases", None)
    if get_aliases is not None:
        options = {} if convert_underscores is None else {"convert_underscores": convert_underscores}
        pairs = list(get_aliases(field, **options))
        if len(pairs) > 1 and not dialect.PARAMETERS_ARE_KNOWN:
            raise NotCompiled(f"parameter {field.name!r} has several aliases")
        return pairs
    get_alias = getattr(utils, "get_validation_alias", None)
    alias = get_alias(field) if get_alias is not None else field.alias
    if convert_underscores and alias == field.name:
        return [(alias, alias.replace("_", "-"))]
    return [(alias, alias)]


def is_sequence(field: Any) -> bool:
    """Does FastAPI read every occurrence of the parameter, into a list?"""
    if hasattr(utils, "_is_json_field") and utils._is_json_field(field):
        return False
    of_annotation = getattr(utils, "field_annotation_is_sequence", None)
    if of_annotation is not None:
        return bool(of_annotation(field.field_info.annotation))
    return bool(utils.is_sequence_field(field))


def model_of(field: Any) -> type[BaseModel] | None:
    """The model whose fields are parameters of their own; None: the field is one."""
    get_model = getattr(utils, "_get_param_model", None)
    if get_model is not None:
        model = get_model(field)
        return model if isinstance(model, type) else None
    annotation = field.field_info.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def place(field: Any) -> str:
    """Where errors say that the parameter was looked for."""
    info = field.field_info
    return str(info.in_.value) if isinstance(info, params.Param) else "body"
