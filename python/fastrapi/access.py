"""The logger ``uvicorn.access``, where applications look for requests.

C writes the access log. Once the application has put a filter or a handler of its own on this
logger, or has changed it in another way, it gets each request as uvicorn would log it. A
record that reaches the handler which stands there from the beginning is written by C, to the file
of the settings, and in their format unless that handler has another one.
"""

from __future__ import annotations

import logging
import urllib.parse

from fastrapi.log import AccessHandler

NAME = "uvicorn.access"
UNCHANGED, CHANGED, ASKED, DISABLED = range(4)


def look() -> int:
    """UNCHANGED: nobody wants to hear of requests. ASKED: a handler of the application's does,
    whatever the settings say. DISABLED: the logger is, and not changed in any other way."""
    logger = logging.getLogger(NAME)
    ours = [handler for handler in logger.handlers if isinstance(handler, AccessHandler)]
    others = len(logger.handlers) > len(ours)
    if others or (logger.propagate and logging.getLogger().handlers):
        return ASKED
    quiet = logger.level not in (logging.NOTSET, *(handler.logger_level for handler in ours))
    plain = len(ours) == 1 and ours[0].is_plain() and not logger.filters
    if not plain or quiet or logging.root.manager.disable >= logging.INFO:
        return CHANGED
    return DISABLED if logger.disabled else UNCHANGED


def take(
    root_path: str, host: bytes, port: int, minor: int, status: int, method: bytes, target: bytes
) -> bytes | bool:
    """A request has ended. Is C to write its line, or this one in its place?"""
    logger = logging.getLogger(NAME)
    levels = [h.logger_level for h in logger.handlers if isinstance(h, AccessHandler)]
    if logger.level not in levels and not logger.isEnabledFor(logging.INFO):
        return False
    client = f"{host.decode('latin-1')}:{port}" if host else ""
    path, mark, query = target.decode("latin-1").partition("?")
    path = urllib.parse.quote(root_path + urllib.parse.unquote(path)) + mark + query
    record = logger.makeRecord(
        NAME, logging.INFO, __file__, 0, '%s - "%s %s HTTP/%s" %d',
        (client, method.decode("latin-1"), path, f"1.{minor}", status), None,
    )  # fmt: skip
    return AccessHandler.tell(logger, record)
