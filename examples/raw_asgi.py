"""Any ASGI 3 application works: ``fastrd raw_asgi:app``."""

from typing import Any


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer every HTTP request with its own method and path."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    body = f"{scope['method']} {scope['path']}\n".encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
