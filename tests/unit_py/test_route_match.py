"""The table's route matcher gives Starlette's answer.

Random sets of templates and paths made to nearly fit them are looked up both
by ``tests/unit/route_oracle`` (shm/route.c behind a line protocol) and by
``starlette.routing.Route.matches``, tried in order of declaration as
Starlette's router does. The route chosen and the text every parameter took
must be the same; so must the route that has the path, whatever its methods.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import PARAM_REGEX, Match, Mount, Route, compile_path

PAIRS = int(os.environ.get("FASTRD_ROUTE_PAIRS", "60000"))
PATHS_PER_SET = 40

LITERALS = ["a", "b", "items", "users", "1", "2.5", "x-y", "é", "日本", ".", "-", "a.b"]
UUID = "0b9f8c1e-2a3d-4e5f-8a7b-1c2d3e4f5a6b"
VALUES = ["a", "7", "42", "007", "3.14", "3.", ".5", "a-b-c", "1-2", "x.y.z", "é", "日本語",
          "", "items", "new", UUID, UUID.replace("-", ""), UUID[:-1], "٣", "a b", "%", "~"]

# The matcher gives up on templates that can be read in thousands of ways, such
# as "/{a}{b}{c:path}"; the application then decides. It may never do so else.
PARAMS_IN_A_ROW = re.compile(r"\}[^/{}]?\{.*\}[^/{}]?\{|\}[^/{}]*\{.*:path\}")


class Oracle:
    """A running route_oracle with one set of routes in it."""

    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def load(self, routes: list[tuple[str, set[str] | None]]) -> None:
        lines = ["reset"]
        for path, methods in routes:
            parts = " ".join(f"{kind}:{text.encode().hex()}" for kind, text in parts_of(path))
            lines.append(f"route {','.join(methods) if methods else '*'} {parts}")
        self.send(*lines)

    def match_all(self, questions: list[tuple[str, str]]) -> list[tuple[int, list[str]] | None]:
        """The answers to (method, path) questions: (index, texts) or None."""
        self.send(*(f"match {m} {p.encode().hex()}" for m, p in questions))
        assert self.process.stdout is not None
        answers: list[tuple[int, list[str]] | None] = []
        for _ in questions:
            line = self.process.stdout.readline()
            assert line, "the oracle died"
            words = line.rstrip("\n").split(" ")
            answers.append(None if words == ["-"] else
                           (int(words[0]), [bytes.fromhex(w).decode() for w in words[1:]]))
        return answers

    def match_paths(self, paths: list[str]) -> list[str]:
        """For each the first route that has the path, "-" for none, "?" for undecided."""
        self.send(*(f"path {path.encode().hex()}" for path in paths))
        assert self.process.stdout is not None
        return [self.process.stdout.readline().rstrip("\n") for _ in paths]

    def send(self, *lines: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n".join(lines) + "\n")
        self.process.stdin.flush()

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.process.stdout.close()


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    build = Path(os.environ.get("FASTRD_BUILD", Path(__file__).parents[2] / "build"))
    program = build / "obj/tests/unit/route_oracle"
    assert program.exists(), f"{program} is missing; make install builds it"
    running = Oracle(program)
    yield running
    running.close()


def parts_of(path: str) -> list[tuple[str, str]]:
    """A template cut as the compiler cuts it: literal texts and parameters."""
    parts: list[tuple[str, str]] = []
    at = 0
    for found in PARAM_REGEX.finditer(path):
        if found.start() > at:
            parts.append(("literal", path[at:found.start()]))
        parts.append(((found.group(2) or ":str")[1:], found.group(1)))
        at = found.end()
    if at < len(path):
        parts.append(("literal", path[at:]))
    return parts


def starlette_match(routes: list[Route], method: str, path: str) -> tuple[int, list[str]] | None:
    """What Starlette's router finds, with the text each parameter took."""
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    for index, route in enumerate(routes):
        verdict, child = route.matches(scope)
        if verdict is Match.FULL:
            found = route.path_regex.match(path)
            assert found is not None
            texts = found.groupdict()
            assert {k: route.param_convertors[k].convert(v) for k, v in texts.items()} == \
                child["path_params"]
            return index, list(texts.values())
    return None


def starlette_has(routes: list[Route], path: str) -> str:
    """The first route that Starlette's router finds for the path or for a part of the
    request, as match_paths() has it."""
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    for index, route in enumerate(routes):
        if route.matches(scope)[0] is not Match.NONE:
            return str(index)
    return "-"


def random_template(rng: random.Random) -> str:
    """A template: whole segments, segments of several parts, open ends."""
    names = iter("pqrstuvwxyz")
    segments = []
    for _ in range(rng.choice([0, 1, 1, 2, 2, 2, 3, 3, 4])):
        pieces = []
        for _ in range(rng.choice([1, 1, 1, 1, 2, 3, 4])):
            name = next(names, None)
            if name is None or rng.random() < 0.45:
                pieces.append(rng.choice(LITERALS))
            else:
                kind = rng.choice(["str", "str", "str", "int", "float", "uuid", "path"])
                pieces.append("{%s}" % name if kind == "str" and rng.random() < 0.7
                              else "{%s:%s}" % (name, kind))
        segments.append("".join(pieces))
    return "/" + "/".join(segments) + rng.choice(["", "", "", "/"])


def random_path(rng: random.Random, templates: list[str]) -> str:
    """A path that fits, or nearly fits, one of the templates."""
    template = rng.choice(templates)
    path = PARAM_REGEX.sub(lambda _: rng.choice(VALUES), template)
    for _ in range(rng.choice([0, 0, 0, 1, 2])):
        at = rng.randrange(len(path) + 1)
        path = rng.choice([
            path[:at] + path[at + 1:],
            path[:at] + rng.choice(["/", "a", "1", "-", ".", "é", "0b9f8c1e"]) + path[at:],
            path + "/", path.rstrip("/"), path.replace("/", "//", 1),
        ])
    return path


def random_methods(rng: random.Random) -> list[str] | None:
    return rng.choice([["GET"], ["GET"], ["POST"], ["PUT", "DELETE"], None])


async def endpoint(request: object) -> None:
    """Never called."""


def test_random_templates_match_as_in_starlette(oracle: Oracle) -> None:
    rng = random.Random(20261121)
    found = undecided = vague = 0
    for _ in range(PAIRS // PATHS_PER_SET):
        templates = [random_template(rng) for _ in range(rng.choice([1, 3, 8, 20]))]
        routes = []
        for template in templates:
            route = Route(template, endpoint)
            methods = random_methods(rng)
            route.methods = set(methods) if methods else None
            routes.append(route)
        oracle.load([(r.path, r.methods) for r in routes])
        questions = [(rng.choice(["GET", "GET", "POST", "DELETE", "HEAD"]),
                      random_path(rng, templates)) for _ in range(PATHS_PER_SET)]
        for (method, path), ours in zip(questions, oracle.match_all(questions), strict=True):
            theirs = starlette_match(routes, method, path)
            if ours is None and theirs is not None:
                undecided += 1
                assert any(PARAMS_IN_A_ROW.search(t) for t in templates), path
                continue
            assert ours == theirs, f"{method} {path!r} in {templates}"
            found += theirs is not None
        paths = [path for _, path in questions]
        for path, first in zip(paths, oracle.match_paths(paths), strict=True):
            if first == "?":
                vague += 1
                assert any(PARAMS_IN_A_ROW.search(t) for t in templates), path
                continue
            assert first == starlette_has(routes, path), f"{path!r} in {templates}"
    # A test in which nothing matches would show nothing.
    assert found > PAIRS // 5
    print(f"{found} of {PAIRS} matched, {undecided} left to the application")
    assert undecided < PAIRS // 500, "too many paths are left to the application"
    assert vague < PAIRS // 40, "too many of no route's are"


def test_large_sets_match_as_in_starlette(oracle: Oracle) -> None:
    rng = random.Random(7)
    templates = [f"/r{i}/{{a}}/x{i % 7}/{{b:int}}" for i in range(500)]
    templates += [f"/r{i}/s{i}" for i in range(500)]
    templates += [f"/r{i}/{{rest:path}}" for i in range(0, 500, 3)]
    rng.shuffle(templates)
    routes = [Route(t, endpoint) for t in templates]
    oracle.load([(r.path, r.methods) for r in routes])
    questions = [("GET", random_path(rng, templates)) for _ in range(600)]
    for (method, path), ours in zip(questions, oracle.match_all(questions), strict=True):
        assert ours == starlette_match(routes, method, path), path


@pytest.mark.parametrize("path", ["/static", "/static/", "/static/a/b.css", "/staticx", "/"])
def test_mounts_match_as_in_starlette(oracle: Oracle, path: str) -> None:
    mount = Mount("/static", app=endpoint)
    verdict, child = mount.matches({"type": "http", "path": path, "root_path": "",
                                    "method": "GET"})
    oracle.load([("/static/{path:path}", None)])
    ours = oracle.match_all([("GET", path)])[0]
    assert (ours is not None) == (verdict is Match.FULL)
    if ours is not None:
        assert child["path_params"] == {}


@pytest.mark.parametrize("path", ["/none\n", "/a\nb", "\n", "/x/\n"])
def test_newlines_are_left_to_the_application(oracle: Oracle, path: str) -> None:
    oracle.load([("/{anything:path}", None), ("/none", None)])
    assert oracle.match_all([("GET", path)]) == [None]
    assert oracle.match_paths([path]) == ["?"]


def test_compile_path_still_makes_the_expressions_this_matcher_follows() -> None:
    regex, _, _ = compile_path("/a/{s}/{i:int}/{f:float}/{u:uuid}/{p:path}")
    assert regex.pattern == (
        "^/a/(?P<s>[^/]+)/(?P<i>[0-9]+)/(?P<f>[0-9]+(\\.[0-9]+)?)/"
        "(?P<u>[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}"
        "-?[0-9a-fA-F]{12})/(?P<p>.*)$")
