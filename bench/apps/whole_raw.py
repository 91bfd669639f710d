"""The endpoints of whole.py by hand: an ASGI 3 application without any framework."""

import hashlib
import json
import os
import zlib
from email.utils import formatdate
from urllib.parse import parse_qs

from databases import postgres_pool
from files import STATIC
from whole_items import dicts

_pool = None


async def answer(send, scope, content, media_type, extra=()):
    """Send it whole, compressed for a client that wants it."""
    fields = [(b"content-type", media_type), (b"x-served-by", b"bench"), (b"vary", b"Accept-Encoding"), *extra]
    if any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"]):
        compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        content = compressor.compress(content) + compressor.flush()
        fields.append((b"content-encoding", b"gzip"))
    fields.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": content})


async def send_json(send, scope, value):
    content = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    await answer(send, scope, content, b"application/json")


async def send_file(send, scope, name):
    path = STATIC / name
    found = os.stat(path)
    tag = hashlib.md5(f"{found.st_mtime}-{found.st_size}".encode(), usedforsecurity=False).hexdigest()
    extra = [(b"last-modified", formatdate(found.st_mtime, usegmt=True).encode()), (b"etag", f'"{tag}"'.encode())]
    with open(path, "rb") as file:
        await answer(send, scope, file.read(), b"text/plain; charset=utf-8", extra)


async def count_content(receive):
    count, more = 0, True
    while more:
        message = await receive()
        count += len(message.get("body", b""))
        more = message.get("more_body", False)
    return count


async def send_rows(send, scope):
    global _pool
    if _pool is None:
        _pool = await postgres_pool()
    rows = await _pool.fetch("SELECT id, name, price FROM item ORDER BY id")
    await send_json(send, scope, {"rows": [dict(row) for row in rows]})


async def lifespan(receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    path = scope["path"]
    if path == "/text":
        query = parse_qs(scope["query_string"].decode())
        text = f"hello {query['name'][0]} {query['n'][0]}"
        await answer(send, scope, text.encode(), b"text/plain; charset=utf-8")
    elif path.startswith("/json/"):
        await send_json(send, scope, {"items": dicts(int(path[6:]))})
    elif path == "/stream":
        await send_json(send, scope, {"bytes": await count_content(receive)})
    elif path.startswith("/static/"):
        await send_file(send, scope, path[8:])
    elif path == "/rows":
        await send_rows(send, scope)
