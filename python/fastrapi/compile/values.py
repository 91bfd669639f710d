"""One value of a request as steps: what reads it, its default, what validates it.

A value whose validation is user code (a validator or default factory written in
Python) takes two steps: a pure one reads it, a later one, in FastAPI's order,
validates it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from . import dialect
from .draft import Draft, Location
from .fields import adapter_of
from .objects import Objects
from .records import FLAG, NONE, OP, SOURCE, NotCompiled, Step
from .schema import is_pure, is_rust

# Default factories that are no user code.
_FACTORIES = (list, dict, set, tuple, frozenset, str, bytes, int, float, bool)
_PLAIN = (str, bytes, int, float, bool, complex, type(None))


def _plain(value: Any, depth: int = 0) -> bool:
    """Is copying ``value`` no user code?"""
    if type(value) in (list, tuple, set, frozenset) and depth < 8:
        return all(_plain(item, depth + 1) for item in value)
    if type(value) is dict and depth < 8:
        return all(_plain(k, depth + 1) and _plain(v, depth + 1) for k, v in value.items())
    return type(value) in _PLAIN


class _Default(NamedTuple):
    """What an absent value becomes: ``flags`` and ``object`` of the step."""

    flags: int
    object: int
    user_code: bool  # is it made by user code?


def _default(field: Any, objects: Objects) -> _Default:
    info = field.field_info
    if info.is_required():
        return _Default(FLAG.REQUIRED, NONE, False)
    flags = FLAG.DEFAULT_VALIDATE if info.validate_default else 0
    factory = getattr(info, "default_factory", None)
    if factory is not None:
        if dialect.DEFAULTS_ARE_VALIDATED:
            raise NotCompiled(
                f"parameter {field.name!r} has a default_factory (needs FastAPI 0.148)"
            )
        flags |= FLAG.DEFAULT_FACTORY | FLAG.DEFAULT_COPY
        return _Default(flags, objects.add(field.get_default), factory not in _FACTORIES)
    value = field.default
    if type(value) in _PLAIN:  # a copy would be the value itself
        return _Default(flags, objects.add(value), False)
    plain = _plain(value)
    if not plain or copy.deepcopy(value) is not value:
        flags |= FLAG.DEFAULT_COPY
    return _Default(flags, objects.add(value), not plain)


def value_steps(
    read: Step,
    field: Any,
    slot: int,
    location: Location,
    draft: Draft,
    others: Sequence[Location] = (),
) -> list[Step]:
    """``read`` completed: the steps that fill ``slot`` with the value of ``field``, the
    reading one first. ``location`` is where errors place the value, ``others`` where they do
    when it was found under another name of the reading step."""
    adapter = adapter_of(field)
    if not is_rust(adapter.validator):
        raise NotCompiled(f"parameter {field.name!r} is validated by a Pydantic plugin")
    default = _default(field, draft.objects)
    flags = default.flags
    validator = draft.objects.bound(adapter.validator, "validate_python")
    draft.locations[slot] = location
    draft.others[slot] = list(others)
    null_is_absent = dialect.NULL_IS_ABSENT and read.source == SOURCE.BODY
    if null_is_absent:
        draft.inexact = True  # its errors call a null missing
    if read.source != SOURCE.BODY and dialect.DEFAULTS_ARE_VALIDATED and field.default is not None:
        flags |= FLAG.DEFAULT_VALIDATE
    if is_pure(adapter) and not default.user_code:
        if null_is_absent and _takes_null(validator):
            validator = _refusing_null(validator)
        return [
            read._replace(
                flags=read.flags | flags,
                slot=slot,
                object=draft.objects.add(validator),
                object2=default.object,
            )
        ]
    if null_is_absent:
        raise NotCompiled(
            f"parameter {field.name!r} has a validator written in Python (needs FastAPI 0.151)"
        )
    raw = draft.new_slot()
    draft.locations[raw] = location
    draft.others[raw] = draft.others.pop(slot)
    return [
        read._replace(flags=read.flags | FLAG.RAW | (flags & FLAG.REQUIRED), slot=raw),
        Step(
            OP.VALIDATE,
            SOURCE.BODY,
            FLAG.IMPURE | flags,
            slot,
            object=draft.objects.add(validator),
            object2=default.object,
            args=(raw, 0),
        ),
    ]


def _takes_null(validate: Any) -> bool:
    try:
        validate(None)
    except ValidationError:
        return False
    return True


def _refusing_null(validate: Any) -> Any:
    """``validate`` for a FastAPI before 0.151, which treats null as absent: a null is
    an error here, so that the request is replayed."""

    def validate_value(value: Any, **options: Any) -> Any:
        if value is None:
            raise ValueError("null")
        return validate(value, **options)

    return validate_value
