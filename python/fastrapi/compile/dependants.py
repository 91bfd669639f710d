"""A dependency tree as a flat list of steps, in the order FastAPI solves it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from fastapi.dependencies import models
from fastapi.security import SecurityScopes

from . import dialect, generators
from .content import Content
from .dialect import utils
from .draft import Draft
from .objects import Objects
from .overrides import Overrides
from .params import param_steps, path_steps
from .records import FLAG, NONE, OP, PLAN_FLAG, SOURCE, NotCompiled, Step
from .reread import ParameterReader
from .suspend import may_suspend
from .yields import YieldOpener, manager_factory


_KINDS = ("async_gen_callable", "gen_callable", "coroutine_callable")


def _kind(dependant: Any) -> str:
    for what in _KINDS:
        function = getattr(models, f"_is_{what}", None) or getattr(utils, f"is_{what}", None)
        if function(dependant.call) if function is not None else getattr(dependant, f"is_{what}"):
            return what
    return ""


def kind_of(dependant: Any, objects: Objects) -> str:
    """FastAPI's own classification of ``dependant.call``: one of gen_callable,
    async_gen_callable, coroutine_callable; empty: a plain one. Asked once for each call."""
    call = dependant.call
    known = objects.kinds.get(id(call))
    if known is None:
        known = objects.kinds[id(call)] = call, _kind(dependant)
    return known[1]


def _cache_key(dependant: Any, found: dict[int, Any]) -> Any:
    """The key under which FastAPI caches a dependency's value in a request. ``found``: what it has
    found out about dependants of the same request."""
    function = getattr(models, "_get_cache_key", None)
    if function is None:
        return dependant.cache_key
    if "uses_scopes_cache" in function.__code__.co_varnames:
        return function(dependant=dependant, uses_scopes_cache=found)
    return function(dependant=dependant)


def _oauth_scopes(dependant: Any) -> list[str]:
    function = getattr(models, "_get_oauth_scopes", None)
    if function is not None:
        return list(function(dependant=dependant))
    for name in ("oauth_scopes", "security_scopes"):
        scopes = getattr(dependant, name, None)
        if scopes is not None:
            return list(scopes)
    return []


def _fresh_scopes(scopes: tuple[str, ...]) -> SecurityScopes:
    return SecurityScopes(scopes=list(scopes))


def _is_framework(call: Any) -> bool:
    """FastAPI's own security schemes only look at headers, query and cookies."""
    return type(call).__module__.startswith("fastapi.security.")


@dataclass(slots=True)
class _Found:
    """What functions solved earlier leave to later ones of the same request."""

    values: dict[Any, int] = field(default_factory=dict)  # slot by FastAPI's cache key
    injected: dict[int, int] = field(default_factory=dict)  # slot by OP: REQUEST and so on
    exposed: bool = False  # user code has had the Request and may have changed it


@dataclass(frozen=True, slots=True)
class Stream:
    """``make`` is called in the place of an endpoint; ``suspends``: it may wait."""

    make: Any
    suspends: bool


class Flattener:
    """Adds a dependency tree to ``draft``. ``content`` is what the route reads its
    content as, ``convertors`` are those of its path. ``request`` names the parameter of a dependant that
    gets the Request, or the WebSocket."""

    def __init__(
        self, draft: Draft, content: Content, convertors: dict[str, Any], overrides: Overrides,
        request: str = "request_param_name",
    ) -> None:  # fmt: skip
        self.draft = draft
        self.takers = ("http_connection_param_name", request)
        self.overrides = overrides
        self.content = content
        self.convertors = convertors
        self._found = _Found()
        self._scoped: dict[int, Any] = {}  # see _cache_key

    def endpoint(self, dependant: Any, stream: Stream | None) -> None:
        """Add everything a request of this route does, the endpoint last, or what is called
        in its place."""
        values = self._solve(dependant)
        call = dependant.call
        flags = _function_flags(call, kind_of(dependant, self.draft.objects))
        if stream is not None:
            call = stream.make
            flags = FLAG.AWAIT | (FLAG.SUSPENDS if stream.suspends else 0)
            values |= self._for_stream()
        self._call(OP.ENDPOINT, flags, call, values, NONE)
        self.overrides.check(bool(self.draft.flags & PLAN_FLAG.BODY))
        self.draft.flags |= placement(self.draft) | _reporting(self.draft)

    def _solve(self, dependant: Any) -> dict[str, int]:
        """The slots of the arguments of one function, by name."""
        if getattr(dependant, "concurrency", None) is not None:
            raise NotCompiled("dependency with a concurrency limit")
        values: dict[str, int] = {}
        for sub in dependant.dependencies:
            slot = self._dependency(sub)
            if sub.name is not None:
                values[sub.name] = slot
        values.update(self._own_params(dependant))
        values.update(self._own_body(dependant))
        values.update(self._injected(dependant))
        return values

    def _dependency(self, sub: Any) -> int:
        """The slot of a dependency's value."""
        key, use_cache = _cache_key(sub, self._scoped), sub.use_cache
        sub = self.overrides.dependant(sub)
        values = self._solve(sub)
        if use_cache and key in self._found.values:
            return self._found.values[key]
        slot = self.draft.new_slot()
        kind = kind_of(sub, self.draft.objects)
        if kind == "async_gen_callable":
            self._enter(sub, FLAG.SUSPENDS, values, slot)
        elif kind == "gen_callable":
            self._enter(sub, FLAG.SYNC, values, slot)
        else:
            self._call(OP.CALL, _function_flags(sub.call, kind), sub.call, values, slot)
        self._found.exposed = self._found.exposed or self._takes_request(sub)
        self._found.values.setdefault(key, slot)
        return slot

    def _enter(self, sub: Any, flags: int, values: dict[str, int], slot: int) -> None:
        """A dependency with yield."""
        opener = YieldOpener(sub)
        self.draft.flags |= PLAN_FLAG.EXITS
        if opener.early:
            flags |= FLAG.EARLY
        plain = bool(flags & FLAG.SYNC)
        key = self.draft.objects.add(opener)
        self._call(OP.ENTER, flags, manager_factory(sub.call, plain), values, slot, key)

    def _call(
        self,
        op: int,
        flags: int,
        call: Any,
        values: dict[str, int],
        slot: int,
        key: int = NONE,
    ) -> None:
        objects = self.draft.objects
        function = objects.add(call)
        names = objects.add_equal(tuple(values)) if values else NONE
        args = tuple(values.values())
        self.draft.calls.append(
            Step(op, 0, flags, slot, object=function, object2=names, args=args, key=key)
        )

    def _own_params(self, dependant: Any) -> dict[str, int]:
        """Path, query, header and cookie parameters of one function."""
        slots, steps = self._read_params(dependant)
        if slots and self._found.exposed:
            draft = self.draft
            draft.flags |= PLAN_FLAG.REREADS | PLAN_FLAG.SCOPE
            draft.calls.append(
                Step(
                    OP.REREAD,
                    object=draft.objects.add(ParameterReader(dependant)),
                    object2=draft.objects.add_equal(tuple(slots)),
                    args=tuple(slots.values()),
                    key=sum(bool(step.flags & FLAG.IMPURE) for step in steps),
                )
            )
        self.draft.add(steps)
        return slots

    def _read_params(self, dependant: Any) -> tuple[dict[str, int], list[Step]]:
        """(slots by name, the steps that fill them)"""
        slots: dict[str, int] = {}
        steps: list[Step] = []
        for param in dependant.path_params:
            slot = slots[param.name] = self.draft.new_slot()
            steps += path_steps(param, slot, self.convertors, self.draft)
        for source, group in (
            (SOURCE.QUERY, dependant.query_params),
            (SOURCE.HEADER, dependant.header_params),
            (SOURCE.COOKIE, dependant.cookie_params),
        ):
            for param in group:
                slot = slots[param.name] = self.draft.new_slot()
                steps += param_steps(param, source, slot, self.draft)
        return slots, steps

    def _own_body(self, dependant: Any) -> dict[str, int]:
        """Body parameters of one function."""
        fields = dependant.body_params
        slots = {param.name: self.draft.new_slot() for param in fields}
        if fields:
            self.content.read(fields, slots, self.draft)
        return slots

    def _injected(self, dependant: Any) -> dict[str, int]:
        """What FastAPI hands to one function by the type of its parameters."""
        slots: dict[str, int] = {}
        for taker in self.takers:
            if name := getattr(dependant, taker, None):
                slots[name] = self._injected_slot(OP.REQUEST)
                if not _is_framework(dependant.call):
                    self.draft.flags |= PLAN_FLAG.SCOPE
        if dependant.background_tasks_param_name:
            slots[dependant.background_tasks_param_name] = self._injected_slot(OP.BACKGROUND)
            self.draft.flags |= PLAN_FLAG.BACKGROUND
        if dependant.response_param_name:
            slots[dependant.response_param_name] = self._injected_slot(OP.RESPONSE)
        if dependant.security_scopes_param_name:
            make = functools.partial(_fresh_scopes, tuple(_oauth_scopes(dependant)))
            slot = self.draft.new_slot()
            self.draft.calls.append(
                Step(OP.FRESH, slot=slot, object=self.draft.objects.add(make))
            )
            slots[dependant.security_scopes_param_name] = slot
        return slots

    def _takes_request(self, dependant: Any) -> bool:
        """Does its function get the Request, with which it may change what parameters are
        read from?"""
        takes = any(getattr(dependant, taker, None) for taker in self.takers)
        return takes and not _is_framework(dependant.call)

    def _for_stream(self) -> dict[str, int]:
        """The slots of what FastAPI makes a stream's Response of."""
        self.draft.flags |= PLAN_FLAG.SCOPE
        slots = {
            generators.REQUEST: self._injected_slot(OP.REQUEST),
            generators.RESPONSE: self._injected_slot(OP.RESPONSE),
        }
        if OP.BACKGROUND in self._found.injected:
            slots[generators.BACKGROUND] = self._injected_slot(OP.BACKGROUND)
        return slots

    def _injected_slot(self, op: int) -> int:
        """The slot of what the whole request has one of."""
        slot = self._found.injected.get(op)
        if slot is None:
            slot = self._found.injected[op] = self.draft.new_slot()
            self.draft.calls.append(Step(op, slot=slot))
        return slot


def _reporting(draft: Draft) -> int:
    """Can the plan report what its pure steps find? Not when user code may change the
    request before FastAPI reads it."""
    if draft.inexact or draft.flags & PLAN_FLAG.REREADS:
        return 0
    return int(PLAN_FLAG.ERRORS)


def _function_flags(call: Any, kind: str) -> int:
    """How a function of this kind, no generator, is called."""
    flags: int = FLAG.SYNC
    if kind == "coroutine_callable":
        flags = FLAG.AWAIT
        if may_suspend(call):
            flags |= FLAG.SUSPENDS
    return flags


def placement(draft: Draft) -> int:
    """The flags that say where the plan's functions can run.

    A plan of plain functions runs in one thread, unless a validator in Python comes
    after the first of them: FastAPI runs validators on the loop.
    """
    flags = 0
    # FastAPI's exit stacks have other names, and perhaps another order.
    if draft.flags & (PLAN_FLAG.SCOPE | PLAN_FLAG.EXITS) and not dialect.STACKS_IN_SCOPE:
        flags |= PLAN_FLAG.STACKS
    called = [step for step in draft.calls if step.op in (OP.CALL, OP.ENTER, OP.ENDPOINT)]
    sync = [step for step in called if step.flags & FLAG.SYNC]
    ops = [step.op for step in draft.calls]
    first = next(at for at, op in enumerate(ops) if op != OP.VALIDATE)
    if len(sync) == len(called) and OP.VALIDATE not in ops[first:]:
        flags |= PLAN_FLAG.THREAD
    elif sync or any(step.flags & FLAG.SUSPENDS for step in called):
        flags |= PLAN_FLAG.SUSPENDS
    return flags
