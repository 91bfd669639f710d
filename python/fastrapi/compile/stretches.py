"""Native layers between layers of Python: which stand next to each other.

A stretch is one or more native layers in a row, in the place of which C takes a request
(``bindings/stack/stretch``). At most one of them edits answers, so that the layers inside
see every change of a message when Starlette would make it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import takewhile
from typing import Any

from fastrapi import _engine

from .junctions import Junctions
from .layers import Layer
from .relay import Relay

# Of those that edit answers: who gives an answer another list of fields, and who looks at
# the request's fields only then.
_EDITS = frozenset({"CORSMiddleware", "GZipMiddleware", "SessionMiddleware"})
_REPLACES = frozenset({"CORSMiddleware", "SessionMiddleware"})
_ANSWERS = frozenset({"CORSMiddleware", "HTTPSRedirectMiddleware", "TrustedHostMiddleware"})
_LATE = frozenset({"CORSMiddleware"})


def stretches(layers: Sequence[Layer]) -> Iterator[list[Layer]]:
    """The native ones of an application's layers, outermost first."""
    row: list[Layer] = []
    for layer in layers:
        if row and not (layer.native and _joins(row, layer)):
            yield row
            row = []
        if layer.native:
            row.append(layer)
    if row:
        yield row


def _joins(row: list[Layer], layer: Layer) -> bool:
    """May the layer stand inside the others of a row? Nobody would see between two that edit
    answers; and what a late one looks at again is the list of the last that copies."""
    if layer.name in _EDITS and any(other.name in _EDITS for other in row):
        return False
    return not (_copies(layer) and any(other.name in _LATE for other in row))


def _copies(layer: Layer) -> bool:
    """Does the layer look at the request's fields in a list of its own?"""
    return layer.name in _EDITS or vars(layer.instance).get("allow_any") is False


def front(layers: Sequence[Layer]) -> list[Layer]:
    """Those outside all Python, as far as one of them may answer requests itself."""
    found = list(takewhile(lambda layer: layer.native, layers))
    while found and found[-1].name not in _ANSWERS:
        found.pop()
    return found


def bind(made: Junctions, engine_app: Any, layers: Sequence[Layer]) -> None:
    """Let C run the native layers of an application that has others, too."""
    for row in stretches(layers):
        editing = [layer for layer in row if layer.name in _EDITS]
        stretch = _engine.Stretch(
            engine_app,
            tuple(layer.twin() for layer in row),
            row[0].instance,
            row[-1].instance.app,
            partial(Relay, [(layer.instance, layer.name in _LATE) for layer in editing]),
            next((n for n, layer in enumerate(row) if _copies(layer)), len(row) + 1),
            any(layer.name in _REPLACES for layer in editing),
        )
        made.bind_layer(row[0].instance, stretch)
