"""The methods of Starlette's WebSocket, in C (``bindings/websocket/methods``).

Its functions stay the objects that they are, with all that can be read of them. Only their code is
another: it calls C, and C calls a function with the code that they had wherever a call is not as nearly
all are. They are left alone when their version is unknown, and when an application has replaced one of
them while it was imported.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

from fastrapi import _engine
from fastrapi.broadcasting import relay_code

from .sources import fingerprint, forget, source_of

_SOURCES = ("starlette.websockets",)
# What these differ in are types, and texts and classes of exceptions.
_KNOWN = frozenset(
    {
        "e9cba71212e0cad87d58d148e48927045a37781b14e2bee26e79af2be56ad156",  # 0.37
        "be28848fd8790b14ab87cbcd48fde196a63a5ba70bbf69912a3d4b4dcabac618",  # 0.38 to 0.41
        "33ff209909ad8411efa9d55f2c8cece32b90a6ea7b07ce77b4f49a35007f50ca",  # 0.45, 0.46
        "a61b168295dc958ade56183ec00c945a98015894e26cd1793e2fad3716e64056",  # 0.47 to 0.52
        "9bae16d45e0974bc3eed3446547a92aa0ade6a69476d525239e210d7b11d1f28",  # 1.0 to 1.6
        "99f948f4b53095ff77feeba323cc3eb58fa7a12fb375111bcda52678e5433fd7",  # from 1.7 on
    }
)
# Of the function that Starlette puts around the server's `send`: it hands on all of a WebSocket's.
_KNOWN_RELAYS = frozenset({"e64a7199111e44be12d1c3387a335488c597ce5e83a003d6995f1e0b251f9607"})
_NAMES = (
    "receive", "receive_text", "receive_bytes", "receive_json",
    "send", "send_text", "send_bytes", "send_json",
)  # fmt: skip

METHODS: _engine.WebSocketMethods | None = None


def _relay() -> CodeType | None:
    """The code of Starlette's function around the server's ``send``; None: it is unknown."""
    importlib.import_module("starlette._exception_handler")
    code = relay_code()
    if code is None:
        return None
    cells = tuple(CellType() for _ in code.co_freevars)
    text = source_of(FunctionType(code, {}, closure=cells))
    return code if hashlib.sha256(text.encode()).hexdigest() in _KNOWN_RELAYS else None


def _functions(module: ModuleType) -> dict[str, FunctionType]:
    """Those of Starlette's WebSocket by name, as far as they are its own."""
    found = {name: vars(module.WebSocket).get(name) for name in _NAMES}
    return {
        name: function
        for name, function in found.items()
        if type(function) is FunctionType
        and function.__code__.co_filename == module.__file__
        and function.__code__.co_name == name
        and function.__closure__ is None
    }


def _code_of(function: FunctionType, target: Any) -> CodeType:
    """What calls ``target`` with the arguments of ``function``, and is its code in all that can be read.
    A function that says that it makes a coroutine need not make it itself."""
    old = function.__code__
    names = ", ".join(old.co_varnames[: old.co_argcount])
    text = f"def {old.co_name}({names}): call = 'target'; return call({names})"
    made: dict[str, Any] = {}
    exec(compile(text, old.co_filename, "exec"), made)
    new: CodeType = made[old.co_name].__code__
    consts = tuple(target if const == "target" else const for const in new.co_consts)
    return new.replace(
        co_consts=(*consts, old),  # where it ends can be seen by that (``sources``)
        co_flags=new.co_flags | inspect.CO_COROUTINE,
        co_firstlineno=old.co_firstlineno,
        co_qualname=old.co_qualname,
    )


def _copy_of(function: FunctionType) -> FunctionType:
    copy = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
    copy.__kwdefaults__, copy.__qualname__ = function.__kwdefaults__, function.__qualname__
    return copy


def install() -> None:
    """Let the methods be C's from here on, in this process, if it has imported them."""
    global METHODS
    module = sys.modules.get("starlette.websockets")
    if METHODS is not None or module is None:
        return
    functions = _functions(module)
    relay = _relay() if fingerprint(_SOURCES) in _KNOWN and len(functions) == len(_NAMES) else None
    forget()
    if relay is None:
        return
    METHODS = _engine.WebSocketMethods(
        module.WebSocket,
        functions,
        {name: _copy_of(function) for name, function in functions.items()},
        relay,
        relay.co_freevars.index("send"),
        vars(module),
    )
    for name, function in functions.items():
        function.__code__ = _code_of(function, getattr(METHODS, name))
