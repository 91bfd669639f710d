"""Host routes: no entries of the table, which knows paths only.

Such a route, and what it leads to, is Starlette's. All that is compiled of it is a text that
tells most requests that it does not take.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.routing import PARAM_REGEX, Host

from .recognise import inherits, is_own


class Hosted(NamedTuple):
    """A Host route in front of the entry with the number ``first``. A host that it matches
    begins with ``prefix`` and has ``suffix`` behind that, in lower case."""

    first: int
    prefix: bytes
    suffix: bytes
    host: str

    def claims(self, number: int, scope: Any) -> bool:
        """May it take the request of ``scope`` before the entry ``number`` does?"""
        if number < self.first:
            return False
        found = next((value for name, value in scope["headers"] if name == b"host"), b"").lower()
        begins: bool = found.startswith(self.prefix) and self.suffix in found[len(self.prefix) :]
        return begins


def is_host(route: Any) -> bool:
    """Is this a Host route that matches as its class does?"""
    return type(route) is Host and is_own(Host.matches) and inherits(route, Host, "matches")


def hosted(host: str, first: int) -> Hosted:
    """What tells the requests of a route of ``host``."""
    params = list(PARAM_REGEX.finditer(host))
    prefix = host[: params[0].start()] if params else _name(host)
    suffix = _name(host[params[-1].end() :]) if params else ""
    if not host.isascii():
        prefix = suffix = ""
    return Hosted(first, prefix.lower().encode(), suffix.lower().encode(), host)


def _name(host: str) -> str:
    """A host without its port. Of an address in brackets only what is sure."""
    return host.partition(":")[0]
