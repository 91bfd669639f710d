"""Starlette's layers that flags put around any application.

The settings say which. C has their twins (``bindings/request``) in front of the
application, as long as the installed version of Starlette's classes is one that the twins were
written after. Starlette's own stand around it beside them, for what the twins leave to
those; where a twin is missing they are all there is.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from fastrapi import _engine

Settings = dict[str, Any]

_VALUE = r"[\t -~\x80-\xff]*"
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_HOST = r"\*|(?:\*\.)?[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\]"
_ORIGIN = r"\*|null|[a-z][a-z0-9+.-]*://(?:[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?"
# What each list may have, and what to write.
_LISTS = {
    "trusted_hosts": (_HOST, "a host without port, such as a.example or *.a.example"),
    "cors_allow_origins": (_ORIGIN, "an origin as browsers send it, such as https://a.example, or *"),
    "cors_allow_methods": (_TOKEN, "methods, such as GET,POST, or *"),
    "cors_allow_headers": (_TOKEN, "names of fields, such as X-Token, or *"),
    "cors_expose_headers": (_TOKEN, "names of fields, such as X-Total"),
}
# What each text may be that becomes a part of a cookie, and what to write.
_PARTS = {
    "session_cookie": (_TOKEN, "a name such as session"),
    "session_path": (r"/[!-:<-~]*", "a path such as /shop"),
    "session_domain": (r"[A-Za-z0-9.-]*", "a host such as shop.example"),
}
# What has no effect without one of these settings.
_BESIDE = {
    ("cors_allow_origins", "cors_allow_origin_regex"): (
        "cors_allow_headers", "cors_allow_credentials", "cors_allow_private_network",
        "cors_expose_headers",
    ),
    ("security_headers",): (
        "security_https_max_age", "security_content_policy", "security_permissions_policy",
        "security_opener_policy",
    ),
    ("session_secret_file", "session_secret"): ("session_https_only", "session_domain"),
}  # fmt: skip
_OPTIONAL = ("cors_allow_origin_regex", "session_max_age", "session_domain")
# A shorter secret is found by trying.
_SECRET_LENGTH = 16
# So many layers around each other are looked through.
_DEEPEST = 64

# All layers, outermost first: module and name of the class, the settings any of which asks for
# it, and for each of its options the setting that says it.
_LAYERS: tuple[tuple[str, str, tuple[str, ...], dict[str, str]], ...] = (
    ("trustedhost", "TrustedHostMiddleware", ("trusted_hosts",), {
        "allowed_hosts": "trusted_hosts", "www_redirect": "www_redirect",
    }),
    ("cors", "CORSMiddleware", ("cors_allow_origins", "cors_allow_origin_regex"), {
        name: f"cors_{name}"
        for name in (
            "allow_origins", "allow_origin_regex", "allow_methods", "allow_headers",
            "allow_credentials", "allow_private_network", "expose_headers", "max_age",
        )
    }),
    ("httpsredirect", "HTTPSRedirectMiddleware", ("https_redirect",), {}),
    ("gzip", "GZipMiddleware", ("gzip",), {
        "minimum_size": "gzip_minimum_size", "compresslevel": "gzip_level",
    }),
    ("sessions", "SessionMiddleware", ("session_secret", "session_secret_file"), {
        "secret_key": "session_secret",
        **{name: f"session_{name}" for name in ("max_age", "path", "same_site", "https_only", "domain")},
        "session_cookie": "session_cookie",
    }),
)  # fmt: skip


class Refused(ValueError):
    """Says which flag is wrong, and what to write instead."""


class Declared(NamedTuple):
    """One layer: its class's module and name, what it is made with, and the settings that these
    options come from."""

    module: str
    name: str
    options: Settings
    flags: dict[str, str]


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _list(settings: Settings, name: str) -> list[str]:
    """The members of a list. Refused when one is none."""
    pattern, wanted = _LISTS[name]
    text: str = settings[name]
    members = [member.strip() for member in text.split(",")] if text.strip() else []
    for member in members:
        if not re.fullmatch(pattern, member):
            raise Refused(f"{_flag(name)} {text}: {member!r} is wrong; want {wanted}")
    return members


def _check(settings: Settings) -> None:
    """Refused for a setting without effect, and for an expression that is none."""
    for needed, names in _BESIDE.items():
        for name in names:
            if settings[name] and not any(settings[one] for one in needed):
                raise Refused(f"{_flag(name)} has no effect without {_flag(needed[0])}")
    regex = settings["cors_allow_origin_regex"]
    try:
        re.compile(regex)
    except (re.error, OverflowError, RecursionError) as exc:
        raise Refused(f"--cors-allow-origin-regex {regex}: {exc}") from None


def _check_fields(settings: Settings) -> None:
    """Refused when one of the fields of every answer is none, or its value no field's."""
    for line in settings["header"].split("\n") if settings["header"] else []:
        why = _engine.header_wrong(line)
        if why is not None:
            raise Refused(f"--header {line}: {why}")
    for part in ("referrer", "content", "permissions", "opener"):
        name = f"security_{part}_policy"
        if not re.fullmatch(_VALUE, settings[name]):
            raise Refused(f"{_flag(name)} {settings[name]!r}: no field can be that")


def _check_session(settings: Settings) -> None:
    """Refused when a browser would not keep the cookie, or not as it is meant."""
    for name, (pattern, wanted) in _PARTS.items():
        if not re.fullmatch(pattern, settings[name]):
            raise Refused(f"{_flag(name)} {settings[name]!r} is wrong; want {wanted}")
    if settings["session_same_site"] == "none" and not settings["session_https_only"]:
        raise Refused("--session-same-site none wants --session-https-only: browsers drop the cookie")


def _secrets(settings: Settings) -> list[str]:
    """What signs sessions, and what has signed older ones. Refused when that is not secret. No text
    of it is told."""
    path, text = settings["session_secret_file"], settings["session_secret"]
    where = f"--session-secret-file {path}" if path else "session_secret"
    if path and text:
        raise Refused(f"{where}: session_secret is set as well; one of the two is enough")
    try:
        if path:
            with open(path, encoding="utf-8") as file:
                text = file.read()
    except (OSError, ValueError) as exc:
        raise Refused(f"{where}: {getattr(exc, 'strerror', None) or 'it is no text'}") from None
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        raise Refused(f"{where}: it has no secret; openssl rand -hex 32 makes one")
    if min(map(len, found)) < _SECRET_LENGTH:
        raise Refused(f"{where}: want {_SECRET_LENGTH} characters or more; openssl rand -hex 32 has 64")
    return found


def with_secrets(settings: Settings) -> Settings:
    """These settings with what is in the file with secrets in its place: a process, and its forks,
    read it once. Refused when it has none."""
    if not settings["session_secret_file"]:
        return settings
    return {**settings, "session_secret": "\n".join(_secrets(settings)), "session_secret_file": ""}


def _value(settings: Settings, name: str) -> Any:
    """A setting as an option. One of those that may not be given is None then."""
    if name in _LISTS:
        return _list(settings, name)
    if name == "session_secret":
        return _secrets(settings)
    return settings[name] or None if name in _OPTIONAL else settings[name]


def declared(settings: Settings) -> list[Declared]:
    """The layers that these settings ask for, outermost first. Refused when one of the
    settings is wrong. Imports nothing; reads the file with secrets."""
    _check(settings)
    _check_fields(settings)
    _check_session(settings)
    return [
        Declared(module, name, {option: _value(settings, flag) for option, flag in flags.items()}, flags)
        for module, name, by, flags in _LAYERS
        if any(settings[flag].strip() if flag in _LISTS else settings[flag] for flag in by)
    ]


class Inside:
    """``app`` as it stands inside Starlette's layers. With the ``engine`` that serves it, a WebSocket enters
    it where its plan runs."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.engine: Any = None

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        """As the application: what this returns is to be awaited."""
        outer = self.engine.outer if self.engine is not None and scope["type"] == "websocket" else None
        return (self.app if outer is None else outer)(scope, receive, send)


class Edge(NamedTuple):
    """The layers around an application, ``names`` from the outermost on. ``behind`` is the
    application inside Starlette's. ``twins`` are what the engine makes the native ones from;
    None: there are none, for ``reason``."""

    names: list[str]
    behind: Any
    twins: tuple[Any, ...] | None
    reason: str

    def text(self) -> str:
        """Which layers are where, in words."""
        if self.twins is not None:
            return f"all behind native {', '.join(self.names)}"
        return f"all inside Starlette's own {', '.join(self.names)}: {self.reason}"


def _known(cls: Any, layer: Declared) -> Settings:
    """The options as the installed version has them. Refused when it has not one that is
    asked for."""
    names = inspect.signature(cls).parameters
    for name, value in layer.options.items():
        if value and name not in names:
            raise Refused(f"{_flag(layer.flags[name])} needs a newer Starlette than is installed")
    return {name: value for name, value in layer.options.items() if name in names}


def _made(cls: Any, app: Any, layer: Declared) -> Any:
    """The instance of a class. Of several secrets the first one signs; the class takes one only."""
    options = _known(cls, layer)
    secrets = options.pop("secret_key", None)
    if secrets is None:
        return cls(app, **options)
    instance = cls(app, secret_key=secrets[0], **options)
    instance.signer = type(instance.signer)(secrets[::-1])
    return instance


def _chain(app: Any) -> Iterator[Any]:
    """The application, and what it stands around, as layers name it."""
    for _ in range(_DEEPEST):
        if app is None:
            return
        yield app
        app = getattr(app, "app", None)


def _members(one: Any, name: str) -> list[Any]:
    found = getattr(one, name, None)
    return found if isinstance(found, list) else []


def _own_cookies(app: Any) -> Iterator[str]:
    """The cookies of each SessionMiddleware that an application has itself."""
    sessions = sys.modules.get("starlette.middleware.sessions")
    if sessions is None:
        return
    for link in _chain(app):
        if isinstance(link, sessions.SessionMiddleware):
            yield link.session_cookie
        for one in _members(link, "user_middleware"):
            if isinstance(one.cls, type) and issubclass(one.cls, sessions.SessionMiddleware):
                yield getattr(one, "kwargs", {}).get("session_cookie", "session")


def _mounted(app: Any) -> Iterator[tuple[str, Any]]:
    """What is mounted in an application, and where."""
    for route in (route for link in _chain(app) for route in _members(link, "routes")):
        if isinstance(route, sys.modules["starlette.routing"].Mount):
            yield route.path, route.app
            yield from ((route.path + path, inner) for path, inner in _mounted(route.app))


def _wants_sessions(app: Any, cookie: str) -> bool:
    """Has it none of its own? Refused where ours and those of what is mounted would take each
    other's cookie away."""
    if any(_own_cookies(app)):
        return False
    for path, inner in _mounted(app) if "starlette.routing" in sys.modules else ():
        if cookie in _own_cookies(inner):
            raise Refused(
                f"--session-cookie {cookie}: the SessionMiddleware of what is mounted at {path} has the "
                "same cookie; give one of them another name"
            )
    return True


def _behind(app: Any, layers: list[Declared]) -> Iterator[Any]:
    """The instances of Starlette's classes, innermost first."""
    for layer in reversed(layers):
        try:
            module = importlib.import_module(f"starlette.middleware.{layer.module}")
        except ImportError:
            raise Refused(
                f"flags that put Starlette's {layer.name} around an application need Starlette"
                f"{' and itsdangerous' if layer.module == 'sessions' else ''}; "
                "install it where the application runs"
            ) from None
        app = _made(getattr(module, layer.name), app, layer)
        yield app


def _twins(instances: list[Any]) -> tuple[tuple[Any, ...] | None, str]:
    """Twins of these instances; None, and why there are none."""
    try:
        from .layers import layer_of
    except (ImportError, AttributeError) as exc:
        return None, f"FastAPI is not as this fastrapi knows it ({exc!r})"
    layers = [layer_of(type(one), one) for one in instances]
    for layer in layers:
        if not layer.native:
            return None, f"{layer.name} {layer.reason}"
        if layer.keeps and layer.settings:  # Starlette's class cannot take over any more
            layer.settings["keeper"] = (*layer.settings["keeper"][:-1], True)
    return tuple(layer.twin() for layer in layers), ""


def edge_of(app: Any, settings: Settings) -> Edge | None:
    """What these settings put around ``app``; None: nothing. Refused when they cannot."""
    layers = declared(settings)
    if layers and layers[-1].module == "sessions" and not _wants_sessions(app, settings["session_cookie"]):
        layers = layers[:-1]
    if not layers:
        return None
    instances = list(_behind(app, layers))[::-1]
    return Edge([layer.name for layer in layers], instances[0], *_twins(instances))
