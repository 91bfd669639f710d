"""A JSON body validated into one model, answered through another."""

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class ItemIn(BaseModel):
    name: str
    description: str | None = None
    price: float
    tags: list[str] = []


class ItemOut(BaseModel):
    name: str
    price: float
    tags: list[str]


@app.post("/items", response_model=ItemOut)
async def create_item(item: ItemIn):
    return item
