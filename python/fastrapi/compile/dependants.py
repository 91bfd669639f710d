"""A dependency tree as a flat list of steps, in the order FastAPI solves it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

from fastapi.dependencies import models, utils
from fastapi.security import SecurityScopes

from . import dialect
from .params import Slots, body_steps, form_steps, param_steps, path_steps
from .records import FLAG, NONE, OP, PLAN_FLAG, SOURCE, NotCompiled, Objects, Step
from .runtime import REQUEST_KEYWORD, ParameterReader, YieldOpener
from .suspend import may_suspend


def _callable_is(dependant: Any, what: str) -> bool:
    """FastAPI's own classification of ``dependant.call``: ``what`` is one of
    gen_callable, async_gen_callable, coroutine_callable."""
    function = getattr(models, f"_is_{what}", None) or getattr(utils, f"is_{what}", None)
    if function is not None:
        return bool(function(dependant.call))
    return bool(getattr(dependant, f"is_{what}"))


def cache_key(dependant: Any) -> Any:
    """The key under which FastAPI caches a dependency's value in a request."""
    function = getattr(models, "_get_cache_key", None)
    return function(dependant=dependant) if function else dependant.cache_key


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
class Flattener:
    """Collects the steps of one route."""

    objects: Objects
    convertors: dict[str, Any]
    embed: bool
    form: bool
    slots: Slots = field(default_factory=Slots)
    pure: list[Step] = field(default_factory=list)
    calls: list[Step] = field(default_factory=list)
    flags: int = 0
    raw_body: int = NONE
    _exposed: bool = False  # user code has had the Request
    _cache: dict[Any, int] = field(default_factory=dict)
    _injected: dict[int, int] = field(default_factory=dict)

    def endpoint(self, dependant: Any) -> None:
        """Everything a request of this route does, the endpoint last."""
        values = self._solve(dependant)
        self.calls.append(self._call(OP.ENDPOINT, dependant, dependant.call, values, NONE))
        self._classify()

    def _solve(self, dependant: Any) -> dict[str, int]:
        if getattr(dependant, "concurrency", None) is not None:
            raise NotCompiled("a dependency has a concurrency limit")
        values: dict[str, int] = {}
        for sub in dependant.dependencies:
            self._dependency(sub, values)
        self._own_params(dependant, values)
        self._own_body(dependant, values)
        self._inject(dependant, values)
        return values

    def _dependency(self, sub: Any, values: dict[str, int]) -> None:
        sub_values = self._solve(sub)
        key = cache_key(sub)
        if sub.use_cache and key in self._cache:
            slot = self._cache[key]
        else:
            slot = self.slots.new()
            self.calls.append(self._dependency_call(sub, sub_values, slot))
            self._exposed = self._exposed or self._takes_request(sub)
        if sub.name is not None:
            values[sub.name] = slot
        self._cache.setdefault(key, slot)

    def _dependency_call(self, sub: Any, values: dict[str, int], slot: int) -> Step:
        if _callable_is(sub, "gen_callable") or _callable_is(sub, "async_gen_callable"):
            self.flags |= PLAN_FLAG.STACKS | PLAN_FLAG.SCOPE
            opener = YieldOpener(sub)
            values = {**values, REQUEST_KEYWORD: self._injected_slot(OP.REQUEST)}
            step = self._call(OP.CALL, sub, opener, values, slot)
            step.flags = FLAG.YIELD | FLAG.SUSPENDS
            return step
        return self._call(OP.CALL, sub, sub.call, values, slot)

    def _takes_request(self, dependant: Any) -> bool:
        return not _is_framework(dependant.call) and bool(
            dependant.request_param_name
            or getattr(dependant, "http_connection_param_name", None)
        )

    def _call(
        self, op: int, dependant: Any, call: Any, values: dict[str, int], slot: int
    ) -> Step:
        flags = 0
        if _callable_is(dependant, "coroutine_callable"):
            flags = FLAG.AWAIT | (FLAG.SUSPENDS if may_suspend(call) else 0)
        else:
            flags = FLAG.SYNC
        names = tuple(values)
        return Step(
            op,
            flags=flags,
            slot=slot,
            object=self.objects.add(call),
            object2=self.objects.add(_names_tuple(names)) if names else NONE,
            args=tuple(values.values()),
        )

    def _add(self, steps: list[Step]) -> None:
        """User code waits for its place among the calls."""
        self.pure += [step for step in steps if not step.flags & FLAG.IMPURE]
        self.calls += [step for step in steps if step.flags & FLAG.IMPURE]

    def _own_params(self, dependant: Any, values: dict[str, int]) -> None:
        """Path, query, header and cookie parameters of one function."""
        own: dict[str, int] = {}
        before = len(self.calls)
        self._read_params(dependant, own)
        if own and self._exposed:
            self.flags |= PLAN_FLAG.REREADS | PLAN_FLAG.SCOPE
            self.calls.insert(
                before,
                Step(
                    OP.REREAD,
                    object=self.objects.add(ParameterReader(dependant)),
                    object2=self.objects.add(_names_tuple(tuple(own))),
                    args=tuple(own.values()),
                    key=len(self.calls) - before,
                ),
            )
        values.update(own)

    def _read_params(self, dependant: Any, values: dict[str, int]) -> None:
        for param in dependant.path_params:
            slot = values[param.name] = self.slots.new()
            self._add(path_steps(param, slot, self.convertors, self.slots, self.objects))
        for source, group in (
            (SOURCE.QUERY, dependant.query_params),
            (SOURCE.HEADER, dependant.header_params),
            (SOURCE.COOKIE, dependant.cookie_params),
        ):
            for param in group:
                slot = values[param.name] = self.slots.new()
                self._add(param_steps(param, source, slot, self.slots, self.objects))

    def _own_body(self, dependant: Any, values: dict[str, int]) -> None:
        fields = dependant.body_params
        if not fields:
            return
        where = {param.name: self.slots.new() for param in fields}
        values.update(where)
        self.flags |= PLAN_FLAG.BODY
        if self.form:
            self.flags |= PLAN_FLAG.FORM
            self._add(form_steps(fields, self.slots, where, self.objects))
            return
        if self.raw_body == NONE:
            self.raw_body = self.slots.new()
            self.pure.insert(0, Step(OP.BODY_PARSE, SOURCE.BODY, slot=self.raw_body))
        embed = self.embed or bool(utils._should_embed_body_fields(fields))
        self._add(body_steps(fields, embed, self.raw_body, self.slots, where, self.objects))

    def _injected_slot(self, op: int) -> int:
        slot = self._injected.get(op)
        if slot is None:
            slot = self._injected[op] = self.slots.new()
            self.calls.append(Step(op, slot=slot))
        return slot

    def _inject(self, dependant: Any, values: dict[str, int]) -> None:
        for name in (
            getattr(dependant, "http_connection_param_name", None),
            dependant.request_param_name,
        ):
            if name:
                values[name] = self._injected_slot(OP.REQUEST)
                if not _is_framework(dependant.call):
                    self.flags |= PLAN_FLAG.SCOPE
        if dependant.background_tasks_param_name:
            values[dependant.background_tasks_param_name] = self._injected_slot(
                OP.BACKGROUND
            )
        if dependant.response_param_name:
            values[dependant.response_param_name] = self._injected_slot(OP.RESPONSE)
        if dependant.security_scopes_param_name:
            make = functools.partial(_fresh_scopes, tuple(_oauth_scopes(dependant)))
            slot = self.slots.new()
            self.calls.append(Step(OP.FRESH, slot=slot, object=self.objects.add(make)))
            values[dependant.security_scopes_param_name] = slot

    def _classify(self) -> None:
        """Where the plan's functions can run."""
        if self.flags & PLAN_FLAG.SCOPE and (self.form or not dialect.STACKS_IN_SCOPE):
            self.flags |= PLAN_FLAG.STACKS
        calls = (OP.CALL, OP.ENDPOINT)
        called = [step for step in self.calls if step.op in calls]
        sync = [step for step in called if step.flags & FLAG.SYNC]
        ops = [step.op for step in self.calls]
        first = next(at for at, op in enumerate(ops) if op != OP.VALIDATE)
        if len(sync) == len(called) and OP.VALIDATE not in ops[first:]:
            self.flags |= PLAN_FLAG.THREAD
        elif sync or any(step.flags & FLAG.SUSPENDS for step in called):
            self.flags |= PLAN_FLAG.SUSPENDS


_tuples: dict[tuple[str, ...], tuple[str, ...]] = {}


def _names_tuple(names: tuple[str, ...]) -> tuple[str, ...]:
    return _tuples.setdefault(names, names)
