"""Parameters and content of one dependant as pure steps."""

from __future__ import annotations

import copy
from typing import Any

from fastapi import params
from fastapi.dependencies import utils

from .records import FLAG, NONE, OP, SOURCE, NotCompiled, Objects, Step
from .schema import is_pure

_CONVERTORS = {"IntegerConvertor": FLAG.INT, "FloatConvertor": FLAG.FLOAT}


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


def _default(field: Any, objects: Objects) -> tuple[int, int]:
    """Flags and object of what an absent value becomes."""
    info = field.field_info
    if info.is_required():
        return FLAG.REQUIRED, NONE
    if getattr(info, "default_factory", None) is not None:
        raise NotCompiled(f"parameter {field.name!r} has a default_factory")
    value = field.default
    flags = FLAG.DEFAULT_VALIDATE if info.validate_default else 0
    if copy.deepcopy(value) is not value:
        if type(value) not in (list, dict, set):
            raise NotCompiled(
                f"the default of parameter {field.name!r} has a __deepcopy__ of its own"
            )
        flags |= FLAG.DEFAULT_COPY
    return flags, objects.add(value)


def _aliases(field: Any, convert_underscores: bool | None = None) -> tuple[str, str]:
    """(validation alias, name looked up in the request)."""
    info = field.field_info
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
    alias = getattr(field, "alias", None) or field.name
    validation = getattr(info, "validation_alias", None)
    if isinstance(validation, str):
        alias = validation
    elif validation is not None:
        raise NotCompiled(f"parameter {field.name!r} has several aliases")
    convert = (
        getattr(info, "convert_underscores", False)
        if convert_underscores is None
        else convert_underscores
    )
    if isinstance(info, params.Header) and convert and alias == field.name:
        return alias, alias.replace("_", "-")
    return alias, alias


def _is_sequence(field: Any) -> bool:
    annotation = field.field_info.annotation
    if hasattr(utils, "_is_json_field") and utils._is_json_field(field):
        return False
    return bool(utils.field_annotation_is_sequence(annotation))


def _validator(field: Any, what: str, objects: Objects) -> int:
    adapter = adapter_of(field)
    if not is_pure(adapter):
        raise NotCompiled(f"{what} {field.name!r} has a validator written in Python")
    return objects.add(_bound(adapter.validator))


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
    if source == SOURCE.HEADER:
        return name.lower().encode("latin-1", "strict")
    if source == SOURCE.COOKIE:
        return name.encode("latin-1", "strict")
    return name.encode()


def _param_model(field: Any, source: int, slot: int, model: type, objects: Objects) -> list[Step]:
    info = field.field_info
    if info.annotation is not model:
        raise NotCompiled(f"parameter model {field.name!r} is optional")
    flags, default = _default(field, objects)
    get_fields = getattr(utils, "get_cached_model_fields", None)
    if get_fields is None:
        raise NotCompiled(f"parameter model {field.name!r} of this FastAPI version")
    convert = getattr(info, "convert_underscores", True)
    steps = []
    for sub in get_fields(model):
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
    head = Step(
        OP.PARAM_MODEL,
        source,
        flags,
        slot,
        object=_validator(field, "parameter model", objects),
        object2=default,
        args=(0, len(steps)),
    )
    return [head, *steps]


_names: dict[str, str] = {}


def _interned(text: str) -> str:
    return _names.setdefault(text, text)


def param_steps(field: Any, source: int, slot: int, objects: Objects) -> list[Step]:
    """Steps that fill ``slot`` with a query, header or cookie parameter."""
    model = _model_of(field)
    if model is not None:
        return _param_model(field, source, slot, model, objects)
    flags, default = _default(field, objects)
    if _is_sequence(field):
        flags |= FLAG.LIST
    _, name = _aliases(field)
    validator = _validator(field, "parameter", objects)
    return [
        Step(
            OP.PARAM,
            source,
            flags,
            slot,
            _lookup_name(source, name),
            validator,
            default,
        )
    ]


def path_steps(
    field: Any, slot: int, convertors: dict[str, Any], objects: Objects
) -> list[Step]:
    """The step that fills ``slot`` with a path parameter."""
    _, name = _aliases(field)
    if name not in convertors:
        raise NotCompiled(f"path parameter {name!r} is not in the path")
    kind = type(convertors[name]).__name__
    if kind == "UUIDConvertor":
        raise NotCompiled(f"path parameter {name!r} uses the uuid convertor")
    return [
        Step(
            OP.PARAM,
            SOURCE.PATH,
            FLAG.REQUIRED | _CONVERTORS.get(kind, 0),
            slot,
            name.encode(),
            _validator(field, "path parameter", objects),
            key=list(convertors).index(name),
        )
    ]


def body_steps(
    fields: list[Any], embed: bool, raw: int, slots: dict[str, int], objects: Objects
) -> list[Step]:
    """Steps that validate the parsed content in slot ``raw``.

    ``slots`` says where each field goes. Embedded and whole bodies alike are as
    FastAPI's ``request_body_to_args`` has them.
    """
    whole = len(fields) == 1 and not embed
    steps = []
    for field in fields:
        if isinstance(field.field_info, params.Form):
            raise NotCompiled("form body")
        flags, default = _default(field, objects)
        validator = _validator(field, "body", objects)
        if whole:
            steps.append(
                Step(
                    OP.BODY_WHOLE,
                    SOURCE.BODY,
                    flags,
                    slots[field.name],
                    object=validator,
                    object2=default,
                    args=(raw, 0),
                )
            )
            continue
        alias, _ = _aliases(field)
        steps.append(
            Step(
                OP.BODY_FIELD,
                SOURCE.BODY,
                flags,
                slots[field.name],
                object=validator,
                object2=default,
                args=(raw, 0),
                key=objects.add(_interned(alias)),
            )
        )
    return steps
