"""A request's content as steps, as FastAPI's ``request_body_to_args`` reads it."""

from __future__ import annotations

from typing import Any, Protocol, get_args

import fastapi
from fastapi import params

from . import uploads
from .dialect import utils
from .draft import Draft, Location
from .fields import aliases
from .params import form_source, model_steps, scalar_steps
from .records import NONE, OP, PLAN_FLAG, SOURCE, NotCompiled, Step
from .values import value_steps


class Content(Protocol):
    """What the content of one route is read as."""

    def read(self, fields: list[Any], slots: dict[str, int], draft: Draft) -> None:
        """Add the steps that read the body parameters ``fields`` of one function into
        the slots named after them."""


class Json:
    """JSON, parsed once for all functions of the plan. ``embed``: even a single
    parameter is a member of it. ``lax``: it needs no content-type."""

    def __init__(self, embed: bool, lax: bool) -> None:
        self.embed = embed
        self.flags = PLAN_FLAG.BODY | (PLAN_FLAG.LAX if lax else 0)
        self._parsed = NONE

    def read(self, fields: list[Any], slots: dict[str, int], draft: Draft) -> None:
        """See Content."""
        if any(isinstance(field.field_info, params.Form) for field in fields):
            raise NotCompiled("an overridden dependency takes a form")
        draft.flags |= self.flags
        if self._parsed == NONE:
            self._parsed = draft.new_slot()
            # FastAPI reports content that is no JSON before it looks at parameters.
            draft.pure.insert(0, Step(OP.BODY_PARSE, SOURCE.BODY, slot=self._parsed))
        embed = self.embed or bool(utils._should_embed_body_fields(fields))
        whole = len(fields) == 1 and not embed
        for field in fields:
            step = Step(OP.VALIDATE, SOURCE.BODY, args=(self._parsed, 0))
            slot = slots[field.name]
            if whole:
                draft.add(value_steps(step, field, slot, Location(("body",), {}), draft))
            else:
                draft.add(_member_steps(step, field, slot, draft))


def _member_steps(step: Step, field: Any, slot: int, draft: Draft) -> list[Step]:
    """The steps that fill ``slot`` with a member of the object that ``step`` reads."""
    names = [alias for alias, _ in aliases(field)]
    first, *others = (Location(("body", name), {}) for name in names)
    keys = [draft.objects.add_equal(name) for name in names]
    member = step._replace(op=OP.BODY_FIELD, key=keys[0], args=(step.args[0], len(others)))
    read, *later = value_steps(member, field, slot, first, draft, others)
    return [read, *(Step(OP.ALIAS, SOURCE.BODY, key=key) for key in keys[1:]), *later]


# What no file is taken for.
_TEXTS = {str, int, float, bool, type(None)}


def _may_be_file(annotation: Any) -> bool:
    return not _TEXTS.issuperset(get_args(annotation) or (annotation,))


class Form:
    """The fields of a form. ``limits``: what it may have at most, where these are not
    Starlette's own."""

    def __init__(self, limits: dict[str, int]) -> None:
        self.limits = limits
        # How many functions take files as bytes, or as objects that can be read.
        self._bytes = self._objects = self._functions = 0

    def _note(self, fields: list[Any], read: list[list[Step]]) -> None:
        """Raise NotCompiled when a function may have read in a file, and FastAPI gives
        another one the bytes from there on."""
        self._functions += 1
        self._bytes += any(step.source == SOURCE.FILE for steps in read for step in steps)
        self._objects += any(
            _may_be_file(field.field_info.annotation) and steps[0].source == SOURCE.FORM
            for field, steps in zip(fields, read, strict=True)
        )
        if self._bytes and self._objects and self._functions > 1:
            raise NotCompiled("a file is bytes to one function, and another may have read in it")

    def read(self, fields: list[Any], slots: dict[str, int], draft: Draft) -> None:
        """See Content."""
        draft.flags |= PLAN_FLAG.BODY | PLAN_FLAG.FORM
        if self.limits:
            draft.flags |= PLAN_FLAG.LIMITS
        if uploads.KNOWN:
            draft.flags |= PLAN_FLAG.MULTIPART
        form_models = getattr(utils, "_get_form_models", None)
        if form_models is None:
            raise NotCompiled(f"form (not compiled for FastAPI {fastapi.__version__})")
        read = []
        for field in fields:
            info = field.field_info
            if not isinstance(info, params.Form):
                raise NotCompiled(f"body parameter {field.name!r} stands beside a form")
            models = form_models(field)
            slot = slots[field.name]
            if models:
                steps = model_steps(field, SOURCE.FORM, slot, models, draft)
            else:
                steps = scalar_steps(field, form_source(field), slot, draft)
            draft.add(steps)
            read.append(steps)
        self._note(fields, read)
