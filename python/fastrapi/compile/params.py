"""Path, query, header and cookie parameters, and models of them, as steps."""

from __future__ import annotations

from typing import Any

from fastapi import params

from . import dialect
from .dialect import utils
from .draft import Draft
from .fields import aliases, is_sequence, model_of, place
from .records import FLAG, OP, SOURCE, NotCompiled, Step
from .values import value_steps

_CONVERTORS = {
    "IntegerConvertor": FLAG.INT,
    "FloatConvertor": FLAG.FLOAT,
    "UUIDConvertor": FLAG.UUID,
}


def path_steps(
    field: Any, slot: int, convertors: dict[str, Any], draft: Draft
) -> list[Step]:
    """The steps that fill ``slot`` with a path parameter."""
    _, name = aliases(field)
    if name not in convertors:
        raise NotCompiled(f"path parameter {name!r} is not in the path")
    kind = type(convertors[name]).__name__
    read = Step(
        OP.PARAM,
        SOURCE.PATH,
        _CONVERTORS.get(kind, 0),
        name=name.encode(),
        key=list(convertors).index(name),
    )
    return value_steps(read, field, slot, ("path", name), draft)


def param_steps(field: Any, source: int, slot: int, draft: Draft) -> list[Step]:
    """The steps that fill ``slot`` with a query, header or cookie parameter, which may
    be a model of several."""
    model = model_of(field)
    if model is not None:
        return model_steps(field, source, slot, model, draft)
    return scalar_steps(field, source, slot, draft)


def scalar_steps(field: Any, source: int, slot: int, draft: Draft) -> list[Step]:
    """The steps that fill ``slot`` with what ``source`` has under one name."""
    _, name = aliases(field)
    read = Step(
        OP.PARAM,
        source,
        FLAG.LIST if is_sequence(field) else 0,
        name=_lookup_name(source, name),
    )
    return value_steps(read, field, slot, (place(field), name), draft)


def model_steps(field: Any, source: int, slot: int, model: Any, draft: Draft) -> list[Step]:
    """The steps that fill ``slot`` with a ``model`` whose fields ``source`` has."""
    fields = _field_steps(field, source, model, draft)
    optional = field.field_info.annotation is not model
    flags = _optional_flags(field, source, model) if optional else 0
    head = Step(OP.PARAM_MODEL, source, flags, args=(0, len(fields)))
    read, *later = value_steps(head, field, slot, (place(field),), draft)
    if later and any(
        draft.objects.all[step.object].encode() != step.name for step in fields
    ):
        # FastAPI names converted headers in the errors.
        raise NotCompiled(
            f"header model {field.name!r} has a validator written in Python, "
            "and headers not named as its fields"
        )
    return [read, *fields, *later]


def _field_steps(field: Any, source: int, model: Any, draft: Draft) -> list[Step]:
    """One step for each field of a parameter model."""
    if dialect.MODELS_GET_DEFAULTS:
        raise NotCompiled(f"parameter {field.name!r} is a model (needs FastAPI 0.148)")
    convert = getattr(field.field_info, "convert_underscores", True)
    steps = []
    for sub in utils.get_cached_model_fields(model):
        if isinstance(sub.field_info, params.File):
            raise NotCompiled("file upload")
        sub_convert = source == SOURCE.HEADER and getattr(
            sub.field_info, "convert_underscores", convert
        )
        alias, name = aliases(sub, convert_underscores=sub_convert)
        steps.append(
            Step(
                OP.PARAM_FIELD,
                source,
                FLAG.LIST if is_sequence(sub) else 0,
                name=_lookup_name(source, name),
                object=draft.objects.add_equal(alias),
            )
        )
    return steps


def _optional_flags(field: Any, source: int, model: Any) -> int:
    """Flags of a model that may be left out altogether."""
    if not hasattr(utils, "_get_model_type"):
        raise NotCompiled(f"parameter {field.name!r} is an optional model")
    flags: int = FLAG.OPTIONAL_MODEL
    if model.model_config.get("extra") in ("allow", "forbid"):
        if source == SOURCE.HEADER:
            raise NotCompiled(
                f"optional header model {field.name!r} allows or forbids other headers"
            )
        flags |= FLAG.EXTRAS_SUPPLY
    return flags


def _lookup_name(source: int, name: str) -> bytes:
    """The bytes that C compares."""
    if source not in (SOURCE.HEADER, SOURCE.COOKIE):
        return name.encode()
    try:
        return (name.lower() if source == SOURCE.HEADER else name).encode("latin-1")
    except UnicodeEncodeError:
        raise NotCompiled(f"no header or cookie can have the name {name!r}") from None
