"""Two asynchronous dependencies, the second one on top of the first."""

from typing import Annotated

from fastapi import Depends, FastAPI

app = FastAPI()


async def paging(skip: int = 0, limit: int = 100) -> dict[str, int]:
    return {"skip": skip, "limit": limit}


async def visitor(paging: Annotated[dict[str, int], Depends(paging)]) -> str:
    return f"visitor {paging['skip']}"


@app.get("/")
async def read(
    paging: Annotated[dict[str, int], Depends(paging)],
    visitor: Annotated[str, Depends(visitor)],
):
    return {"visitor": visitor, "limit": paging["limit"]}
