"""Parameters and content of one dependant as steps.

A value whose validation is user code (a validator or default factory written in
Python) takes two steps: a pure one reads it, a later one, in FastAPI's order,
validates it.
"""

from __future__ import annotations

import copy
import functools
from typing import Any

from pydantic import ValidationError

from fastapi import params
from fastapi.dependencies import utils as _installed_utils

from . import dialect
from .records import FLAG, NONE, OP, SOURCE, NotCompiled, Objects, Step
from .schema import is_pure, is_rust

# Its names differ from version to version.
utils: Any = _installed_utils

_CONVERTORS = {
    "IntegerConvertor": FLAG.INT,
    "FloatConvertor": FLAG.FLOAT,
    "UUIDConvertor": FLAG.UUID,
}
# Default factories that are no user code.
_FACTORIES = (list, dict, set, tuple, frozenset, str, bytes, int, float, bool)
_PLAIN = (str, bytes, int, float, bool, complex, type(None))


class Slots:
    """Numbers for the values of a plan."""

    def __init__(self) -> None:
        self.count = 0

    def new(self) -> int:
        self.count += 1
        return self.count - 1


def adapter_of(field: Any) -> Any:
    """The TypeAdapter of a FastAPI ModelField (pydantic v2)."""
    adapter = getattr(field, "_type_adapter", None)
    if adapter is None:
        raise NotCompiled(f"parameter {field.name!r} is not a pydantic v2 field")
    return adapter


def _plain(value: Any, depth: int = 0) -> bool:
    """Is copying ``value`` no user code?"""
    if type(value) in (list, tuple, set, frozenset) and depth < 8:
        return all(_plain(item, depth + 1) for item in value)
    if type(value) is dict and depth < 8:
        return all(_plain(k, depth + 1) and _plain(v, depth + 1) for k, v in value.items())
    return type(value) in _PLAIN


def _default(field: Any, objects: Objects) -> tuple[int, int, bool]:
    """Flags and object of what an absent value becomes, and whether making it is
    user code."""
    info = field.field_info
    if info.is_required():
        return FLAG.REQUIRED, NONE, False
    flags = FLAG.DEFAULT_VALIDATE if info.validate_default else 0
    factory = getattr(info, "default_factory", None)
    if factory is not None:
        if dialect.DEFAULTS_ARE_VALIDATED:
            raise NotCompiled(f"parameter {field.name!r} has a default_factory")
        flags |= FLAG.DEFAULT_FACTORY | FLAG.DEFAULT_COPY
        return flags, objects.add(field.get_default), factory not in _FACTORIES
    value = field.default
    plain = _plain(value)
    if not plain or copy.deepcopy(value) is not value:
        flags |= FLAG.DEFAULT_COPY
    return flags, objects.add(value), not plain


def _aliases(field: Any, convert_underscores: bool | None = None) -> tuple[str, str]:
    """(validation alias, name looked up in the request)."""
    get_aliases = getattr(utils, "_get_param_aliases", None)
    if get_aliases is not None:
        pairs = (
            get_aliases(field)
            if convert_underscores is None
            else get_aliases(field, convert_underscores=convert_underscores)
        )
        if len(pairs) != 1:
            raise NotCompiled(f"parameter {field.name!r} has several aliases")
        return pairs[0][0], pairs[0][1]
    get_alias = getattr(utils, "get_validation_alias", None)
    alias = get_alias(field) if get_alias is not None else field.alias
    if convert_underscores and alias == field.name:
        return alias, alias.replace("_", "-")
    return alias, alias


def _is_sequence(field: Any) -> bool:
    if hasattr(utils, "_is_json_field") and utils._is_json_field(field):
        return False
    of_annotation = getattr(utils, "field_annotation_is_sequence", None)
    if of_annotation is not None:
        return bool(of_annotation(field.field_info.annotation))
    return bool(utils.is_sequence_field(field))


def _value_steps(
    read: Step, field: Any, slot: int, loc: tuple[str, ...], slots: Slots, objects: Objects
) -> list[Step]:
    """``read``, and what turns its text into the value in ``slot``."""
    adapter = adapter_of(field)
    if not is_rust(adapter.validator):
        raise NotCompiled(f"parameter {field.name!r} has a validator of a plugin's")
    flags, default, user_code = _default(field, objects)
    validator = _bound(adapter.validator)
    body = read.op in (OP.VALIDATE, OP.BODY_FIELD)
    if not body and dialect.DEFAULTS_ARE_VALIDATED and field.default is not None:
        flags |= FLAG.DEFAULT_VALIDATE
    if is_pure(adapter) and not user_code:
        if body and dialect.NULL_IS_ABSENT and _takes_null(validator):
            validator = _not_null(validator)
        read.flags |= flags
        read.slot, read.object, read.object2 = slot, objects.add(validator), default
        return [read]
    if body and dialect.NULL_IS_ABSENT:
        raise NotCompiled(f"parameter {field.name!r} has a validator written in Python")
    raw = slots.new()
    read.flags |= FLAG.RAW | flags & FLAG.REQUIRED
    read.slot = raw
    validate = Step(
        OP.VALIDATE,
        SOURCE.BODY,
        FLAG.IMPURE | flags,
        slot,
        object=objects.add(validator),
        object2=default,
        args=(raw, 0),
        loc=loc,
    )
    return [read, validate]


def _takes_null(validate: Any) -> bool:
    try:
        validate(None)
    except ValidationError:
        return False
    return True


@functools.cache
def _not_null(validate: Any) -> Any:
    """``validate`` for a FastAPI that never shows it a null: a replay instead."""

    def validate_value(value: Any, **options: Any) -> Any:
        if value is None:
            raise ValueError("null")
        return validate(value, **options)

    return validate_value


_bound_methods: dict[int, tuple[Any, Any]] = {}


def _bound(validator: Any) -> Any:
    """``validator.validate_python``, one bound method per validator."""
    known = _bound_methods.get(id(validator))
    if known is None or known[0] is not validator:
        known = _bound_methods[id(validator)] = (validator, validator.validate_python)
    return known[1]


def _model_of(field: Any) -> type | None:
    get_model = getattr(utils, "_get_param_model", None)
    if get_model is not None:
        model = get_model(field)
        return model if isinstance(model, type) else None
    from pydantic import BaseModel

    annotation = field.field_info.annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _lookup_name(source: int, name: str) -> bytes:
    if source not in (SOURCE.HEADER, SOURCE.COOKIE):
        return name.encode()
    try:
        return (name.lower() if source == SOURCE.HEADER else name).encode("latin-1")
    except UnicodeEncodeError:
        raise NotCompiled(f"no request can have the name {name!r}") from None


def _model_fields(
    field: Any, source: int, model: type, convert: bool, objects: Objects
) -> list[Step]:
    if dialect.MODELS_GET_DEFAULTS:
        raise NotCompiled(f"parameter model {field.name!r}, before FastAPI 0.148")
    steps = []
    for sub in utils.get_cached_model_fields(model):
        if isinstance(sub.field_info, params.File):
            raise NotCompiled("file upload")
        sub_convert = source == SOURCE.HEADER and getattr(
            sub.field_info, "convert_underscores", convert
        )
        alias, name = _aliases(sub, convert_underscores=sub_convert)
        steps.append(
            Step(
                OP.PARAM_FIELD,
                source,
                FLAG.LIST if _is_sequence(sub) else 0,
                name=_lookup_name(source, name),
                object=objects.add(_interned(alias)),
            )
        )
    return steps


def _optional_model_flags(field: Any, source: int, model: Any) -> int:
    """Flags of a model that may be left out altogether."""
    if not hasattr(utils, "_get_model_type"):
        raise NotCompiled(f"parameter model {field.name!r} is optional")
    flags: int = FLAG.OPTIONAL_MODEL
    if model.model_config.get("extra") in ("allow", "forbid"):
        if source == SOURCE.HEADER:
            raise NotCompiled(f"optional header model {field.name!r} minds other headers")
        flags |= FLAG.EXTRAS_SUPPLY
    return flags


def _param_model(
    field: Any, source: int, slot: int, model: Any, slots: Slots, objects: Objects
) -> list[Step]:
    info = field.field_info
    fields = _model_fields(
        field, source, model, getattr(info, "convert_underscores", True), objects
    )
    read = Step(OP.PARAM_MODEL, source, args=(0, len(fields)))
    if info.annotation is not model:
        read.flags |= _optional_model_flags(field, source, model)
    steps = _value_steps(read, field, slot, (_in(field),), slots, objects)
    if len(steps) > 1 and any(
        objects.all[sub.object].encode() != sub.name for sub in fields
    ):
        # FastAPI names converted headers in the errors.
        raise NotCompiled(
            f"header model {field.name!r} has converted names and a validator in Python"
        )
    return [read, *fields, *steps[1:]]


def _in(field: Any) -> str:
    """Where errors say the parameter was looked for."""
    info = field.field_info
    return str(info.in_.value) if isinstance(info, params.Param) else "body"


_names: dict[str, str] = {}


def _interned(text: str) -> str:
    return _names.setdefault(text, text)


def param_steps(
    field: Any, source: int, slot: int, slots: Slots, objects: Objects
) -> list[Step]:
    """Steps that fill ``slot`` with a query, header or cookie parameter."""
    model = _model_of(field)
    if model is not None:
        return _param_model(field, source, slot, model, slots, objects)
    return _scalar_steps(field, source, slot, slots, objects)


def _scalar_steps(
    field: Any, source: int, slot: int, slots: Slots, objects: Objects
) -> list[Step]:
    _, name = _aliases(field)
    read = Step(
        OP.PARAM,
        source,
        FLAG.LIST if _is_sequence(field) else 0,
        name=_lookup_name(source, name),
    )
    return _value_steps(read, field, slot, (_in(field), name), slots, objects)


def path_steps(
    field: Any, slot: int, convertors: dict[str, Any], slots: Slots, objects: Objects
) -> list[Step]:
    """The steps that fill ``slot`` with a path parameter."""
    _, name = _aliases(field)
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
    return _value_steps(read, field, slot, ("path", name), slots, objects)


def body_steps(
    fields: list[Any], embed: bool, raw: int, slots: Slots, where: dict[str, int],
    objects: Objects,
) -> list[Step]:  # fmt: skip
    """Steps that validate the parsed content in slot ``raw``.

    ``where`` says where each field goes. Embedded and whole bodies alike are as
    FastAPI's ``request_body_to_args`` has them.
    """
    whole = len(fields) == 1 and not embed
    steps = []
    for field in fields:
        alias, _ = ("", "") if whole else _aliases(field)
        read = Step(OP.VALIDATE if whole else OP.BODY_FIELD, SOURCE.BODY, args=(raw, 0))
        if not whole:
            read.key = objects.add(_interned(alias))
        loc = ("body",) if whole else ("body", alias)
        steps += _value_steps(read, field, where[field.name], loc, slots, objects)
    return steps


def form_steps(
    fields: list[Any], slots: Slots, where: dict[str, int], objects: Objects
) -> list[Step]:
    """Steps that fill the slots in ``where`` from the fields of a form, as
    FastAPI's ``request_body_to_args`` has it for a FormData."""
    form_models = getattr(utils, "_get_form_models", None)
    if form_models is None:
        raise NotCompiled("form body of this FastAPI version")
    steps = []
    for field in fields:
        info = field.field_info
        if isinstance(info, params.File) or not isinstance(info, params.Form):
            raise NotCompiled("file upload" if isinstance(info, params.File) else "mixed body")
        models = form_models(field)
        slot = where[field.name]
        if len(models) > 1:
            raise NotCompiled(f"form {field.name!r} is one of several models")
        if models:
            steps += _param_model(field, SOURCE.FORM, slot, models[0], slots, objects)
        else:
            steps += _scalar_steps(field, SOURCE.FORM, slot, slots, objects)
    return steps


def error_list(error: Any, loc: tuple[str, ...]) -> list[Any]:
    """The errors of one parameter as FastAPI lists them (_regenerate_error_with_loc)."""
    return [
        {**one, "loc": loc + one.get("loc", ())} for one in error.errors(include_url=False)
    ]
