"""Path, query, header and cookie parameters, and models of them, as steps."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from fastapi import params

from . import dialect, uploads
from .dialect import utils
from .draft import Draft, Location
from .fields import aliases, is_sequence, model_of, place
from .records import FLAG, NONE, OP, SOURCE, NotCompiled, Step
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
    name = aliases(field)[0][1]
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
    return value_steps(read, field, slot, Location(("path", name), {}), draft)


def param_steps(field: Any, source: int, slot: int, draft: Draft) -> list[Step]:
    """The steps that fill ``slot`` with a query, header or cookie parameter, which may
    be a model of several."""
    model = model_of(field)
    if model is not None:
        return model_steps(field, source, slot, [model], draft)
    return scalar_steps(field, source, slot, draft)


def scalar_steps(field: Any, source: int, slot: int, draft: Draft) -> list[Step]:
    """The steps that fill ``slot`` with what ``source`` has under a name of the field."""
    names = [name for _, name in aliases(field)]
    first, *others = (Location((place(field), name), {}) for name in names)
    read = Step(
        OP.PARAM,
        source,
        FLAG.LIST if is_sequence(field) else 0,
        name=_lookup_name(source, names[0]),
        args=(0, len(others)),
        key=_sequence_maker(field, source, draft),
    )
    read, *later = value_steps(read, field, slot, first, draft, others)
    return [read, *(_alias_step(source, name) for name in names[1:]), *later]


def _alias_step(source: int, name: str, key: int = NONE) -> Step:
    """Another name of the step before it."""
    return Step(OP.ALIAS, source, name=_lookup_name(source, name), object=key)


def form_source(field: Any) -> int:
    """Where a field of a form is read from: files may be bytes to the application."""
    info = field.field_info
    if not isinstance(info, params.File):
        return int(SOURCE.FORM)
    if not uploads.KNOWN:
        raise NotCompiled("file upload (not compiled for this Starlette and python-multipart)")
    if utils.is_bytes_or_nonable_bytes_annotation(info.annotation):
        return int(SOURCE.FILE)
    return int(SOURCE.FILE if utils.is_bytes_sequence_annotation(info.annotation) else SOURCE.FORM)


def _sequence_maker(field: Any, source: int, draft: Draft) -> int:
    """The object that makes of a list of files' bytes the sequence that FastAPI validates;
    NONE: the list itself is."""
    annotation = field.field_info.annotation
    if source != SOURCE.FILE or not is_sequence(field) or get_origin(annotation) is list:
        return NONE

    def make(values: list[Any]) -> Any:
        return utils.serialize_sequence_value(field=field, value=values)

    return draft.objects.add(make)


def model_steps(
    field: Any, source: int, slot: int, models: list[Any], draft: Draft
) -> list[Step]:
    """The steps that fill ``slot`` with a model whose fields ``source`` has. Of several
    ``models`` FastAPI's own validators choose one, and each takes its fields from the whole
    source."""
    if dialect.MODELS_GET_DEFAULTS:
        raise NotCompiled(f"parameter {field.name!r} is a model (needs FastAPI 0.148)")
    several = len(models) > 1
    if several and not dialect.PARAMETERS_ARE_KNOWN:
        raise NotCompiled(f"form {field.name!r} may be one of several models")
    optional = type(None) in get_args(field.field_info.annotation) if several else (
        field.field_info.annotation is not models[0]
    )
    flags = _optional_flags(field, source, models) if optional else 0
    read = [_field_names(field, sub, source) for model in models for sub in _fields(model)]
    if several:
        fields = [
            _alias_step(source, name, draft.objects.add_equal(alias))
            for _, names in read if optional
            for alias, name in names
        ]
    else:
        fields = [step for sub, names in read for step in _field_steps(sub, names, source, draft)]
    location = Location((place(field),), {} if several else _renamed(field, models[0], read))
    head = Step(OP.PARAM_MODEL, source, flags, args=(0, len(fields)))
    first, *later = value_steps(head, field, slot, location, draft)
    if location.renamed and not dialect.PARAMETERS_ARE_KNOWN:
        draft.inexact = True
        if later:
            raise NotCompiled(
                f"header model {field.name!r} has a validator written in Python, "
                "and headers not named as its fields"
            )
    return [first, *fields, *later]


def _fields(model: Any) -> list[Any]:
    """FastAPI's fields of a parameter model."""
    return list(utils.get_cached_model_fields(model))


def _field_names(field: Any, sub: Any, source: int) -> tuple[Any, list[tuple[str, str]]]:
    """A field of a parameter model and its names: see aliases()."""
    convert = source == SOURCE.HEADER and getattr(
        sub.field_info,
        "convert_underscores",
        getattr(field.field_info, "convert_underscores", True),
    )
    return sub, aliases(sub, convert_underscores=convert)


def _field_steps(
    sub: Any, names: list[tuple[str, str]], source: int, draft: Draft
) -> list[Step]:
    """The steps of one field of a parameter model."""
    (alias, name), *others = names
    own = form_source(sub) if source == SOURCE.FORM else source
    first = Step(
        OP.PARAM_FIELD,
        own,
        FLAG.LIST if is_sequence(sub) else 0,
        name=_lookup_name(source, name),
        object=draft.objects.add_equal(alias),
        args=(0, len(others)),
        key=_sequence_maker(sub, own, draft),
    )
    return [
        first,
        *(_alias_step(own, name, draft.objects.add_equal(alias)) for alias, name in others),
    ]


def _renamed(field: Any, model: Any, read: list[tuple[Any, list[tuple[str, str]]]]) -> dict[str, str]:
    """What errors call the headers of a model whose names FastAPI has converted."""
    if not model.model_config.get("loc_by_alias", True):
        return {}
    renamed = {
        sub.name: name for sub, names in read for alias, name in names if alias != name
    }
    mixed = {
        alias for sub, names in read for alias, _ in names if alias in renamed and alias != sub.name
    }
    if mixed:
        raise NotCompiled(f"header model {field.name!r} has an alias that is another field's name")
    return renamed


def _optional_flags(field: Any, source: int, models: list[Any]) -> int:
    """Flags of a model that may be left out altogether."""
    if not hasattr(utils, "_get_model_type"):
        raise NotCompiled(f"parameter {field.name!r} is an optional model")
    flags: int = FLAG.OPTIONAL_MODEL
    if any(model.model_config.get("extra") in ("allow", "forbid") for model in models):
        if source == SOURCE.HEADER and not dialect.PARAMETERS_ARE_KNOWN:
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
