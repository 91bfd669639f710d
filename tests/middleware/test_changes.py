"""What is not Starlette's own, or does not stay so, runs in Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import starlette.datastructures
import starlette.middleware.cors
from both import Ask, Served, application, run
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from fastrapi.compile.layers import is_direct, layers_of

ASK = Ask("GET", "/", (("Host", "a.example"), ("Origin", "https://b.example")))


def layer(app: FastAPI) -> Any:
    found: Any = app.middleware_stack
    while not isinstance(found, CORSMiddleware):
        found = found.app
    return found


def send_field(app: FastAPI, origins: Any, patch: pytest.MonkeyPatch) -> None:
    async def send(self: Any, message: Any, send: Any, request_headers: Any) -> None:
        if message["type"] == "http.response.start":
            message["headers"].append((b"x-patched", b"1"))
        await send(message)

    patch.setattr(CORSMiddleware, "send", send)


def allow_all(app: FastAPI, origins: Any, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CORSMiddleware, "is_allowed_origin", lambda self, origin: True)


def set_item(app: FastAPI, origins: Any, patch: pytest.MonkeyPatch) -> None:
    class Changed(starlette.datastructures.MutableHeaders):
        def __setitem__(self, key: str, value: str) -> None:
            super().__setitem__(key, value + "!")

    patch.setattr(starlette.middleware.cors, "MutableHeaders", Changed)


CHANGES: dict[str, Callable[[FastAPI, Any, pytest.MonkeyPatch], object]] = {
    "the user's list grows": lambda app, origins, patch: origins.append("https://b.example"),
    "the user's list has another item": lambda app, origins, patch: origins.__setitem__(0, "https://b.example"),
    "the user's list is emptied": lambda app, origins, patch: origins.clear(),
    "another list": lambda app, origins, patch: setattr(layer(app), "allow_origins", ["https://b.example"]),
    "a flag": lambda app, origins, patch: setattr(layer(app), "allow_all_origins", True),
    "a pattern": lambda app, origins, patch: setattr(layer(app), "allow_origin_regex", re.compile(".*")),
    "a field of its own": lambda app, origins, patch: layer(app).simple_headers.update({"X-A": "1"}),
    "a method of the instance": lambda app, origins, patch: setattr(layer(app), "is_allowed_origin", lambda origin: True),
    "a method of the class": send_field,
    "another method of the class": allow_all,
    "a name of its module": set_item,
}  # fmt: skip


# Of these the answer of this request shows nothing.
UNSEEN = {"the user's list is emptied", "a flag"}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_while_serving_counts_from_the_next_request(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    origins = (["https://a.example", "https://c.example"], ["https://a.example", "https://c.example"])
    apps = [application([(CORSMiddleware, {"allow_origins": given})]) for given in origins]

    async def main() -> None:
        native, reference = Served(apps[0], "none"), Served(apps[1], "asgi")
        before = await native.ask(ASK)
        assert before == await reference.ask(ASK)
        assert is_direct(apps[0], layers_of(apps[0]))
        for app, given in zip(apps, origins, strict=True):
            CHANGES[name](app, given, monkeypatch)
        after = await native.ask(ASK)
        assert after == await reference.ask(ASK)
        assert (after != before) == (name not in UNSEEN)

    run(main)


def test_a_changed_set_counts() -> None:
    origins = {"https://a.example"}
    app = application([(CORSMiddleware, {"allow_origins": origins})])

    async def main() -> None:
        served = Served(app, "none")
        assert b"access-control-allow-origin" not in await served.ask(ASK)
        origins.remove("https://a.example")
        origins.add("https://b.example")
        assert b"access-control-allow-origin: https://b.example\r\n" in await served.ask(ASK)

    run(main)


class Own(CORSMiddleware):
    pass


class Text(str):
    pass


@pytest.mark.parametrize(
    ("cls", "options", "reason"),
    [
        (Own, {}, "is not Starlette's own class"),
        (CORSMiddleware, {"allow_origins": [Text("https://b.example")]}, "allow_origins has a Text where a str is usual"),
        (CORSMiddleware, {"allow_methods": "GET"}, "allow_methods is a str, not a list"),
        (CORSMiddleware, {"allow_origins": ["https://\u4e2d.example"]}, "allow_origins has 'https://\u4e2d.example', which no field can be"),
        (CORSMiddleware, {"allow_credentials": 1}, "allow_credentials is a int, not a bool"),
        (CORSMiddleware, {"expose_headers": ["X\nY"]}, "simple_headers has a control character"),
        (TrustedHostMiddleware, {"allowed_hosts": ["\u4e2d"]}, "allowed_hosts has '\u4e2d', which no field can be"),
    ],
)  # fmt: skip
def test_what_is_not_native_says_why(cls: type, options: dict[str, Any], reason: str) -> None:
    apps = [application([(cls, options)]) for _ in range(2)]

    async def main() -> None:
        native, reference = Served(apps[0], "none"), Served(apps[1], "asgi")
        assert await native.ask(ASK) == await reference.ask(ASK)
        (found,) = layers_of(apps[0])
        assert (found.native, found.reason) == (False, reason)

    run(main)
