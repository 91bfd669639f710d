"""examples/shop.py, and what one request of it costs without any server."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples"))

import shop  # noqa: E402

app = shop.app
_filled = False


async def list_products() -> object:
    """What GET /products calls of the shop's own: the dependencies, the endpoint, its query."""
    global _filled
    if not _filled:
        async with shop.lifespan(app):
            _filled = True
    await shop.known_agent("own")
    page = await shop.paging()
    connections = shop.database()
    try:
        return await shop.list_products(await anext(connections), page, shop.Filter(), None)
    finally:
        await anext(connections, None)
