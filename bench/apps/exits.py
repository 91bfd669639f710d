"""What ends after the endpoint, or instead of it: yield, background tasks, errors."""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI()


class Item(BaseModel):
    name: str
    price: float


async def session() -> AsyncIterator[str]:
    yield "session"


def def_session() -> Iterator[str]:
    yield "session"


def note(text: str) -> None:
    """What runs in the background."""


@app.get("/yield")
async def read_yield(session: Annotated[str, Depends(session)]) -> dict[str, str]:
    return {"session": session}


@app.get("/def-yield")
def read_def_yield(session: Annotated[str, Depends(def_session)]) -> dict[str, str]:
    return {"session": session}


@app.get("/background")
async def read_background(tasks: BackgroundTasks) -> dict[str, str]:
    tasks.add_task(note, "hello")
    return {"message": "Hello World"}


@app.get("/missing/{key}")
async def read_missing(key: str) -> dict[str, str]:
    raise HTTPException(404, f"no {key}")


@app.post("/items")
async def create_item(item: Item) -> Item:
    return item
