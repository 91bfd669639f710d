"""The objects that plans name by index: told apart while they are compiled, let go
afterwards."""

from __future__ import annotations

import gc
from typing import Any

from fastapi import FastAPI
from pydantic_core import SchemaSerializer, SchemaValidator

from fastrapi.compile import compile_app
from fastrapi.compile.objects import Objects


class Wrapper:
    """As a Pydantic plugin's: its method is somebody else's, who does not keep it."""

    def __init__(self, validator: Any) -> None:
        self.validate_python = validator


def test_an_object_at_the_address_of_one_that_died_is_another() -> None:
    objects = Objects()
    numbers = range(100)
    methods = [objects.bound(Wrapper(number), "validate_python") for number in numbers]
    assert methods == list(numbers)
    indexes = [objects.add(object()) for _ in numbers]
    assert indexes == list(numbers)


def test_a_method_is_one_object_however_often_it_is_asked_for() -> None:
    objects = Objects()
    owner: list[int] = []
    assert owner.append is not owner.append
    first, second = objects.bound(owner, "append"), objects.bound(owner, "append")
    assert first is second
    assert objects.bound([], "append") is not first
    assert objects.bound(owner, "extend") == owner.extend


def test_equal_names_have_one_index() -> None:
    objects = Objects()
    names = [tuple("ab"), tuple("b"), tuple("ab"), "ab", "".join("ab")]
    assert [objects.add_equal(name) for name in names] == [0, 1, 0, 2, 2]
    assert objects.all == [("a", "b"), ("b",), "ab"]


def validators() -> int:
    """How many there are in this process, of fields and of response models."""
    gc.collect()
    kinds = (SchemaValidator, SchemaSerializer)
    return sum(type(found) in kinds for found in gc.get_objects())


def test_nothing_is_kept_of_an_application_that_is_gone() -> None:
    """Tests make an application each."""

    def compile_one() -> None:
        app = FastAPI(openapi_url=None)

        @app.get("/{number}")
        async def endpoint(number: int, text: str = "") -> list[int]:
            return [number]

        compiled = compile_app(app)
        assert (len(compiled.entries), compiled.n_compiled) == (1, 1)

    compile_one()
    before = validators()
    applications = 20
    for _ in range(applications):
        compile_one()
    # What earlier tests left may go meanwhile.
    assert validators() < before + applications
