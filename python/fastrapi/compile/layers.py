"""Which of an application's middleware run as their native twins.

A middleware is native when it is one of Starlette's own classes, whose source is known
to the letter, and when what its instance holds is what its own ``__init__`` makes of
plain values (``twins``).
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, NamedTuple

from starlette.datastructures import Secret

from .dispatch import is_dispatch
from .junctions import builds_as_its_class, has_junctions, junctions_of
from .recognise import ENTRANCES, is_own, only_own_layers, stack_of
from .twins import Twin, Unknown, twin_of

# What Starlette's modules import beside the standard library.
_HOMES = {"starlette", "anyio", "itsdangerous", "python_multipart", "multipart", "typing_extensions"}
_PLAIN = (type(None), bool, int, str)
_LISTS = (list, tuple, set, frozenset)


class Expected(NamedTuple):
    """``owner``'s attribute ``name`` must be ``value`` itself."""

    owner: Any
    name: str
    value: Any

    def holds(self) -> bool:
        if isinstance(self.owner, type):
            return self.owner.__dict__.get(self.name) is self.value
        return getattr(self.owner, self.name, None) is self.value


def _functions(cls: type) -> Iterator[tuple[str, Any, Any]]:
    """Name, value and function of each method of a class that it defines itself."""
    for name, value in vars(cls).items():
        if isinstance(value, staticmethod | classmethod):
            yield name, value, value.__func__
        elif isinstance(value, property):
            yield name, value, value.fget
        elif callable(value) and not isinstance(value, type):
            yield name, value, value


def _modules(twin: Twin) -> list[Any]:
    sources = (twin.module, *twin.sources)
    return [sys.modules[name] for name in dict.fromkeys(s.partition(":")[0] for s in sources)]


def _classes(twin: Twin) -> Iterator[type]:
    """The twin's class, those that its sources name, and those beside them that this
    version has."""
    for source in (f"{twin.module}:{twin.name}", *twin.sources, *twin.beside):
        module, _, name = source.partition(":")
        if name and isinstance(found := getattr(sys.modules[module], name, None), type):
            yield found


def _properties(twin: Twin) -> Iterator[tuple[type, str, Any, Any]]:
    """Class, name, value and function of each property that the twin's sources name.
    ``guards`` watches these classes."""
    for source in twin.sources:
        module, _, path = source.partition(":")
        if path.endswith(".fget"):
            name, member, _ = path.split(".")
            cls = getattr(sys.modules[module], name)
            value = vars(cls).get(member)
            yield cls, member, value, getattr(value, "fget", None)


def is_at_home(value: Any) -> bool:
    """Is a function or class the one of that name in the module that it is said to come
    from, which is none of the application's?"""
    home = str(value.__module__)
    known = home.partition(".")[0] in sys.stdlib_module_names | _HOMES
    return known and getattr(sys.modules.get(home), value.__name__, None) is value


def _is_signers(function: Any) -> bool:
    """Is this a function that itsdangerous defines itself, or its older versions' digest?"""
    if function is hashlib.sha1:
        return True
    package = sys.modules.get("itsdangerous")
    if package is None or type(function) is not FunctionType:
        return False
    home = os.path.join(os.path.dirname(str(package.__file__)), "")
    return str(function.__code__.co_filename).startswith(home)


def _expectations(twin: Twin) -> list[Expected]:
    """What the twin stands for, which must stay as it is: names of modules, methods of
    classes. Unknown when one of them was patched."""
    found = []
    for module in _modules(twin):
        for name, value in vars(module).items():
            if name.startswith("__"):
                continue
            if isinstance(value, FunctionType | type) and not is_at_home(value):
                raise Unknown(f"is patched: {module.__name__}.{name}")
            found.append(Expected(module, name, value))
    members = [(cls, *member) for cls in _classes(twin) for member in _functions(cls)]
    for cls, name, value, function in (*members, *_properties(twin)):
        if not is_own(function) and not _is_signers(function):
            raise Unknown(f"is patched: {cls.__name__}.{name}")
        found.append(Expected(cls, name, value))
    return found


@dataclass(slots=True)
class Layer:
    """One middleware of an application. ``settings`` are its twin's; None: Starlette runs
    it, for ``reason``, unless it is a ``dispatch`` layer. ``expected`` must stay so, ``dicts``
    are watched, ``names`` are a dict and its keys, ``lists`` a list and its items."""

    name: str
    settings: dict[str, Any] | None = None
    reason: str = ""
    instance: Any = None
    expected: list[Expected] = field(default_factory=list)
    dicts: list[Any] = field(default_factory=list)
    names: list[tuple[Any, frozenset[str]]] = field(default_factory=list)
    lists: list[tuple[Any, Any]] = field(default_factory=list)
    dispatch: bool = False

    @property
    def native(self) -> bool:
        return self.settings is not None

    @property
    def keeps(self) -> bool:
        """Does its twin keep a session?"""
        return "keeper" in (self.settings or {})

    @property
    def older(self) -> bool:
        """Is it of a version of Starlette's whose twin has no place between other layers?"""
        return bool((self.settings or {}).get("older"))

    def twin(self) -> tuple[str, dict[str, Any]]:
        """What the engine makes the twin of a native layer from."""
        assert self.settings is not None
        return self.name, self.settings


def _settings(twin: Twin, instance: Any) -> dict[str, Any]:
    found = dict(twin.version())
    held = dict(vars(instance))
    held.pop("app", None)
    if held.keys() != twin.attributes.keys() - found.keys():
        raise Unknown("has attributes of its own")
    for name, value in held.items():
        try:
            found[name] = twin.attributes[name](value)
        except Unknown as unknown:
            raise Unknown(f"{name} {unknown}") from None
    return twin.settle(instance, found)


def _native(twin: Twin, instance: Any) -> Layer:
    """The layer of an instance of a twin's class. Unknown when it is not native."""
    layer = Layer(twin.name, _settings(twin, instance), "", instance)
    layer.expected = _expectations(twin)
    layer.dicts = [*map(vars, _modules(twin)), *_classes(twin)]
    layer.names = [(vars(cls), frozenset(vars(cls))) for cls in _classes(twin)]
    for held in (instance, *_held(instance)):
        _watch(layer, held)
    return layer


def _held(instance: Any) -> list[Any]:
    """The objects that an instance asks, and theirs."""
    signer = getattr(instance, "signer", None)
    return [signer, signer.algorithm] if signer is not None else []


def _watch(layer: Layer, held: Any) -> None:
    """The attributes of an object must stay as they are."""
    layer.expected += [Expected(held, name, value) for name, value in vars(held).items()]
    layer.dicts.append(vars(held))
    layer.names.append((vars(held), frozenset(vars(held))))
    for value in vars(held).values():
        if isinstance(value, dict):
            layer.dicts.append(value)
        elif isinstance(value, list):
            layer.lists.append((value, tuple(value)))
        elif isinstance(value, set):
            layer.lists.append((value, frozenset(value)))


def layer_of(cls: Any, instance: Any) -> Layer:
    """The layer of an instance, of a class that it was declared with."""
    name = str(getattr(cls, "__name__", cls))
    if is_dispatch(cls):
        return Layer(name, None, "is a dispatch layer", dispatch=True)
    twin = twin_of(type(instance))
    if twin is None:
        return Layer(name, None, "is not Starlette's own class")
    try:
        return _native(twin, instance)
    except Unknown as unknown:
        return Layer(name, None, str(unknown))


def _probe(declared: Any) -> Any:
    """An instance as the application will have it; None when it cannot be told without
    running code of the user's."""

    def plain(value: Any) -> bool:
        members = value if type(value) in _LISTS else [value]
        return all(type(member) in (*_PLAIN, Secret) for member in members)

    arguments = (*declared.args, *declared.kwargs.values())
    if twin_of(declared.cls) is None or not all(map(plain, arguments)):
        return None
    try:
        return declared.cls(None, *declared.args, **declared.kwargs)
    except Exception:
        return None


def layers_of(app: Any) -> list[Layer]:
    """The middleware of the application's own, outermost first. Before the stack is built
    they are what the stack will most likely have."""
    declared = app.user_middleware
    if app.middleware_stack is None:
        instances: Sequence[Any] = [_probe(one) for one in declared]
    else:
        made = junctions_of(app)
        instances = made.layers if made is not None else stack_of(app)
        if len(instances) != len(declared):
            instances = [None] * len(declared)
    layers = [layer_of(one.cls, instance) for one, instance in zip(declared, instances, strict=True)]
    keeping = [layer for layer in layers if layer.keeps]
    for layer in keeping[1:]:  # they would share the scope's one session
        layer.settings, layer.reason = None, "is not the only one that keeps a session"
    if not all(layer.native for layer in layers):
        _settle(app, layers)
    return layers


def unknown_layers(app: Any) -> list[str]:
    """What stands around the router of ``app`` besides its declared middleware, or will most likely
    when its layers are made."""
    if app.middleware_stack is None:
        return [] if builds_as_its_class(app) else ["a build_middleware_stack() of its own"]
    known = junctions_of(app) is not None or app.user_middleware or only_own_layers(app, ())
    return [] if known else ["layers that it does not declare"]


def _settle(app: Any, layers: Sequence[Layer]) -> None:
    """Of the layers of an application that has others, too: which can be native?"""
    possible = has_junctions(app)
    for layer in layers:
        if layer.native and (layer.older or not possible):
            layer.settings = None
            layer.reason = "is older than its twin between other layers" if possible else \
                "stands between layers that were made in another way"


def _between(app: Any) -> Iterator[Any]:
    """The user's layers of a stack with junctions, outermost first, as far as they can be
    seen."""
    made = junctions_of(app)
    if made is None:
        return
    layer = made.layer_at(made.first)
    while layer is not None and layer is not made.within:
        yield layer
        layer = made.layer_at(vars(layer).get("app") if hasattr(layer, "__dict__") else None)


def is_direct(app: Any, layers: Sequence[Layer]) -> bool:
    """Does no Python of the application's own stand before its router?"""
    instances = [layer.instance for layer in layers]
    if not all(layer.native for layer in layers):
        return False
    made = junctions_of(app)
    if made is None:
        return only_own_layers(app, instances)
    last = instances[-1].app if instances else made.first
    return (
        last is made.within
        and all(a is b for a, b in zip(instances, _between(app), strict=True))
        and all(is_own(cls.__call__) for cls in ENTRANCES)
    )
