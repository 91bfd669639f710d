"""A form that was read while it arrived, and that FastAPI's own handler then gets, passes the
application's layers on its way: none of them reads it once more."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest
from client import Answer, ask, forced, run
from declared import bare
from fastapi import File, UploadFile
from passing import Passes
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from wire import Request

LAYERS: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "none": [], "gzip": [(GZipMiddleware, {})], "host": [(TrustedHostMiddleware, {"allowed_hosts": ["*"]})],
    "python": [(Passes, {})], "both": [(GZipMiddleware, {}), (Passes, {})],
}  # fmt: skip
PART = b'--b\r\nContent-Disposition: form-data; name="%s"; filename="f"\r\n\r\n%s\r\n'


@pytest.mark.parametrize("large", ["file", "small"])
@pytest.mark.parametrize("layers", LAYERS)
def test_bytes_of_a_large_form(layers: str, large: str) -> None:
    content = b"".join(PART % (name.encode(), b"x" * (1_200_000 if name == large else 3)) for name in ("file", "small"))
    asked = Request("POST", "/upload", (("content-type", "multipart/form-data; boundary=b"),), content + b"--b--\r\n")
    found: list[Answer] = []

    async def main(mode: str) -> None:
        with forced(mode):
            app = bare()
            for cls, options in LAYERS[layers]:
                app.add_middleware(cls, **options)

            @app.post("/upload")
            async def upload(file: UploadFile, small: Annotated[bytes, File()]) -> list[int]:
                return [len(await file.read()), len(small)]

            found.append(await asyncio.wait_for(ask(app, asked), 60))

    run(lambda: main("asgi"))
    run(lambda: main("none"))
    assert found[0] == found[1] and found[0].data.startswith(b"HTTP/1.1 200 ")
