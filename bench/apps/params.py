"""A path parameter and two query parameters, one with a default."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/items/{item_id}")
async def read_item(item_id: int, q: str, limit: int = 10):
    return {"item_id": item_id, "q": q, "limit": limit}
