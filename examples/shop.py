"""A small shop: catalogue, cart and orders in an SQLite file.

Runs unmodified under any ASGI server; under fastrd: ``fastrd --app-dir examples
shop:app``. The database is ``$SHOP_DATABASE`` (default: a file in the temporary
directory). Log in at ``/token`` as ``ada`` with password ``lovelace`` to order; the
tokens are signed with ``$SHOP_SECRET``.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import hmac
import io
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from typing import Annotated, Any

import aiosqlite
from fastapi import (
    APIRouter,
    BackgroundTasks,
    Cookie,
    Depends,
    FastAPI,
    Header,
    HTTPException,
    Path,
    Query,
    Request,
    Response,
    status,
)
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pydantic import BaseModel, Field

DATABASE = os.environ.get(
    "SHOP_DATABASE", os.path.join(tempfile.gettempdir(), "fastrd-shop.sqlite")
)
SECRET = os.environ.get("SHOP_SECRET", "known to everybody").encode()
# Name: salt and scrypt of the password.
USERS = {
    "ada": (
        "a3c1f0de5b7742689be2d46c8a0f1357",
        "ebd6008e9ed47b9acd4be838cf4fed5c0287a48b8860fecac5c9f29df33542a9"
        "c19b6dc0b313a23bb0eeeb1c299bef0e9f500dd0e71923270bd58ab2fe2cedb3",
    )
}
NOBODY = ("00" * 16, "00" * 64)
SCHEMA = """
CREATE TABLE IF NOT EXISTS product (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL NOT NULL,
    stock INTEGER NOT NULL, color TEXT NOT NULL, width REAL, height REAL);
CREATE TABLE IF NOT EXISTS cart (
    session TEXT NOT NULL, product INTEGER NOT NULL, quantity INTEGER NOT NULL,
    PRIMARY KEY (session, product));
CREATE TABLE IF NOT EXISTS purchase (
    id INTEGER PRIMARY KEY, customer TEXT NOT NULL, total REAL NOT NULL);
CREATE TABLE IF NOT EXISTS mail (purchase INTEGER NOT NULL, text TEXT NOT NULL);
"""
PRODUCTS = [
    (1, "kettle", 24.5, 12, "steel", 18.0, 25.0),
    (2, "teapot", 32.0, 4, "white", 22.0, 15.5),
    (3, "cup", 6.25, 120, "blue", None, None),
    (4, "tray", 14.0, 0, "oak", 40.0, 30.0),
]


class Size(BaseModel):
    width: float = Field(gt=0)
    height: float = Field(gt=0)


class NewProduct(BaseModel):
    name: str = Field(min_length=1, max_length=40)
    price: float = Field(ge=0)
    stock: int = Field(0, ge=0)
    color: str = "white"
    size: Size | None = None


class Product(NewProduct):
    id: int


class CartLine(BaseModel):
    product: int
    quantity: int = Field(1, ge=1, le=99)


class Cart(BaseModel):
    lines: list[CartLine]
    total: float


class Order(BaseModel):
    id: int
    customer: str
    total: float
    note: str | None = None


class Filter(BaseModel):
    color: str | None = None
    max_price: float | None = Field(None, ge=0)
    in_stock: bool = False


class Token(BaseModel):
    access_token: str
    token_type: str = "bearer"


class OutOfStock(Exception):
    def __init__(self, name: str) -> None:
        self.name = name


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Create and fill the database.

    Workers take turns: SQLite's switch to WAL fails at once, however long the
    time-out, when another process makes it too.
    """
    with open(f"{DATABASE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        async with aiosqlite.connect(DATABASE, timeout=10) as db:
            await db.execute("PRAGMA journal_mode = WAL")
            await db.executescript(SCHEMA)
            await db.executemany(
                "INSERT OR IGNORE INTO product VALUES (?, ?, ?, ?, ?, ?, ?)", PRODUCTS
            )
            await db.commit()
    yield {"shop": "open"}


async def database() -> AsyncIterator[aiosqlite.Connection]:
    """A connection for one request; rolled back unless the request commits."""
    async with aiosqlite.connect(DATABASE, timeout=10) as db:
        db.row_factory = aiosqlite.Row
        yield db


Database = Annotated[aiosqlite.Connection, Depends(database)]
oauth2 = OAuth2PasswordBearer(tokenUrl="token", auto_error=True)


def _unauthorized(detail: str) -> HTTPException:
    headers = {"WWW-Authenticate": "Bearer"}
    return HTTPException(status.HTTP_401_UNAUTHORIZED, detail, headers)


def token_of(name: str) -> str:
    """The token that speaks for ``name``. A real shop's would expire."""
    return f"{name}.{hmac.new(SECRET, name.encode(), 'sha256').hexdigest()}"


def customer(token: Annotated[str, Depends(oauth2)]) -> str:
    """Who sent the request."""
    name = token.rpartition(".")[0]
    if name not in USERS or not hmac.compare_digest(token_of(name).encode(), token.encode()):
        raise _unauthorized("who are you?")
    return name


async def session(cart: Annotated[str | None, Cookie(max_length=40)] = None) -> str:
    return cart or "nobody"


async def paging(
    skip: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> tuple[int, int]:
    return skip, limit


async def known_agent(user_agent: Annotated[str | None, Header()] = None) -> None:
    """Router-level dependency: some clients are not served."""
    if user_agent == "thief":
        raise HTTPException(status.HTTP_403_FORBIDDEN, "not you")


def _product(row: aiosqlite.Row) -> Product:
    size = Size(width=row["width"], height=row["height"]) if row["width"] else None
    fields = {key: row[key] for key in ("id", "name", "price", "stock", "color")}
    return Product(**fields, size=size)


async def _find(db: aiosqlite.Connection, product_id: int) -> Product:
    async with db.execute("SELECT * FROM product WHERE id = ?", (product_id,)) as rows:
        row = await rows.fetchone()
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"no product {product_id}")
    return _product(row)


app = FastAPI(title="Shop", version="1.0", lifespan=lifespan)
app.add_middleware(GZipMiddleware, minimum_size=1000)
app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
catalogue = APIRouter(prefix="/products", tags=["catalogue"], dependencies=[Depends(known_agent)])
orders = APIRouter(prefix="/orders", tags=["orders"])


@app.exception_handler(OutOfStock)
async def out_of_stock(_request: Request, exc: OutOfStock) -> JSONResponse:
    return JSONResponse({"detail": f"no {exc.name} left"}, status.HTTP_409_CONFLICT)


@app.get("/")
async def front(request: Request) -> dict[str, Any]:
    return {"shop": request.state.shop, "docs": str(request.url_for("swagger_ui_html"))}


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/token")
def log_in(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> Token:
    """Hashing takes its time, on purpose: a plain function does not hold up the others."""
    salt, expected = USERS.get(form.username, NOBODY)
    got = hashlib.scrypt(
        form.password.encode("utf-8", "surrogatepass"), salt=bytes.fromhex(salt), n=2**14, r=8, p=1
    )
    if not hmac.compare_digest(got.hex(), expected):
        raise _unauthorized("wrong name or password")
    return Token(access_token=token_of(form.username))


@catalogue.get("", response_model=list[Product], response_model_exclude_none=True)
async def list_products(
    db: Database,
    page: Annotated[tuple[int, int], Depends(paging)],
    wanted: Annotated[Filter, Query()],
    ids: Annotated[list[int] | None, Query(alias="id")] = None,
) -> list[Product]:
    async with db.execute("SELECT * FROM product ORDER BY id") as rows:
        products = [_product(row) async for row in rows]
    chosen = [
        product
        for product in products
        if (ids is None or product.id in ids)
        and (wanted.color is None or product.color == wanted.color)
        and (wanted.max_price is None or product.price <= wanted.max_price)
        and (not wanted.in_stock or product.stock > 0)
    ]
    return chosen[page[0] : page[0] + page[1]]


@catalogue.get("/export.csv")
async def export(db: Database) -> StreamingResponse:
    async with db.execute("SELECT id, name, price FROM product ORDER BY id") as rows:
        lines = [tuple(row) async for row in rows]

    def content() -> Iterator[str]:
        for line in lines:
            text = io.StringIO()
            csv.writer(text).writerow(line)
            yield text.getvalue()

    return StreamingResponse(content(), media_type="text/csv")


@catalogue.get("/{product_id}", response_model=Product)
async def get_product(
    db: Database, product_id: Annotated[int, Path(ge=1)], response: Response
) -> Product:
    product = await _find(db, product_id)
    response.headers["x-stock"] = str(product.stock)
    return product


@catalogue.post("", response_model=Product, status_code=status.HTTP_201_CREATED)
async def add_product(
    product: NewProduct, db: Database, _name: Annotated[str, Depends(customer)]
) -> Product:
    size = product.size
    cursor = await db.execute(
        "INSERT INTO product (name, price, stock, color, width, height) VALUES (?, ?, ?, ?, ?, ?)",
        (product.name, product.price, product.stock, product.color,
         size and size.width, size and size.height),
    )  # fmt: skip
    await db.commit()
    return Product(id=cursor.lastrowid or 0, **product.model_dump())


@app.get("/source")
def source() -> FileResponse:
    return FileResponse(__file__, media_type="text/x-python", filename="shop.py")


@app.put("/cart")
async def put_in_cart(
    line: CartLine, db: Database, who: Annotated[str, Depends(session)]
) -> Cart:
    product = await _find(db, line.product)
    if product.stock < line.quantity:
        raise OutOfStock(product.name)
    await db.execute(
        "INSERT OR REPLACE INTO cart VALUES (?, ?, ?)", (who, line.product, line.quantity)
    )
    await db.commit()
    return await show_cart(db, who)


@app.get("/cart")
async def show_cart(db: Database, who: Annotated[str, Depends(session)]) -> Cart:
    query = (
        "SELECT product, quantity, quantity * price AS cost FROM cart "
        "JOIN product ON product.id = product WHERE session = ? ORDER BY product"
    )
    async with db.execute(query, (who,)) as rows:
        found = [tuple(row) async for row in rows]
    lines = [CartLine(product=product, quantity=quantity) for product, quantity, _ in found]
    return Cart(lines=lines, total=sum(cost for *_, cost in found))


def _send_mail(order: int, name: str) -> None:
    """Runs after the answer was sent."""
    import sqlite3

    with closing(sqlite3.connect(DATABASE, timeout=10)) as db, db:
        db.execute("INSERT INTO mail VALUES (?, ?)", (order, f"thank you, {name}"))


@orders.post("", response_model=Order, response_model_exclude_unset=True, status_code=201)
async def place_order(
    db: Database,
    tasks: BackgroundTasks,
    name: Annotated[str, Depends(customer)],
    who: Annotated[str, Depends(session)],
) -> Any:
    cart = await show_cart(db, who)
    if not cart.lines:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "the cart is empty")
    cursor = await db.execute(
        "INSERT INTO purchase (customer, total) VALUES (?, ?)", (name, cart.total)
    )
    await db.execute("DELETE FROM cart WHERE session = ?", (who,))
    await db.commit()
    tasks.add_task(_send_mail, cursor.lastrowid or 0, name)
    return {"id": cursor.lastrowid, "customer": name, "total": cart.total}


@orders.get("/{order_id}", response_model=Order)
async def get_order(
    db: Database, order_id: int, name: Annotated[str, Depends(customer)]
) -> dict[str, Any]:
    query = "SELECT id, customer, total FROM purchase WHERE id = ? AND customer = ?"
    async with db.execute(query, (order_id, name)) as rows:
        row = await rows.fetchone()
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"no order {order_id}")
    return dict(row)


@app.get("/mail/{order_id}")
def mail(order_id: int) -> list[str]:
    import sqlite3

    with closing(sqlite3.connect(DATABASE, timeout=10)) as db:
        return [text for (text,) in db.execute("SELECT text FROM mail WHERE purchase = ?", (order_id,))]


app.include_router(catalogue)
app.include_router(orders)
