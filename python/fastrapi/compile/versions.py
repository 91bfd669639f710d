"""Which versions of FastAPI, Starlette and Pydantic the compiler knows.

Versions up to the newest one that the tests run with are known by number. A later
one is trusted only while the code that plans stand for is, letter for letter,
the code of the newest known version.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from .sources import fingerprint


@dataclass(frozen=True, slots=True)
class Known:
    """The span of versions known by number, and the fingerprint of the newest: a digest
    of the source code of ``sources``, which are modules or names inside them."""

    package: str
    label: str
    oldest: str
    newest: str
    sources: tuple[str, ...] = ()
    fingerprint: str = ""


KNOWN = (
    Known(
        "fastapi",
        "FastAPI",
        "0.115.0",
        "0.165.0",
        (
            "fastapi.background",
            "fastapi.concurrency",
            "fastapi.dependencies.models",
            "fastapi.dependencies.utils",
            "fastapi.encoders",
            "fastapi.exception_handlers",
            "fastapi._compat.v2",
            "fastapi.middleware.asyncexitstack",
            "fastapi.applications:FastAPI.__call__",
            "fastapi.applications:FastAPI.build_middleware_stack",
            "fastapi.routing:request_response",
            "fastapi.routing:get_request_handler",
            "fastapi.routing:serialize_response",
            "fastapi.routing:run_endpoint_function",
            "fastapi.routing:APIRoute.get_route_handler",
            "fastapi.routing:APIRoute.matches",
            "fastapi.routing:APIRoute.handle",
            "fastapi.routing:APIRouter.app",
            "fastapi.routing:APIRouter.matches",
            "fastapi.routing:APIRouter.handle",
            "fastapi.routing:_EffectiveRouteContext",
            "fastapi.routing:_IncludedRouter",
        ),
        "3efe4fdc39a38fea71b5e0d4cce0943cd48d78c21a365de2bfeef60bc11bd685",
    ),
    Known(
        "starlette",
        "Starlette",
        "0.37.2",
        "1.10.0",
        (
            "starlette._exception_handler",
            "starlette._utils",
            "starlette.background",
            "starlette.concurrency",
            "starlette.convertors",
            "starlette.datastructures",
            "starlette.exceptions",
            "starlette.requests",
            "starlette.middleware.errors",
            "starlette.middleware.exceptions",
            "starlette.responses:Response",
            "starlette.responses:JSONResponse",
            "starlette.responses:StreamingResponse",
            "starlette.routing:compile_path",
            "starlette.routing:Route",
            "starlette.routing:Mount.matches",
            "starlette.routing:Router.__call__",
            "starlette.routing:Router.app",
            "starlette.routing:Router.not_found",
        ),
        "38d7f3e66a082e78c6ad9edc828bfcc75235a8bee22f51c1186c7162f736d0ab",
    ),
    # Its interface is public, and schema types not listed in schema.py count as
    # Python code.
    Known("pydantic", "Pydantic", "2.7.0", "2.999"),
)


def _numbers(text: str) -> tuple[int, ...]:
    """A version number to compare by: a pre-release is less than its release."""
    numbers = []
    for part in text.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        numbers.append(int(digits or 0))
        if digits != part:
            return (*numbers, -1)
    return (*numbers, 0)


def installed_version(package: str) -> str:
    """The version that ``package`` says it has."""
    return str(importlib.import_module(package).__version__)


def _refusal(known: Known) -> str:
    installed = installed_version(known.package)
    if _numbers(installed) < _numbers(known.oldest):
        return f"{known.label} {installed} is older than {known.oldest}"
    newer = _numbers(installed) > _numbers(known.newest)
    if newer and fingerprint(known.sources) != known.fingerprint:
        return (
            f"{known.label} {installed} differs internally from {known.newest}, "
            "the newest version that this fastrapi knows"
        )
    return ""


def unknown_version() -> str:
    """Why the installed versions are not compiled for; empty: they are known."""
    return next(filter(None, map(_refusal, KNOWN)), "")
