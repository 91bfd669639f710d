"""Layers that flags put around any application answer as Starlette's classes around it."""

from __future__ import annotations

import inspect
import itertools
import os
import random
import re
import time
from pathlib import Path
from typing import Any

import edge_apps
import pytest
from both import ABSENT, Ask, Served, known, run, sample
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from fastrapi import _engine
from fastrapi.compile import edge

Flags = dict[str, str]
SAMPLES = sample(
    5, 24,
    gzip=["1", "1", ABSENT],
    gzip_minimum_size=[ABSENT, "0", "1", "500", "100000"],
    gzip_level=[ABSENT, "0", "1", "6"],
    trusted_hosts=[ABSENT, ABSENT, "a.example", "*.example, www.b.test", "*"],
    www_redirect=[ABSENT, "0"],
    https_redirect=[ABSENT, ABSENT, ABSENT, "1"],
    cors_allow_origins=[ABSENT, "*", "https://a.example,https://b.example:81", "null"],
    cors_allow_origin_regex=[ABSENT, r"https://\d+\.example", "https://(a|b).*, c"],
    cors_allow_methods=[ABSENT, "*", "GET, PUT", "patch"],
    cors_allow_headers=[ABSENT, "*", "X-Token,x-other"],
    cors_allow_credentials=[ABSENT, "1"],
    cors_allow_private_network=[ABSENT, "1"],
    cors_expose_headers=[ABSENT, "X-A, X-B"],
    cors_max_age=[ABSENT, "0", "10"],
)  # fmt: skip
BESIDE = ("cors_allow_headers", "cors_allow_credentials", "cors_allow_private_network", "cors_expose_headers")


def flags_of(values: dict[str, str]) -> dict[str, str]:
    """Without those that would be refused."""
    allows = "cors_allow_origins" in values or "cors_allow_origin_regex" in values
    refused = set() if allows else set(BESIDE)
    if not known(CORSMiddleware, {"allow_private_network": True}):
        refused.add("cors_allow_private_network")
    return {name: value for name, value in values.items() if name not in refused}


def members(text: str) -> list[str]:
    return [member.strip() for member in text.split(",")] if text else []


def around(app: Any, flags: dict[str, str]) -> Any:
    """The application inside Starlette's classes."""
    get = flags.get
    layers: list[tuple[Any, dict[str, Any]]] = []
    if "trusted_hosts" in flags:
        hosts = members(flags["trusted_hosts"])
        layers.append((TrustedHostMiddleware, {
            "allowed_hosts": hosts, "www_redirect": get("www_redirect") != "0",
        }))  # fmt: skip
    if "cors_allow_origins" in flags or "cors_allow_origin_regex" in flags:
        layers.append((CORSMiddleware, {
            "allow_origins": members(get("cors_allow_origins", "")),
            "allow_origin_regex": get("cors_allow_origin_regex"),
            "allow_methods": members(get("cors_allow_methods", "GET")),
            "allow_headers": members(get("cors_allow_headers", "")),
            "allow_credentials": "cors_allow_credentials" in flags,
            "allow_private_network": "cors_allow_private_network" in flags,
            "expose_headers": members(get("cors_expose_headers", "")),
            "max_age": int(get("cors_max_age", "600")),
        }))  # fmt: skip
    if "https_redirect" in flags:
        layers.append((HTTPSRedirectMiddleware, {}))
    if "gzip" in flags:
        layers.append((GZipMiddleware, {
            "minimum_size": int(get("gzip_minimum_size", "500")),
            "compresslevel": int(get("gzip_level", "9")),
        }))  # fmt: skip
    for cls, options in reversed(layers):
        app = cls(app, **known(cls, options))
    return app


TARGETS = [
    "/", "/thread", "/twice", "/varies", "/refused", "/none", "/yield", "/yield_fails", "/request",
    "/fails", "/sized/0", "/sized/499", "/sized/500", "/sized/9000", "/sized/200000",
    "/sized/900?media=image/png", "/sized/900?status=206", "/sized/200000?status=404",
    "/json/5", "/json/20000", "/thread/5", "/thread/200000", "/stream/10", "/stream/150000", "/task/9000",
    "/task/200000", "/file/short.txt", "/file/long.txt", "/static/short.txt", "/static/long.txt",
    "/static/none", "/nothing", "/bare/100", "/bare/9000", "/late/9000", "/after/9000", "/sub/hello",
]  # fmt: skip
ACCEPTS = [(), (("Accept-Encoding", "br, gzip"),), (("Accept-Encoding", "br"),)]
ORIGINS = [None, "https://a.example", "https://7.example", "null", "https://c.example"]
HOSTS = ["a.example", "b.test", "b.test:81", "[::1]", "bad host?"]


def asks(seed: int) -> list[Ask]:
    rng = random.Random(seed)
    found = []
    for target, accept in itertools.product(rng.sample(TARGETS, len(TARGETS)), ACCEPTS):
        origin = rng.choice(ORIGINS)
        fields = [("Host", rng.choice((*HOSTS[:1] * 5, *HOSTS))), *accept]
        fields += [("Origin", origin)] if origin else []
        if rng.random() < 0.1:
            fields += [("Range", rng.choice(("bytes=0-9", "bytes=5-100000", "bytes=0-1,5-6")))]
        found.append(Ask(rng.choice(("GET", "GET", "GET", "HEAD")), target, tuple(fields)))
    for origin, method in itertools.product(ORIGINS[1:], ("GET", "PUT")):
        more = [("Access-Control-Request-Headers", "x-token, X-Other")] if rng.random() < 0.5 else []
        more += [("Access-Control-Request-Private-Network", "true")] if rng.random() < 0.2 else []
        fields = [("Host", "a.example"), ("Origin", origin or ""), *more]
        fields.append(("Access-Control-Request-Method", method))
        found.append(Ask("OPTIONS", rng.choice(("/", "/none", "/content")), tuple(fields)))
    return found


def files(directory: Path) -> None:
    """Of an age at which what they become may be kept."""
    for name, size in (("short.txt", 3000), ("long.txt", 440_000)):
        path = directory / name
        path.write_bytes(edge_apps.LARGE[:size])
        os.utime(path, (time.time() - 1000,) * 2)


@pytest.fixture(scope="module", autouse=True)
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    edge_apps.FILES = tmp_path_factory.mktemp("files")
    files(edge_apps.FILES)
    return edge_apps.FILES


async def answer_of(served: Served, ask: Ask) -> bytes:
    """Without what is chance, and how long packed content is; the bytes of a connection that
    is cut count, too."""
    try:
        answer = await served.ask(ask)
    except AssertionError as cut:
        served.conn = None
        answer = f"cut: {cut}".encode()
    if ask.method == "HEAD" and b"content-encoding: gzip" in answer:
        answer = re.sub(rb"content-length: \d+", b"content-length: packed", answer)
    return re.sub(rb"[0-9a-f]{26}", b"BOUNDARY", answer)


def answer_alike(one: Served, two: Served, some: list[Ask], what: str) -> None:
    """AssertionError unless ``one`` answers them in C as ``two`` does with Starlette's classes."""
    reports: list[str] = []

    async def main() -> None:
        for ask in some:
            got, wanted = await answer_of(one, ask), await answer_of(two, ask)
            if got != wanted:
                reports.append(f"{ask}\n  starlette {wanted[:600]!r}\n  native    {got[:600]!r}")

    run(main)
    assert not one.serving.inside
    assert not reports, f"{what}: {len(reports)} of {len(some)} differ\n" + "\n".join(reports[:3])


def compare_edge(kind: str, values: dict[str, str], some: list[Ask], mode: str, **client: Any) -> Served:
    flags = flags_of(values)
    variables = {f"FASTRD_{name.upper()}": value for name, value in flags.items()}
    make = edge_apps.KINDS[kind]
    one = Served(make(), mode, variables, **client)
    two = Served(around(make(), flags), "asgi", **client)
    answer_alike(one, two, some, f"{kind} {flags}")
    return one


@pytest.mark.parametrize("kind", edge_apps.KINDS)
@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_every_answer_is_starlettes(number: int, kind: str) -> None:
    mode = "asgi" if number % 4 == 3 else "none"
    compare_edge(kind, SAMPLES[number], asks(number), mode, scheme="https" if number % 3 == 2 else "http")


@pytest.mark.parametrize("kind, option, flag", [
    (GZipMiddleware, "compresslevel", "--gzip-level"), (CORSMiddleware, "allow_private_network", "--cors-allow-private-network"),
    (TrustedHostMiddleware, "www_redirect", "--www-redirect"),
])  # fmt: skip
def test_an_option_that_the_installed_class_has_not_is_named_by_its_flag(
    kind: Any, option: str, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signature = inspect.signature(kind)
    older = signature.replace(parameters=[one for name, one in signature.parameters.items() if name != option])
    monkeypatch.setattr(edge.inspect, "signature", {kind: older}.get)  # type: ignore[attr-defined]
    flags = {"gzip": "1", "cors_allow_origins": "*", "cors_allow_private_network": "1", "trusted_hosts": "a"}
    layers = [one for one in edge.declared(_engine.settings("alone", flags)) if one.name == kind.__name__]
    with pytest.raises(edge.Refused, match=f"^{flag} needs a newer Starlette"):
        list(edge._behind(None, layers))
