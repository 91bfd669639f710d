"""What is served in the place of an application that cannot be loaded, while somebody works at it
(``--reload``): why not, with the traceback, as a page that reloads itself when the application is
back. Nothing of FastAPI is needed here: it may be what is missing."""

from __future__ import annotations

import asyncio
import html
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

_FRAME = re.compile(r'^\s*File "(.+?)", line \d+')
# The page asks with this field: the answer comes when this process ends.
_WAITS = b"x-fastrd-wait"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
  color: #222; background: #fff }
h1 { font-size: 1.25rem; color: #a30; overflow-wrap: anywhere }
pre { font: 14px/1.45 ui-monospace, monospace; background: #f6f6f6; padding: 1rem; overflow-x: auto }
.own { display: block; font-weight: bold; background: #fff3c4 }
.other { color: #777 }
@media (prefers-color-scheme: dark) { body { color: #ddd; background: #1b1b1b } h1 { color: #f85 }
  pre { background: #262626 } .own { background: #443a10 } .other { color: #999 } }
"""
_SCRIPT = """
(function wait() {
  fetch(location.href, {headers: {"x-fastrd-wait": "1"}, cache: "no-store"})
    .then(() => location.reload(), () => setTimeout(wait, 1000));
})();
"""


def _is_own(file: str) -> bool:
    """Is it a file of the user's, not of an installed package or Python's?"""
    parts = os.path.abspath(file).split(os.sep)
    return not {"site-packages", "dist-packages"} & set(parts) and not any(
        part.startswith("python3.") for part in parts
    )


def _marked(frames: str) -> Iterator[str]:
    """The lines of a traceback as HTML, those of the user's own files marked."""
    kind = ""
    for line in frames.splitlines():
        found = _FRAME.match(line)
        if found:
            kind = "own" if _is_own(found[1]) else "other"
        elif not line.startswith(" "):
            kind = ""
        text = html.escape(line)
        yield f'<span class="{kind}">{text}</span>' + "\n" * (kind != "own") if kind else f"{text}\n"


class Page:
    """An ASGI application. ``text`` says in one line why there is no other; ``frames`` is a
    traceback, or empty."""

    def __init__(self, text: str, frames: str) -> None:
        self.text = text
        self.frames = frames.rstrip()
        self.summary = "nothing but a page that shows why, until a file changes"
        self._ended: asyncio.Event | None = None

    def end(self) -> None:
        """This process ends: browsers that wait ask again."""
        if self._ended is not None:
            self._ended.set()

    def as_html(self) -> str:
        """The page of a browser."""
        frames = f"<pre>{''.join(_marked(self.frames))}</pre>" if self.frames else ""
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            '<noscript><meta http-equiv="refresh" content="2"></noscript>'
            f"<title>The application cannot be loaded</title><style>{_STYLE}</style></head><body>"
            f"<h1>{html.escape(self.text)}</h1>{frames}"
            "<p>fastrd waits for a file to change, and then loads the application again. "
            f"This page reloads itself then.</p><script>{_SCRIPT}</script></body></html>\n"
        )

    def as_text(self) -> str:
        """The same for everybody else."""
        frames = f"{self.frames}\n\n" if self.frames else ""
        return f"{frames}{self.text}\n\nfastrd waits for a file to change, and then loads the application again.\n"

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:  # fmt: skip
        if scope["type"] == "lifespan":
            self._ended = asyncio.Event()
            for _ in range(2):
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1011})
        else:
            await self._answer(dict(scope["headers"]), receive, send)

    async def _answer(
        self, fields: dict[bytes, bytes], receive: Callable[[], Awaitable[Any]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:  # fmt: skip
        if _WAITS in fields and self._ended is not None:
            gone = asyncio.ensure_future(self._gone(receive))
            ended = asyncio.ensure_future(self._ended.wait())
            await asyncio.wait((gone, ended), return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            ended.cancel()
        browser = b"text/html" in fields.get(b"accept", b"")
        content = (self.as_html() if browser else self.as_text()).encode("utf-8", "replace")
        kind = b"text/html" if browser else b"text/plain"
        headers = [
            (b"content-type", kind + b"; charset=utf-8"), (b"cache-control", b"no-store"),
            (b"content-length", str(len(content)).encode()),
        ]  # fmt: skip
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _gone(self, receive: Callable[[], Awaitable[Any]]) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
