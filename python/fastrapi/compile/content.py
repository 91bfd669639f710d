"""A request's content as steps, as FastAPI's ``request_body_to_args`` reads it."""

from __future__ import annotations

from typing import Any, Protocol

import fastapi
from fastapi import params

from .dialect import utils
from .draft import Draft
from .fields import aliases
from .params import model_steps, scalar_steps
from .records import NONE, OP, PLAN_FLAG, SOURCE, NotCompiled, Step
from .values import value_steps


class Content(Protocol):
    """What the content of one route is read as."""

    def read(self, fields: list[Any], slots: dict[str, int], draft: Draft) -> None:
        """Add the steps that read the body parameters ``fields`` of one function into
        the slots named after them."""


class Json:
    """JSON, parsed once for all functions of the plan. ``embed``: even a single
    parameter is a member of it."""

    def __init__(self, embed: bool) -> None:
        self.embed = embed
        self._parsed = NONE

    def read(self, fields: list[Any], slots: dict[str, int], draft: Draft) -> None:
        """See Content."""
        draft.flags |= PLAN_FLAG.BODY
        if self._parsed == NONE:
            self._parsed = draft.new_slot()
            # FastAPI reports content that is no JSON before it looks at parameters.
            draft.pure.insert(0, Step(OP.BODY_PARSE, SOURCE.BODY, slot=self._parsed))
        embed = self.embed or bool(utils._should_embed_body_fields(fields))
        whole = len(fields) == 1 and not embed
        for field in fields:
            step = Step(OP.VALIDATE, SOURCE.BODY, args=(self._parsed, 0))
            location: tuple[str, ...] = ("body",)
            if not whole:
                alias, _ = aliases(field)
                step = step._replace(op=OP.BODY_FIELD, key=draft.objects.add_equal(alias))
                location += (alias,)
            draft.add(value_steps(step, field, slots[field.name], location, draft))


class Form:
    """The fields of a form."""

    def read(self, fields: list[Any], slots: dict[str, int], draft: Draft) -> None:
        """See Content."""
        draft.flags |= PLAN_FLAG.BODY | PLAN_FLAG.FORM
        form_models = getattr(utils, "_get_form_models", None)
        if form_models is None:
            raise NotCompiled(f"form (not compiled for FastAPI {fastapi.__version__})")
        for field in fields:
            info = field.field_info
            if isinstance(info, params.File):
                raise NotCompiled("file upload")
            if not isinstance(info, params.Form):
                raise NotCompiled(f"body parameter {field.name!r} stands beside a form")
            models = form_models(field)
            slot = slots[field.name]
            if len(models) > 1:
                raise NotCompiled(f"form {field.name!r} may be one of several models")
            if models:
                draft.add(model_steps(field, SOURCE.FORM, slot, models[0], draft))
            else:
                draft.add(scalar_steps(field, SOURCE.FORM, slot, draft))
