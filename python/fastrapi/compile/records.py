"""The numbers of ``shm/plan.h``, ``shm/layout.h`` and ``shm/method.h``, and the records that
``_engine.build_table`` takes and ``_engine.describe_table`` gives back: tuples whose
members have names here."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

from fastrapi import _engine

_constants = _engine.plan_constants()

OP = SimpleNamespace(**_constants["STEP"])
SOURCE = SimpleNamespace(**_constants["SOURCE"])
FLAG = SimpleNamespace(**_constants["STEP_FLAG"])
MODE = SimpleNamespace(**_constants["RESPONSE"])
KIND = SimpleNamespace(**_constants["KIND"])
PLAN_FLAG = SimpleNamespace(**_constants["PLAN_FLAG"])
PART = SimpleNamespace(**_constants["PART"])
# The methods that a table can route; the application answers all others.
METHODS = frozenset(_constants["METHOD"])
# What stands in their place for the handshake of a WebSocket; no request has it.
(HANDSHAKE,) = _constants["HANDSHAKE"]

NONE = -1


class NotCompiled(Exception):
    """A route stays with the application's own ASGI interface.

    The text is the reason, written for the author of the application.
    """


class Step(NamedTuple):
    """One step of a plan; see ``struct shm_step``."""

    op: int
    source: int = 0
    flags: int = 0
    slot: int = NONE
    name: bytes = b""
    object: int = NONE
    object2: int = NONE
    args: tuple[int, ...] = ()
    key: int = NONE


class Encoding(NamedTuple):
    """How a plan's result becomes the answer: the ``response_`` members of
    ``struct shm_plan``."""

    mode: int
    validator: int = NONE
    serializer: int = NONE
    kwargs: int = NONE
    values: int = NONE
    shape: int = NONE


class Plan(NamedTuple):
    """One plan; see ``struct shm_plan``."""

    steps: list[Step]
    n_pure: int
    n_slots: int
    flags: int
    status: int
    response_mode: int
    response_validator: int
    response_serializer: int
    response_kwargs: int
    response_values: int
    response_shape: int
    helper: int


class Place(NamedTuple):
    """What a plan behind the user's layers puts into the scope; see ``bindings/stack/enter.h``."""

    handlers: tuple[Any, Any] = ((), ())
    router: Any = None
    endpoint: Any = None
    route: Any = None
    included: Any = None
    effective: Any = None
    convertors: tuple[tuple[str, Callable[[str], Any] | None], ...] = ()
    asked: bool = False
    stacks: int = 0
    root: str = ""
    inside: str | None = None
    app: Any = None
    layers: tuple[Any, Any] | None = None


class Route(NamedTuple):
    """One place of the routing table; see ``struct shm_route``."""

    path: str
    parts: tuple[tuple[int, str], ...]
    methods: tuple[str, ...] | None
    plan: int
    reason: str
    name: str
    barrier: bool
