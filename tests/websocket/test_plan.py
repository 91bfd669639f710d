"""What comes before ``accept`` runs as a plan, and what client and functions see is what they see under
uvicorn: alone, in included routers, in mounted applications, behind layers."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from fastrapi.compile import dialect
from pair import both, observe
from plan_app import VERSION
from test_parity import talk

WRONG = ["own", "answered", "http", "websocket", "runtime", "disconnect", "cancelled", "validation"]
FIELDS = {"additional_headers": [("Cookie", "token=t"), ("X-Name", "n")]}
CASES: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "bare": ("/bare", [], {}),
    "scope": ("/scope/a%2Fb%20c?x=1", [], {}),
    "types": ("/types/7/1.50/6ba7b810-9dad-11d1-80b4-00c04fd430c8/a/b", [], {}),
    "types, wrong": ("/types/x/1.50/6ba7b810-9dad-11d1-80b4-00c04fd430c8/a/b", [], {}),
    "params": ("/params/5?q=4&m=a&m=b", [], FIELDS),
    "params, defaults": ("/params/5", [], {}),
    "params, wrong path": ("/params/0", [], {}),
    "params, wrong query": ("/params/5?q=x", [], {}),
    "model": ("/model?size=4&tag=a&tag=b", [], {}),
    "model, wrong": ("/model?size=x", [], {}),
    "odd": ("/odd/3", [], {}),
    "odd, even": ("/odd/4", [], {}),
    "odd, no number": ("/odd/x", [], {}),
    "injected": ("/injected", [], {}),
    "entered": ("/entered", [], {}),
    "swallowed": ("/swallowed", [], {}),
    "raises at exit": ("/at-exit", [], {}),
    "changed": ("/changed/a?q=2", [], {}),
    "pushed": ("/pushed", [], {}),
    "pushed, raises": ("/pushed-raises", [], {}),
    "pushed at an exit": ("/pushed-at-exit", [], {}),
    "a task that goes on": ("/task", [], {}),
    "overridden": ("/overridden", [], {}),
    "talk": ("/talk", ["a", "b", ("close", 4444, "bye")], {"subprotocols": ["a", "b"]}),
    "talk, broken off": ("/talk", ["a", ("abort",)], {"subprotocols": ["a", "b"]}),
    "gone": ("/gone", [("close", 1001, "away")], {}),
    "denied": ("/deny", [], {}),
    "closed": ("/close", [], {}),
    "returns": ("/returns", [], {}),
    "no coroutine": ("/no-coroutine", [], {}),
    "content": ("/content", [], {}),
    "both": ("/both/4", [], {}),
    "both, wrong": ("/both/x", [], {}),
    "starlette": ("/starlette/x", [], {}),
    "again": ("/again/5", [], {}),
    "class": ("/class", ["a", ("close", 1000, "")], {}),
    "class, raises": ("/class", ["raise"], {}),
    "nowhere": ("/nowhere", [], {}),
    **{f"{place} {what}": (f"/{place}/{what}", [], {})
       for place in ("dependency", "before", "after") for what in WRONG},
}  # fmt: skip
# Until FastAPI 0.118 exit stacks are not in the scope, and models of parameters are of another kind before 0.148.
PLANNED = dialect.STACKS_IN_SCOPE
UNPLANNED = {"model", "model, wrong"} if VERSION < (0, 148) else set()
AROUND = {
    "alone": "", "native": "", "layered": "", "dispatched": "", "included": "/outer/inner", "mounted": "/sub",
    "mounted_layered": "/sub", "of_starlettes": "/sub",
}  # fmt: skip


@pytest.fixture(scope="module", params=AROUND)
def around(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int, int]]:
    with both(f"plan_app:{request.param}", tmp_path_factory.mktemp("plan")) as ports:
        yield request.param, *ports


def test_as_under_uvicorn_and_without_starlettes_router(around):
    name, *ports = around
    wrong = []
    # What is mounted makes its layers at its first request, in Python.
    observe(ports[1], talk(ports[1], AROUND[name] + "/bare", [], {}))
    for case, (path, script, options) in CASES.items():
        expected, got = (
            observe(port, talk(port, AROUND[name] + path, script, options)) for port in ports
        )
        if (expected[0], expected[1]["seen"]) != (got[0], got[1]["seen"]):
            wrong.append((case, expected, got))
        if PLANNED and case not in UNPLANNED and not all(got[1]["ways"]):
            wrong.append((case, "starlette's router ran"))
    assert not wrong


def test_a_path_for_both_answers_http(around):
    name, *ports = around
    for method in ("GET", "POST", "DELETE"):
        answers = []
        for port in ports:
            asked = urllib.request.Request(f"http://127.0.0.1:{port}{AROUND[name]}/both/4", method=method)
            try:
                with urllib.request.urlopen(asked) as answer:
                    answers.append((answer.status, answer.read()))
            except urllib.error.HTTPError as refused:
                answers.append((refused.code, refused.headers["allow"], refused.read()))
        assert answers[0] == answers[1]
