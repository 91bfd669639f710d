"""Starlette's middleware classes that have native twins.

The twins are in the room ``middleware``. Here stands how an instance's attributes become
the settings of its twin.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .twin_sources import Settings, settings_of

_LISTS = (list, tuple, set, frozenset)


class Unknown(Exception):
    """Says what about a middleware has no native twin."""


def _text(value: Any) -> bytes:
    """``value`` as the engine compares it: in Latin-1, as Starlette reads fields."""
    if type(value) is not str:
        raise Unknown(f"has a {type(value).__name__} where a str is usual")
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise Unknown(f"has {value!r}, which no field can be") from None


def _texts(value: Any) -> tuple[bytes, ...]:
    if type(value) not in _LISTS:
        raise Unknown(f"is a {type(value).__name__}, not a list")
    return tuple(map(_text, value))


def _fields(value: Any) -> tuple[tuple[bytes, bytes], ...]:
    if type(value) is not dict:
        raise Unknown(f"is a {type(value).__name__}, not a dict")
    pairs = tuple((_text(name).lower(), _text(text)) for name, text in value.items())
    if any(re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", text) for _, text in pairs):
        raise Unknown("has a control character")
    return pairs


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise Unknown(f"is a {type(value).__name__}, not a bool")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or abs(value) >= 1 << 63:
        raise Unknown(f"is {value!r}, not a usual number")
    return value


def _level(value: Any) -> int:
    if type(value) is not int or not -1 <= value <= 9:
        raise Unknown(f"is {value!r}, not a level from -1 to 9")
    return value


def _pattern(value: Any) -> re.Pattern[str] | None:
    if value is not None and (type(value) is not re.Pattern or not isinstance(value.pattern, str)):
        raise Unknown(f"is a {type(value).__name__}, not a pattern")
    return value


def _part(value: Any) -> bytes:
    """A part of a field that an answer gets."""
    text = _text(value)
    if text != text.strip() or re.search(rb"[\x00-\x1f\x7f]", text):
        raise Unknown("has a character that no cookie should have")
    return text


def _seconds(value: Any) -> int | None:
    return None if value is None else _number(value)


def _signer(value: Any) -> tuple[bytes, ...]:
    """The keys that a signer signs with, the newest first."""
    import itsdangerous.signer

    default = itsdangerous.Signer.default_digest_method
    usual = {"sep": b".", "key_derivation": "django-concat", "digest_method": default}
    held = vars(value) if type(value) is itsdangerous.TimestampSigner else {}
    algorithm = held.get("algorithm")
    if (
        held.keys() != {"secret_keys", "salt", "algorithm", *usual}
        or any(held[name] != usual[name] for name in usual)
        or type(algorithm) is not itsdangerous.signer.HMACAlgorithm
        or vars(algorithm) != {"digest_method": default}
        or not held["secret_keys"]
    ):
        raise Unknown("signs in a way of its own")
    try:
        return tuple(value.derive_key(key) for key in reversed(held["secret_keys"]))
    except Exception as exc:
        raise Unknown(f"cannot sign ({exc!r})") from None


def _cookies(instance: Any, found: dict[str, Any]) -> dict[str, Any]:
    """What the twin of a SessionMiddleware puts behind the name of its cookie, and whom it
    asks for sessions."""
    seconds = found["max_age"]
    age = f"Max-Age={seconds}; " if seconds or (found["zero"] and seconds == 0) else ""
    past = "expires=Thu, 01 Jan 1970 00:00:00 GMT; "
    written, cleared = (
        f"; path={instance.path}; {when}{instance.security_flags}".encode("latin-1")
        for when in (age, past)
    )
    module: Any = sys.modules["starlette.middleware.sessions"]
    session = module.Session if found["tracked"] else None
    clock = sys.modules["itsdangerous.timed"].time
    return {
        "session_cookie": found["session_cookie"],
        "first_field": found["first_field"],
        "first_vary": found["first_vary"],
        "older": found.get("older", False),
        "keys": found["signer"],
        "max_age": seconds or 0,
        "expires": seconds is not None,
        "written": written,
        "cleared": b"=null" + cleared,
        "keeper": (session, json.loads, json.dumps, clock, False),
    }


def _hosts(instance: Any, found: dict[str, Any]) -> dict[str, Any]:
    """A host is parsed as the twin does, or not at all."""
    if not found["old"] and not found["hosts"]:
        raise Unknown("reads hosts in another way than the native one")
    return found


@dataclass(frozen=True)
class Twin:
    """A class of Starlette's, how each attribute of an instance is read, and what the C of
    its twin was written after: ``sources``, known by ``twin_sources``; ``beside`` are
    other classes that must stay as they are. ``settle`` makes the twin's settings of an
    instance, what was read off it and what its version does."""

    module: str
    name: str
    attributes: Mapping[str, Callable[[Any], Any]]
    sources: tuple[str, ...]
    beside: tuple[str, ...] = ()
    settle: Callable[[Any, dict[str, Any]], dict[str, Any]] = lambda instance, found: found

    def version(self) -> Settings:
        """What the installed version does. Unknown when it is another."""
        found = settings_of((self.module, *self.sources))
        if found is None:
            raise Unknown("is another version of Starlette's than the native one")
        return found


_HEADERS = ("starlette.datastructures:Headers", "starlette.datastructures:MutableHeaders")
_PLAIN_TEXT = ("starlette.responses:Response", "starlette.responses:PlainTextResponse")
_REDIRECT = (
    "starlette._utils", "starlette.datastructures:URL", "starlette.responses:RedirectResponse",
)  # fmt: skip

TWINS = (
    Twin(
        "starlette.middleware.cors",
        "CORSMiddleware",
        {
            "allow_origins": _texts,
            "allow_methods": _texts,
            "allow_headers": _texts,
            "allow_all_origins": _flag,
            "allow_all_headers": _flag,
            "allow_credentials": _flag,
            "preflight_explicit_allow_origin": _flag,
            "allow_private_network": _flag,
            "allow_origin_regex": _pattern,
            "simple_headers": _fields,
            "preflight_headers": _fields,
        },
        (*_HEADERS, *_PLAIN_TEXT),
    ),
    Twin(
        "starlette.middleware.gzip",
        "GZipMiddleware",
        {
            "minimum_size": _number,
            "compresslevel": _level,
            "thread_minimum_size": _number,
            "exclude_content_types": _texts,
        },
        _HEADERS,
        ("starlette.middleware.gzip:IdentityResponder", "starlette.middleware.gzip:GZipResponder"),
    ),
    Twin(
        "starlette.middleware.sessions",
        "SessionMiddleware",
        {
            "session_cookie": _part,
            "signer": _signer,
            "max_age": _seconds,
            "path": _part,
            "security_flags": _part,
        },
        (
            "starlette.requests:HTTPConnection.cookies.fget",
            "itsdangerous.encoding",
            "itsdangerous.signer",
            "itsdangerous.timed:TimestampSigner",
            *_HEADERS,
        ),
        (
            "starlette.middleware.sessions:Session",
            "itsdangerous.signer:HMACAlgorithm",
            "itsdangerous.signer:Signer",
        ),
        _cookies,
    ),
    Twin(
        "starlette.middleware.trustedhost",
        "TrustedHostMiddleware",
        {"allowed_hosts": _texts, "allow_any": _flag, "www_redirect": _flag},
        (*_HEADERS, *_PLAIN_TEXT, *_REDIRECT),
        settle=_hosts,
    ),
    Twin(
        "starlette.middleware.httpsredirect",
        "HTTPSRedirectMiddleware",
        {},
        (*_HEADERS, *_PLAIN_TEXT, *_REDIRECT),
    ),
)


def twin_of(cls: Any) -> Twin | None:
    for twin in TWINS:
        if cls is getattr(sys.modules.get(twin.module), twin.name, None):
            return twin
    return None
