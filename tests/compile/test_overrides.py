"""dependency_overrides are a plan's: whatever is put into the dictionary, and whenever."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest
from client import Answer, ask, forced, run
from declared import FASTAPI, bare
from fastapi import APIRouter, BackgroundTasks, Body, Depends, FastAPI, Form, Header, HTTPException, Query, Request, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from pydantic import BaseModel
from wire import Request as Asked

pytestmark = pytest.mark.skipif(FASTAPI < (0, 165), reason="no such option")
log: list[str] = []


class Item(BaseModel):
    name: str


async def leaf(q: int = 1) -> int:
    return q


async def middle(n: Annotated[int, Depends(leaf)]) -> list[int]:
    return [n]


async def resource() -> AsyncIterator[str]:
    log.append("enter")
    yield "resource"
    log.append("exit")


def scheme(scopes: SecurityScopes) -> list[str]:
    return scopes.scopes


async def body(item: Item) -> str:
    return item.name


class Session:
    def __init__(self, q: str = "none") -> None:
        self.q = q


def make() -> FastAPI:
    log.clear()
    app, router = bare(), APIRouter(prefix="/in", dependencies=[Depends(resource)])

    @app.get("/tree")
    async def tree(m: Annotated[list[int], Depends(middle)], n: Annotated[int, Depends(leaf)]) -> Any:
        return [m, n]

    @app.get("/plain")
    def plain(m: Annotated[list[int], Depends(middle)], s: Annotated[Session, Depends()]) -> Any:
        return [m, getattr(s, "q", s)]

    @router.get("/resource/{n}")
    async def held(r: Annotated[str, Depends(resource)], m: Annotated[list[int], Depends(middle, use_cache=False)], n: int) -> Any:
        return [r, m, n]

    @app.get("/scopes")
    async def scopes(s: Annotated[list[str], Security(scheme, scopes=["a", "b"])]) -> Any:
        return s

    @app.post("/body")
    async def of_body(b: Annotated[str, Depends(body)], n: Annotated[int, Depends(leaf)]) -> Any:
        return [b, n]

    app.include_router(router)
    return app


def plain_leaf(w: Annotated[int, Query(gt=3)] = 5, x_a: Annotated[str | None, Header()] = None) -> Any:
    return w, x_a


async def raising() -> int:
    raise HTTPException(418, "overridden")


def plain_resource(n: int) -> Iterator[str]:
    log.append("plain enter")
    yield f"plain {n}"
    log.append("plain exit")


async def with_request(request: Request, tasks: BackgroundTasks) -> str:
    tasks.add_task(log.append, "task")
    return request.url.path


def other_scopes(scopes: SecurityScopes, token: Annotated[str | None, Depends(OAuth2PasswordBearer("t", auto_error=False))]) -> Any:
    return [scopes.scope_str, token]


async def deeper(again: Annotated[list[int], Depends(middle)]) -> int:
    return len(again)


async def other_body(item: Annotated[Item, Body(embed=True)]) -> str:
    return item.name


async def of_form(name: Annotated[str, Form()]) -> str:
    return name


CHANGES: dict[str, Callable[[FastAPI], Any]] = {
    "nothing": lambda app: None,
    "a function": lambda app: app.dependency_overrides.update({leaf: plain_leaf}),
    "a lambda": lambda app: app.dependency_overrides.update({leaf: lambda: 7}),
    "the lambda again": lambda app: app.dependency_overrides.update({leaf: lambda: 8}),
    "one that raises": lambda app: app.dependency_overrides.update({leaf: raising}),
    "the tree": lambda app: app.dependency_overrides.update({middle: deeper, leaf: raising}),
    "a new dictionary": lambda app: setattr(app, "dependency_overrides", {resource: plain_resource, Session: with_request}),
    "one removed": lambda app: app.dependency_overrides.pop(Session),
    "security": lambda app: app.dependency_overrides.update({scheme: other_scopes}),
    "content": lambda app: app.dependency_overrides.update({body: other_body}),
    "no content": lambda app: app.dependency_overrides.update({body: lambda: "none"}),
    "content where none was": lambda app: app.dependency_overrides.update({leaf: body}),
    "a form": lambda app: app.dependency_overrides.update({body: of_form}),
    "itself": lambda app: app.dependency_overrides.update({leaf: leaf, len: leaf}),
    "cleared": lambda app: app.dependency_overrides.clear(),
    "none at all": lambda app: setattr(app, "dependency_overrides", None),
    "an odd signature": lambda app: setattr(app, "dependency_overrides", {leaf: lambda *args, **kwargs: [args, kwargs]}),
    "empty": lambda app: setattr(app, "dependency_overrides", {}),
}
JSON = (("content-type", "application/json"),)
ASKED = [
    Asked("GET", "/tree"), Asked("GET", "/tree?q=3&w=9", (("x-a", "b"),)), Asked("GET", "/tree?q=x&w=1"),
    Asked("GET", "/plain"), Asked("GET", "/plain?q=4&w=4"), Asked("GET", "/plain?q=x"),
    Asked("GET", "/in/resource/3"), Asked("GET", "/in/resource/x"), Asked("GET", "/scopes", (("authorization", "Bearer t"),)),
    Asked("POST", "/body", JSON, b'{"name": "a"}'), Asked("POST", "/body", JSON, b'{"item": {"name": "a"}}'),
    Asked("POST", "/body", JSON, b"["), Asked("POST", "/body", JSON, b""), Asked("POST", "/body", (), b"name=a"),
]  # fmt: skip


def answers(mode: str, first: int) -> list[tuple[str, Asked, Answer, list[str]]]:
    """Every change, from the ``first`` on, with every request after each."""
    found: list[tuple[str, Asked, Answer, list[str]]] = []

    async def main() -> None:
        with forced(mode):
            app = make()
            for name, change in list(CHANGES.items())[first:]:
                change(app)
                for request in ASKED:
                    log.clear()
                    answer = await ask(app, request)
                    found.append((name, request, answer, [*log]))

    run(main)
    return found


@pytest.mark.parametrize("first", [0, 1, 6])
def test_answers_are_those_of_fastapi(first: int) -> None:
    there, here = answers("asgi", first), answers("none", first)
    different = [pair for pair in zip(there, here, strict=True) if pair[0] != pair[1]]
    assert not different, different[:3]
    left = {(name, request.target) for name, request, answer, _ in here if not answer.compiled and answer.data[9:10] == b"2"}
    # FastAPI reads content that no function takes any more, and a form as if it were JSON.
    assert left == {(name, "/body") for name in ("no content", "a form", "itself")}


def test_one_that_changes_them_for_ever_is_left_to_fastapi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastrapi.compile.overrides.MOST_COMPILED", 20)

    async def main() -> None:
        app, compiled = make(), []
        for n in range(40):
            app.dependency_overrides[leaf] = lambda n=n: n
            answer = await ask(app, Asked("GET", "/tree"))
            assert answer.data.endswith(f"[[{n}],{n}]".encode())
            compiled.append(answer.compiled)
        assert compiled == [True] * 20 + [False] * 20
        app.dependency_overrides.clear()
        assert (await ask(app, Asked("GET", "/tree"))).compiled

    run(main)


async def leaf_of(n: Annotated[int, Depends(leaf)]) -> int:
    return n


def of_others(provider: Any) -> FastAPI:
    """An application, and one that it mounts, with a route whose dependencies ``provider`` overrides,
    and one whose dependencies nobody does, as packages put them there."""
    routers = APIRouter(dependency_overrides_provider=provider), APIRouter()
    app, inner = bare(), bare()
    for path, router in zip(("/other", "/nobodys"), routers, strict=True):
        router.get(path)(leaf_of)
        app.router.routes.extend(router.routes)
        inner.router.routes.extend(router.routes)
    app.get("/own")(leaf_of)
    app.mount("/in", inner)
    return app


PROVIDERS: dict[str, Callable[[FastAPI, FastAPI], Any]] = {
    "nothing": lambda app, provider: None,
    "its own": lambda app, provider: app.dependency_overrides.update({leaf: lambda: 5}),
    "both": lambda app, provider: provider.dependency_overrides.update({leaf: lambda: 6}),
    "another": lambda app, provider: provider.dependency_overrides.update({leaf: lambda: 7}),
    "a new dictionary": lambda app, provider: setattr(provider, "dependency_overrides", {leaf: lambda: 8}),
    "none at all": lambda app, provider: setattr(provider, "dependency_overrides", None),
    "the other's": lambda app, provider: setattr(provider, "dependency_overrides", app.dependency_overrides),
    "cleared": lambda app, provider: app.dependency_overrides.clear(),
}


@pytest.mark.parametrize("first", [0, 2, 5])
def test_those_of_another_application_count_for_the_routes_that_it_provides(first: int) -> None:
    def found(mode: str) -> list[tuple[str, str, bytes, bool]]:
        rows = []

        async def main() -> None:
            with forced(mode):
                provider = FastAPI()
                app = of_others(provider)
                for name, change in list(PROVIDERS.items())[first:]:
                    change(app, provider)
                    for path in ("/other", "/nobodys", "/own", "/in/other", "/in/nobodys"):
                        answer = await ask(app, Asked("GET", path))
                        rows.append((name, path, answer.data, answer.compiled))

        run(main)
        return rows

    here = found("none")
    assert [row[:3] for row in here] == [row[:3] for row in found("asgi")]
    # Where an inner application's layers are not known before its first request, that is FastAPI's.
    assert all(row[3] for row in here if not row[1].startswith("/in")), here


def test_a_provider_that_cannot_be_watched_is_left_to_fastapi() -> None:
    class Changing(FastAPI):
        @property
        def dependency_overrides(self) -> Any:  # type: ignore[override]
            return changing

        @dependency_overrides.setter
        def dependency_overrides(self, value: Any) -> None:
            pass

    changing: dict[Any, Any] = {}
    app = of_others(Changing())

    async def main() -> None:
        for n in (1, 9):
            answer = await ask(app, Asked("GET", "/other"))
            assert answer.data.endswith(f"\r\n\r\n{n}".encode()) and not answer.compiled
            changing[leaf] = lambda: 9
        assert (await ask(app, Asked("GET", "/nobodys"))).compiled

    run(main)
