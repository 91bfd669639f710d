"""Form bodies for the grid: every declaration FastAPI knows, texts and files."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, HTTPException, Request, UploadFile
from grid_versions import declared
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

router = APIRouter(prefix="/form")


class Login(BaseModel):
    user: str
    age: int = 3
    tags: list[str] = []


class Forbidding(BaseModel):
    model_config = ConfigDict(extra="forbid")
    user: str
    tags: list[int] = []


class Keeping(BaseModel):
    model_config = ConfigDict(extra="allow")
    user: str = "nobody"


class Choosy(BaseModel):
    user: str = Field(validation_alias=AliasChoices("user", "login"))


class Checked(BaseModel):
    user: str

    @field_validator("user")
    @classmethod
    def no_root(cls, user: str) -> str:
        if user == "root":
            raise ValueError("not you")
        return user


@router.post("/texts")
async def texts(user: Annotated[str, Form(max_length=4)], age: Annotated[int, Form()] = 3,
                tags: Annotated[list[str], Form()] = ["none"]) -> list[Any]:  # fmt: skip # noqa: B006
    return [user, age, tags]


@router.post("/texts/sync")
def texts_sync(user: Annotated[str | None, Form(alias="the-user")] = None,
               flags: Annotated[set[int] | None, Form()] = None) -> list[Any]:  # fmt: skip
    return [user, flags]


@router.post("/login")
def login(form: Annotated[Login, Form()]) -> Login:
    return form


@declared(router.post("/login/optional"))
async def login_optional(form: Annotated[Login | None, Form()] = None) -> Any:
    return form


@router.post("/forbidding")
async def forbidding(form: Annotated[Forbidding, Form()]) -> Any:
    return form


@declared(router.post("/forbidding/optional"))
async def forbidding_optional(form: Annotated[Forbidding | None, Form()] = None) -> Any:
    return form


@router.post("/keeping")
async def keeping(form: Annotated[Keeping, Form()]) -> Any:
    return form


@router.post("/choosy")
async def choosy(form: Annotated[Choosy, Form()]) -> Any:
    return form


@declared(router.post("/union"))
async def union(form: Annotated[Forbidding | Keeping, Form()]) -> Any:
    return form


@router.post("/checked")
def checked(form: Annotated[Checked, Form()]) -> Any:
    return form


@router.post("/both")
async def both(form: Annotated[Login, Form()], user: Annotated[str, Form()]) -> Any:
    return [form, user]


@router.post("/request")
async def request_too(request: Request, user: Annotated[str, Form()]) -> Any:
    try:
        raw = (await request.body()).decode()
    except RuntimeError as exc:
        raw = str(exc)
    return [user, (await request.form()).multi_items(), raw]


def opened(user: Annotated[str, Form()]):  # type: ignore[no-untyped-def]
    yield user.upper()


@router.post("/yield")
async def yielding(user: Annotated[str, Depends(opened)], age: Annotated[int, Form()] = 1) -> Any:
    return [user, age]


@router.post("/file")
async def file(user: Annotated[str, Form()], upload: UploadFile,
               raw: Annotated[bytes | None, File()] = None) -> Any:  # fmt: skip
    return [user, upload.filename, (await upload.read()).decode("latin-1"), raw]


@router.post("/raises")
async def raises(user: Annotated[str, Form()]) -> Any:
    raise HTTPException(409, user)
