"""2,000 routes with nested dependencies, parameters and models: what an import and a compilation
of a large application take."""

from typing import Annotated

from fastapi import Depends, FastAPI, Header, Query
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    name: str
    price: float = 0


class Found(BaseModel):
    name: str
    number: int


async def token(x_token: Annotated[str | None, Header()] = None) -> str | None:
    return x_token


async def user(given: Annotated[str | None, Depends(token)], q: int = 0) -> tuple[str | None, int]:
    return given, q


def page(
    who: Annotated[tuple[str | None, int], Depends(user)], limit: Annotated[int, Query(le=100)] = 10
) -> int:
    return limit


def add(number: int) -> None:
    if number % 2:

        @app.get(f"/r{number}/{{item_id}}", response_model=Found)
        async def read(item_id: int, limit: Annotated[int, Depends(page)]) -> dict[str, object]:
            return {"name": "x", "number": item_id}
    else:

        @app.post(f"/r{number}", response_model=Found)
        async def write(item: Item, limit: Annotated[int, Depends(page)]) -> dict[str, object]:
            return {"name": item.name, "number": limit}


for i in range(2000):
    add(i)
