"""Results of plain declared types, which C writes: the answers are those of pydantic-core."""

from __future__ import annotations

import enum
import random
import struct
import typing
from collections import OrderedDict
from typing import Annotated, Any, Literal

import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI, Item, explained
from fastapi import FastAPI
from pydantic import Field, PlainSerializer, TypeAdapter
from typing_extensions import TypedDict
from wire import Request

from fastrapi.compile.records import KIND
from fastrapi.compile.shape import shape_of

WRITTEN = "encode plain JSON of the declared type; any other result with pydantic"
LIST, DICT, STR, INT, NONE = KIND.LIST, KIND.DICT, KIND.STR, KIND.INT, KIND.NONE

if FASTAPI < (0, 130):
    pytest.skip("this version serialises in Python", allow_module_level=True)


class Word(str):
    pass


class Color(str, enum.Enum):
    red = "red"


class Pair(TypedDict):
    a: int


# A type, and its shape; None: pydantic-core writes all values.
TYPES: list[tuple[Any, bytes | None]] = [
    (str, bytes([STR])),
    (int, bytes([INT])),
    (bool, bytes([KIND.BOOL])),
    (float, bytes([KIND.FLOAT])),
    (dict, bytes([DICT, KIND.ANY])),
    (list, bytes([LIST, KIND.ANY])),
    (dict[str, str], bytes([DICT, STR])),
    (dict[str, Any], bytes([DICT, KIND.ANY])),
    (dict[Any, Any], bytes([DICT, KIND.ANY])),
    (dict[str, float], bytes([DICT, KIND.FLOAT])),
    (dict[str, int | str], bytes([DICT, INT | STR])),
    (list[int], bytes([LIST, INT])),
    (list[str | None], bytes([LIST, STR | NONE])),
    (str | None, bytes([STR | NONE])),
    (dict[str, bool | None] | None, bytes([DICT | NONE, KIND.BOOL | NONE])),
    (list[dict[str, list[int]]], bytes([LIST, DICT, LIST, INT])),
    (dict[str, object], bytes([DICT, KIND.ANY])),
    (typing.Mapping[str, str], None),
    (int | bool, None),
    (int | float, None),
    (list[int] | list[str], None),
    (dict[int, str], None),
    (tuple[int, ...], None),
    (set[int], None),
    (Literal["a"], None),
    (Color, None),
    (Pair, None),
    (Item, None),
    (list[Item], None),
    (Annotated[str, Field(max_length=2)], None),
    (Annotated[int, Field(gt=0)], None),
    (Annotated[list[int], Field(max_length=2)], None),
    (Annotated[str, PlainSerializer(str.upper)], None),
    (Annotated[dict[str, Annotated[str, PlainSerializer(str.upper)]], "note"], None),
]
CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
VALUES: list[Any] = [
    None, True, False, 0, 1, -7, 2**63 - 1, 2**63, -(2**63), 10**30, 0.0, -0.0, 1.0, 2.5, 1e-4, 9.9e-5, 1e-7,
    123456789.123, 9999999999999998.0, 1e16, 1e22, 5e-324, float("inf"), float("-inf"), float("nan"),
    "", "a", "long", 'quote " and \\ and / and \x00\x08\t\n\x0c\r\x1f\x7f', "é€\U0001f600\u2028", "\ud800", "5",
    Word("w"), Color.red, b"bytes", (), (1, 2), [], [1], ["a", None], [True], [1.5], ["1"], {1}, frozenset(),
    {}, {"a": "b"}, {"_sa": "kept", "b": "\ud800"}, {"a": 1}, {"a": 1, "b": "x"}, {"a": True}, {"a": None},
    {"a": 1e16}, {"a": 2.0}, {1: "a"}, {"a": 1, 2: 3}, {None: 1}, {Word("k"): "v"}, {"k": Word("v")}, {"\ud800": "a"},
    OrderedDict(a="b"), [{"a": [1, 2]}, {}], [{"a": ["1"]}], {"a": (1, "x")}, {"a": {"b": [None, {"c": 1.5}]}},
    {"a": [{1: 2}]}, Item(name="n"), {"a": Item(name="n")}, {"name": "n"}, CIRCLE, {"a": CIRCLE}, object(),
]


def serving(given: Any, values: list[Any], **options: Any) -> FastAPI:
    """An application that answers /0, /1, ... with the values as results of that type."""
    app = FastAPI()

    @app.get("/{at}", response_model=given, **options)
    async def value(at: int) -> Any:
        return values[at]

    return app


def asked(app: FastAPI, n: int) -> list[Answer]:
    """The answers to /0, /1, ..."""
    answers = []

    async def main() -> None:
        for at in range(n):
            answers.append(await ask(app, Request("GET", f"/{at}")))

    run(main)
    return answers


@pytest.mark.parametrize("given, shape", TYPES, ids=[str(given) for given, _ in TYPES])
def test_every_value_is_answered_as_by_fastapi(given: Any, shape: bytes | None) -> None:
    app, twin = serving(given, VALUES), serving(given, VALUES)
    assert shape_of(app.routes[-1].response_field, {}) == shape  # type: ignore[attr-defined]
    assert (WRITTEN in explained(app, "GET", "/0")[-1]) == (shape is not None)
    with forced("asgi"):
        expected = asked(twin, len(VALUES))
    found = asked(app, len(VALUES))
    for value, one, other in zip(VALUES, expected, found, strict=True):
        assert other == one, repr(value)


@pytest.mark.parametrize("options", [
    {"response_model_exclude_none": True}, {"response_model_exclude_unset": True},
    {"response_model_exclude_defaults": True}, {"response_model_include": {"a"}},
    {"response_model_include": set()}, {"response_model_exclude": {"a"}},
])
def test_a_keyword_that_may_leave_something_out_is_for_pydantic(options: Any) -> None:
    values = [{"a": None, "b": 1}, {}]
    app, twin = serving(dict[str, Any], values, **options), serving(dict[str, Any], values, **options)
    assert WRITTEN not in explained(app, "GET", "/0")[-1]
    with forced("asgi"):
        expected = asked(twin, len(values))
    assert asked(app, len(values)) == expected


def test_floats_are_written_as_by_pydantic() -> None:
    chance = random.Random(7)
    values = [struct.unpack("<d", chance.randbytes(8))[0] for _ in range(5000)]
    values += [chance.uniform(-1e6, 1e6) for _ in range(5000)]
    values += [chance.choice((1, 10, 3)) * 10.0 ** chance.randint(-6, 17) for _ in range(1000)]
    answers = asked(serving(float, values), len(values))
    for value, answer in zip(values, answers, strict=True):
        assert answer.data.endswith(b"\r\n\r\n" + TypeAdapter(float).dump_json(value)), value


def test_a_long_shape_is_for_pydantic() -> None:
    given: Any = int
    for _ in range(15):
        given = list[given]
    assert WRITTEN in explained(serving(given, []), "GET", "/0")[-1]
    assert WRITTEN not in explained(serving(list[given], []), "GET", "/0")[-1]


def test_a_plugin_of_pydantic_is_called() -> None:
    app = serving(str, ["a"])
    field = app.routes[-1].response_field  # type: ignore[attr-defined]
    inner = field._type_adapter.validator

    class Wrapped:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

    field._type_adapter.validator = Wrapped()
    assert shape_of(field, {}) is None
