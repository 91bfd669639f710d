"""fastapi.applications, with FastrAPI in FastAPI's place.

FastAPI's module cannot stand here itself, as the other ones do (mirror.py): its FastAPI
is another class. So this one has the same names. What is set or deleted here is set or
deleted there too, so that what replaces a name for a test replaces it for FastAPI's code.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fastapi import applications as _theirs

from fastrapi.app import FastrAPI

if TYPE_CHECKING:
    from fastapi.applications import AppType as AppType

FastAPI = FastrAPI


class _Module(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _shared:
            setattr(_theirs, name, value)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in _shared:
            delattr(_theirs, name)


_shared = vars(_theirs).keys() - globals().keys()
globals().update((name, getattr(_theirs, name)) for name in _shared)
sys.modules[__name__].__class__ = _Module
