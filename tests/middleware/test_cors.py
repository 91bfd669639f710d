"""CORS answers as Starlette's CORSMiddleware, for every option and request."""

from __future__ import annotations

import itertools
import random

import pytest
from both import ABSENT, Ask, compare, sample
from starlette.middleware.cors import CORSMiddleware

SETUPS = sample(
    1, 48,
    allow_origins=[
        ABSENT, (), ["*"], ["https://a.example"], ("https://b.example", "null"),
        {"https://a.example", "https://caf\xe9.example"}, frozenset({"https://b.example"}),
        ["https://A.example", "", "*"],
    ],
    allow_methods=[ABSENT, ["*"], ["PUT", "get"], (), ["GET", "POST", "DELETE"], {"PATCH"}],
    allow_headers=[
        ABSENT, ["*"], ["X-Token"], ["x-token", "X-Other ", "\xc0B"], (), ["*", "X-Token"],
    ],
    allow_credentials=[ABSENT, True, False],
    allow_origin_regex=[ABSENT, r"https://.*\.example", r"https://a", r"(?i)HTTPS://A.EXAMPLE", ""],
    allow_private_network=[ABSENT, True, False],
    expose_headers=[ABSENT, ["X-A"], ("X-A", "x-b"), []],
    max_age=[ABSENT, 0, 86400, -1],
)  # fmt: skip
ORIGINS = [None, "https://a.example", "https://b.example", "https://A.example", "null", "",
           "https://caf\xe9.example", "*", "https://a.example\thttps://b.example"]  # fmt: skip
PATHS = ["/", "/thread", "/varies", "/twice", "/refused", "/none", "/content", "/yield",
         "/yield_fails"]  # fmt: skip
WANTED_METHODS = ["GET", "PUT", "get", "", "PATCH", "BREW"]
WANTED_HEADERS = [None, "X-Token", "x-token", "accept, X-TOKEN ,content-type", "X-Unknown", "",
                  "x-token,", "X-Other", " \xa0\xe0b\x85 ", "\xc0B", "X-Token,X-Bad", ","]  # fmt: skip
NETWORKS = [None, "true", ""]


def fields(**named: str | None) -> tuple[tuple[str, str], ...]:
    given = [(name.replace("_", "-"), value) for name, value in named.items() if value is not None]
    return (("Host", "a.example"), *given)


def asks(seed: int) -> list[Ask]:
    rng = random.Random(seed)
    found = [
        Ask("GET", path, fields(Origin=origin))
        for path, origin in itertools.product(PATHS, ORIGINS)
    ]
    found += [
        Ask("OPTIONS", path, fields(Origin=origin))
        for path, origin in itertools.product(["/", "/none"], ORIGINS)
    ]
    preflights = list(itertools.product(ORIGINS, WANTED_METHODS, WANTED_HEADERS, NETWORKS))
    found += [
        Ask("OPTIONS", rng.choice(PATHS), fields(
            Origin=origin, Access_Control_Request_Method=method,
            Access_Control_Request_Headers=headers, Access_Control_Request_Private_Network=network,
        ))
        for origin, method, headers, network in rng.sample(preflights, 130)
    ]  # fmt: skip
    found += [
        Ask("GET", path, fields(Origin=origin, Cookie="a=b"))
        for path, origin in itertools.product(["/", "/twice", "/none"], ORIGINS)
    ]
    found += [
        Ask("GET", "/", (*fields(Origin="https://b.example"), ("Origin", "https://a.example"))),
        Ask("HEAD", "/", fields(Origin="https://a.example")),
        Ask("POST", "/content", fields(Origin="https://a.example"), b'{"a":1}'),
        Ask("POST", "/content", fields(Origin="https://a.example"), b'{"a":"x"}'),
        Ask("POST", "/content", fields(Origin="https://a.example"), b"{"),
        Ask("GET", "/", fields(Origin="https://a.example", Access_Control_Request_Method="GET")),
        Ask("options", "/", fields(Origin="https://a.example", Access_Control_Request_Method="GET")),
    ]
    return found


@pytest.mark.parametrize("number", range(len(SETUPS)))
def test_every_answer_is_starlettes(number: int) -> None:
    compare([(CORSMiddleware, SETUPS[number])], asks(number))


def test_plans_run_alone_behind_it() -> None:
    """No request of these reaches the application's Python stack."""
    cors = (CORSMiddleware, {"allow_origins": ["https://a.example"]})
    requests = [
        Ask("GET", path, fields(Origin=origin))
        for path in ("/", "/thread", "/varies", "/twice", "/refused", "/none")
        for origin in ORIGINS
    ]
    preflight = fields(Origin="https://a.example", Access_Control_Request_Method="GET")
    assert compare([cors], [*requests, Ask("OPTIONS", "/", preflight)]) == 0
