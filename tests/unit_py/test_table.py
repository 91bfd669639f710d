"""build_table() and what reads a table back."""

from __future__ import annotations

import fcntl
import os
from types import SimpleNamespace
from typing import Any

import pytest

from fastrapi import _engine as engine

LIMIT = 1 << 20
C: dict[str, dict[str, int]] = engine.plan_constants()
STEP, SOURCE, FLAG = C["STEP"], C["SOURCE"], C["STEP_FLAG"]
LITERAL, STR, INT, PATH = (C["PART"][k] for k in ("LITERAL", "STR", "INT", "PATH"))

Route = tuple[Any, ...]


def route(path: str, *parts: tuple[int, str], methods: tuple[str, ...] | None = ("GET",),
          plan: int = -1, barrier: bool = False) -> Route:
    return (path, parts or ((LITERAL, path),), methods, plan, "" if plan >= 0 else "why",
            "name", barrier)


PLAN = ([(STEP["PARAM"], SOURCE["PATH"], FLAG["REQUIRED"] | FLAG["INT"], 0, b"", 0, -1, (0, 0), 0),
         (STEP["PARAM"], SOURCE["QUERY"], 0, 1, b"q", -1, 1, (0, 0), -1),
         (STEP["CALL"], 0, FLAG["SYNC"], 2, b"", 2, 3, (0, 1), -1),
         (STEP["ENDPOINT"], 0, FLAG["AWAIT"], -1, b"", 4, 5, (2, 0), -1)],
        2, 3, 0, 200, C["RESPONSE"]["PLAIN_JSON"], -1, -1, -1, -1, -1, 6)
ROUTES = [route("/"),
          route("/items/{id:int}", (LITERAL, "/items/"), (INT, "id"), plan=0,
                methods=("GET", "HEAD")),
          route("/é/{p:path}", (LITERAL, "/é/"), (PATH, "p"), methods=None),
          route("/host", barrier=True, methods=None)]


def build(routes: list[Route] | None = None, plans: list[Any] | None = None,
          meta: dict[str, str] | None = None, n_objects: int = 7, limit: int = LIMIT) -> bytes:
    result: bytes = engine.build_table([] if routes is None else routes,
                                       [] if plans is None else plans, meta or {},
                                       n_objects, limit)
    return result


def plan_with(step: int, field: int, value: object) -> list[Any]:
    """PLAN with one field of one step replaced."""
    steps = list(PLAN[0])
    steps[step] = (*steps[step][:field], value, *steps[step][field + 1:])
    return [(steps, *PLAN[1:])]


def test_description_is_what_was_built() -> None:
    table = build(ROUTES, [PLAN], {"app": "shop:app", "ünï": "cødé"})
    got = engine.describe_table(table)
    assert got["routes"] == ROUTES
    assert got["plans"] == [PLAN]
    assert got["meta"] == {"app": "shop:app", "ünï": "cødé"}
    assert got["n_objects"] == 7


def test_equal_input_gives_equal_bytes() -> None:
    assert build(ROUTES, [PLAN]) == build(list(ROUTES), [PLAN])
    assert build(ROUTES, [PLAN]) != build(ROUTES[::-1], [PLAN])


def test_an_empty_table() -> None:
    got = engine.describe_table(build())
    assert (got["routes"], got["plans"], got["meta"]) == ([], [], {})


def test_matching() -> None:
    table = build(ROUTES, [PLAN])
    assert engine.match_table(table, "HEAD", "/items/42") == (1, ("42",))
    assert engine.match_table(table, "GET", "/é/a/ü") == (2, ("a/ü",))
    assert engine.match_table(table, "GET", "/else") == (3, ())
    assert engine.match_table(table, "BREW", "/") is None
    assert engine.match_table(build(ROUTES[:1]), "GET", "/x") is None


def test_no_methods_are_all_methods() -> None:
    table = build([route("/a", methods=()), route("/b", methods=None),
                   route("/c", methods=("BREW",))])
    assert engine.match_table(table, "PURGE", "/a") == (0, ())
    assert engine.match_table(table, "PURGE", "/b") == (1, ())
    assert engine.match_table(table, "GET", "/c") is None


def test_conflicts() -> None:
    table = build([route("/u/{id}", (LITERAL, "/u/"), (STR, "id")), route("/u/me"),
                   route("/u/me", methods=("GET", "POST"))])
    assert engine.route_conflicts(table) == [(1, 0, ("GET",), True, False),
                                             (2, 0, ("GET",), False, False)]


@pytest.mark.parametrize("changed, text", [
    (plan_with(0, 0, len(STEP)), f"op is {len(STEP)}"),
    (plan_with(0, 1, len(SOURCE)), f"source is {len(SOURCE)}"),
    (plan_with(0, 2, 1 << 20), "flags is 1048576"),
    (plan_with(0, 3, 2**40), "slot is 1099511627776"),
    (plan_with(0, 3, -2), "slot is -2"),
    (plan_with(0, 3, 3), "slot is out of bounds"),
    (plan_with(0, 8, 1), "not there"),
    (plan_with(1, 6, -1), "not there"),
    (plan_with(2, 7, (0, 2)), "not there"),
    (plan_with(2, 5, 7), "object is out of bounds"),
    ([(*PLAN[:2], 5000, *PLAN[3:])], "n_slots is 5000"),
    ([(*PLAN[:1], 3, *PLAN[2:])], "wrong side"),
    ([([], *PLAN[1:])], "out of bounds"),
    (plan_with(2, 0, STEP["ENTER"]), "not there"),
    ([([*PLAN[0][:2], (STEP["ENTER"], *PLAN[0][2][1:8], 0), PLAN[0][3]], *PLAN[1:])], "announce"),
])
def test_wrong_plans_are_refused(changed: list[Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        build(ROUTES, changed)


ONE_NAME, TWO_NAMES = ("a",), ("a", "b")
MODEL_PLAN = (*PLAN[:5], C["RESPONSE"]["MODEL_JSON"], 0, 1, 5, 4, -1, 6)
NAMES_STEP, NAMES, VALUES = 3, 5, 4
GUARDS = SimpleNamespace(dicts=(), empties=(), lists=(), contents=(), check=lambda: None)


def binding(plan: Any, names: object, values: object, call_names: object = TWO_NAMES) -> object:
    """A Binding of one plan. Object 3 names the arguments of its call."""
    objects: list[object] = [print] * 7
    objects[NAMES_STEP], objects[NAMES], objects[VALUES] = call_names, names, values
    return engine.Binding(build(ROUTES, [plan]), tuple(objects), GUARDS, print, True)


@pytest.mark.parametrize("names", [ONE_NAME, ("a", 1), ["a", "b"], print])
def test_argument_names_that_do_not_fit_are_refused(names: object) -> None:
    assert binding(PLAN, TWO_NAMES, ())
    with pytest.raises(ValueError, match="argument names"):
        binding(PLAN, TWO_NAMES, (), names)


def test_a_shape_that_is_none_is_refused() -> None:
    plan = (*PLAN[:10], 6, 6)
    objects: list[object] = [print, print, print, TWO_NAMES, print, TWO_NAMES, b"\1"]
    assert engine.Binding(build(ROUTES, [plan]), tuple(objects), GUARDS, print, True)
    with pytest.raises(ValueError, match="shape"):
        engine.Binding(build(ROUTES, [plan]), (*objects[:6], b"\1\1"), GUARDS, print, True)


@pytest.mark.parametrize("names, values", [
    (ONE_NAME, (1, 2)), (TWO_NAMES, (1,)), (ONE_NAME, [1]), (["a"], (1,)), ((1,), (1,)),
])
def test_keywords_of_the_serializer_that_do_not_fit_are_refused(
    names: object, values: object
) -> None:
    endpoint = (*PLAN[0][3][:6], -1, *PLAN[0][3][7:])
    plan = ([*PLAN[0][:3], endpoint], *MODEL_PLAN[1:])
    assert binding(plan, ONE_NAME, (True,))
    with pytest.raises(ValueError, match="keywords for the serializer"):
        binding(plan, names, values)


def test_user_code_validates_raw_values_after_the_pure_steps() -> None:
    raw = (STEP["PARAM"], SOURCE["QUERY"], FLAG["RAW"], 3, b"x", -1, -1, (0, 0), -1)
    validate = (STEP["VALIDATE"], 0, FLAG["IMPURE"], 4, b"", 0, 1, (3, 0), -1)
    call = (STEP["CALL"], 0, 0, 5, b"", 2, 3, (4,), -1)
    endpoint = (STEP["ENDPOINT"], 0, 0, -1, b"", 4, 5, (5,), -1)
    pure, tail = PLAN[0][:2], (6, *PLAN[3:])
    assert build(ROUTES, [([*pure, raw, validate, call, endpoint], 3, *tail)])
    with pytest.raises(ValueError, match="wrong side"):
        build(ROUTES, [([*pure, raw, validate, call, endpoint], 4, *tail)])
    with pytest.raises(ValueError, match="wrong side"):
        build(ROUTES, [([*pure, raw, validate, call, endpoint], 2, *tail)])
    unvalidated = (STEP["CALL"], 0, 0, 5, b"", 2, 3, (3,), -1)
    with pytest.raises(ValueError, match="not there"):
        build(ROUTES, [([*pure, raw, validate, unvalidated, endpoint], 3, *tail)])


def test_wrong_routes_are_refused() -> None:
    with pytest.raises(ValueError, match="kind of part is 6"):
        build([route("/a", (6, "x"))])
    with pytest.raises(ValueError, match="plan is out of bounds"):
        build([route("/a", plan=0)])
    with pytest.raises(ValueError, match="too many parts"):
        build([route("/a", *[(STR, "x")] * 129)])
    with pytest.raises(TypeError, match="a route must be a tuple"):
        build([["/a"]])  # type: ignore[list-item]


def test_the_limit_has_its_own_message() -> None:
    with pytest.raises(ValueError, match=r"needs \d+ bytes, more than the limit of 512"):
        build(ROUTES, [PLAN], limit=512)


def test_other_bytes_are_refused() -> None:
    table = bytearray(build(ROUTES, [PLAN]))
    table[-1] ^= 1
    with pytest.raises(ValueError, match="checksum"):
        engine.describe_table(bytes(table))
    with pytest.raises(ValueError, match="too short"):
        engine.describe_table(b"")
    with pytest.raises(TypeError):
        engine.describe_table("text")


def test_write_and_compare() -> None:
    table = build(ROUTES, [PLAN])
    fd = os.memfd_create("table", os.MFD_ALLOW_SEALING)
    try:
        engine.write_table(fd, table)
        assert os.pread(fd, 1 << 20, 0) == table
        assert not engine.same_table(fd, table), "not sealed yet"
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK
                    | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
        assert engine.same_table(fd, table)
        assert not engine.same_table(fd, build(ROUTES[:1]))
    finally:
        os.close(fd)
