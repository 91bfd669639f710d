"""TrustedHost and HTTPSRedirect answer as Starlette's."""

from __future__ import annotations

import itertools
import random

import pytest
from both import ABSENT, Ask, compare, sample
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

TRUSTED = sample(
    2, 24,
    allowed_hosts=[
        ABSENT, None, ["*"], ["a.example"], ["*.example", "Www.B.test"], ("www.a.example",),
        ["[::1]", "127.0.0.1"], ["www.%41"], [], ["", "www."], ["*.a.example", "a.example"],
        ["www.[::1]", "[v1.x]"], ["caf\xe9.example"],
    ],
    www_redirect=[ABSENT, True, False],
)  # fmt: skip
HOSTS = [
    "a.example", "A.Example", "www.a.example", "b.test", "B.test:8000", "a.example:80", "x.a.example",
    "a.example:0443", "a.example:65535", "a.example:65536", "a.example:000000080", "a.example:",
    "a.example:8x", "[::1]", "[::1]:80", "[v1.x]", "[V1.x]", "[::g]", "[::1", "127.0.0.1:80", "%41",
    "a%Bc:80", "a_b", "", "xample", ".example", "a,b", "a.example:99999999999999999999",
    "a.example:+80", "e.example:443", "e.example:444",
]  # fmt: skip
TARGETS = [
    "/", "/none", "/a%20b?x=1", "/caf%C3%A9?q=caf%C3%A9", "/%3F%23%5C?", "/%0a", "/?q=%ff", "//x/y",
    "/a;b=(c)'~", "/%25?a=%25&b=[1]", "/%22<>^`{|}?\"<>^`{|}", "/?", "/content", "/request",
]  # fmt: skip


def asks(seed: int, count: int) -> list[Ask]:
    pairs = list(itertools.product(HOSTS, TARGETS))
    chosen = random.Random(seed).sample(pairs, count)
    return [Ask("GET", target, (("Host", host),)) for host, target in chosen] + [
        Ask("OPTIONS", "*", (("Host", "b.test"),)),
        Ask("POST", "/content", (("Host", "b.test"),), b'{"a":1}'),
        Ask("HEAD", "/", (("Host", "b.test"),)),
    ]


@pytest.mark.parametrize("number", range(len(TRUSTED)))
def test_trusted_host_answers_as_starlettes(number: int) -> None:
    compare([(TrustedHostMiddleware, TRUSTED[number])], asks(number, 120))


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
def test_https_redirect_answers_as_starlettes(scheme: str) -> None:
    everything = len(HOSTS) * len(TARGETS)
    compare([(HTTPSRedirectMiddleware, {})], asks(3, everything), scheme=scheme)


@pytest.mark.parametrize("server", [("testserver", 80), ("127.0.0.1", 443), ["10.0.0.1", 8000]])
@pytest.mark.parametrize("root_path", ["", "/pre fix", "/v1"])
def test_the_rest_of_the_address_counts_as_it_does_there(server, root_path: str) -> None:
    client = {"server": server, "root_path": root_path}
    compare([(HTTPSRedirectMiddleware, {})], asks(4, 80), **client)
    hosts = {"allowed_hosts": ["www.b.test", "*.example"]}
    compare([(TrustedHostMiddleware, hosts)], asks(5, 80), **client)
