"""What user code sees of a request's scope and does with it, for the grid."""

import contextlib
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException, Request
from fastapi.responses import StreamingResponse

router = APIRouter(prefix="/scope")
left: list[str] = []


def described(request: Request) -> dict[str, Any]:
    kinds = {name: type(value).__name__ for name, value in request.scope.items()}
    return {"scope": list(kinds.items()), "state": dict(request.scope["state"])}


async def dependency(request: Request) -> str:
    request.state.seen = "dependency"
    return request.headers.get("x-a", "")


@router.get("/async/{n}")
async def scope_async(request: Request, n: int) -> Any:
    return described(request)


@router.get("/sync/{n}")
def scope_sync(request: Request, n: int) -> Any:
    return described(request)


@router.get("/dependency/{n}")
async def scope_dependency(request: Request, a: Annotated[str, Depends(dependency)], n: int) -> Any:
    return [a, request.state.seen, n, described(request)]


@router.get("/url/{n}")
def url(request: Request, n: int) -> Any:
    return [str(request.url_for("url", n=n)), request.scope["route"].path, request.path_params, request.app.title]


@router.post("/content")
async def content(request: Request) -> Any:
    return [(await request.body()).decode("latin-1"), await request.is_disconnected()]


@router.post("/stream")
async def stream(request: Request) -> Any:
    return [piece.decode("latin-1") async for piece in request.stream()]


@router.post("/json")
async def json(request: Request, name: Annotated[str, Depends(dependency)]) -> Any:
    return await request.json()


@router.get("/stacks/{end}")
async def stacks(request: Request, end: str, tasks: BackgroundTasks) -> Any:
    for name in ("fastapi_middleware_astack", "fastapi_inner_astack", "fastapi_function_astack"):
        request.scope[name].callback(left.append, name)
    tasks.add_task(left.append, "task")
    if end == "http":
        raise HTTPException(409, "left")
    if end == "value":
        raise ValueError("left")
    if end == "suppressed":
        request.scope["fastapi_inner_astack"].enter_context(contextlib.suppress(ValueError))
        raise ValueError("suppressed")
    return StreamingResponse(iter("abc")) if end == "stream" else {"end": end}


@router.get("/left")
async def take_left() -> list[str]:
    taken, left[:] = list(left), []
    return taken


@router.get("/raises")
async def raises(request: Request, n: int = 0) -> Any:
    request.state.kept = "kept"
    raise KeyError(n)
