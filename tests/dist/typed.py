"""An application that is checked strictly; every name comes from fastrapi."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

from fastrapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, status
from fastrapi.encoders import jsonable_encoder
from fastrapi.middleware.cors import CORSMiddleware
from fastrapi.openapi.utils import get_openapi
from fastrapi.responses import JSONResponse
from fastrapi.routing import APIRoute
from fastrapi.security import OAuth2PasswordBearer
from fastrapi.security.api_key import APIKeyHeader
from pydantic import BaseModel


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    app.state.title = get_openapi(title="own", version="1", routes=app.routes)["info"]["title"]
    yield


app = FastAPI(title="own", lifespan=lifespan)
app.add_middleware(CORSMiddleware, allow_origins=["*"])
router = APIRouter(prefix="/v1", route_class=APIRoute)
scheme = OAuth2PasswordBearer(tokenUrl="token")
key = APIKeyHeader(name="x-key", auto_error=False)


class Item(BaseModel):
    name: str
    price: float = 1.0


def page(skip: Annotated[int, Query(ge=0)] = 0) -> int:
    return skip


@router.post("/items", status_code=status.HTTP_201_CREATED)
async def create(item: Item, skip: Annotated[int, Depends(page)]) -> Item:
    if skip > 5:
        raise HTTPException(400, jsonable_encoder({"skip": skip}))
    return item


@app.get("/me")
async def me(request: Request, token: Annotated[str, Depends(scheme)]) -> JSONResponse:
    return JSONResponse({"path": request.url.path, "token": token})


@app.get("/")
def hello(k: Annotated[str | None, Depends(key)]) -> dict[str, str | None]:
    return {"message": "hello", "key": k}


app.include_router(router)

if __name__ == "__main__":
    app.serve("127.0.0.1", 8000, workers=2)
