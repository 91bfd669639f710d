"""Can a coroutine function suspend? Looked up in its code, never guessed."""

from __future__ import annotations

import dis
import inspect
from types import CodeType, FunctionType, MethodType
from typing import Any
from weakref import WeakKeyDictionary

# Instructions by which a frame gives up control, in CPython 3.11 to 3.14.
_SUSPENDING = frozenset({"SEND", "YIELD_VALUE", "GET_AWAITABLE", "GET_ANEXT"})


# What was found in code that still exists.
_known: WeakKeyDictionary[CodeType, bool] = WeakKeyDictionary()


def _code_suspends(code: CodeType) -> bool:
    if code not in _known:
        _known[code] = any(i.opname in _SUSPENDING for i in dis.get_instructions(code))
    return _known[code]


def plain_function(call: Any) -> FunctionType | None:
    """The Python function that runs when ``call`` is called, if that is certain:
    a function, a bound method, or an instance whose class defines ``__call__``."""
    if isinstance(call, MethodType):
        call = call.__func__
    elif not isinstance(call, FunctionType) and not inspect.isclass(call):
        call = getattr(type(call), "__call__", None)
    return call if type(call) is FunctionType else None


def may_suspend(call: Any) -> bool:
    """True unless ``call`` is a coroutine function without any ``await``."""
    function = plain_function(call)
    if function is None:
        return True
    code = function.__code__
    if not code.co_flags & inspect.CO_COROUTINE:
        return True
    return _code_suspends(code)
