"""The shop behaves, whatever serves it (in process, through FastAPI's client)."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def shop(tmp_path, monkeypatch) -> ModuleType:
    """The example, freshly imported, on a database of its own."""
    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.sqlite"))
    monkeypatch.setenv("SHOP_SECRET", "of this test")
    monkeypatch.syspath_prepend(str(EXAMPLES))
    sys.modules.pop("shop", None)
    return importlib.import_module("shop")


@pytest.fixture
def client(shop) -> Iterator[object]:
    from fastapi.testclient import TestClient

    with TestClient(shop.app) as client:
        yield client


@pytest.fixture
def ada(client) -> dict[str, str]:
    """The header of a customer who has logged in."""
    answer = client.post("/token", data={"username": "ada", "password": "lovelace"}).json()
    assert answer["token_type"] == "bearer"
    return {"authorization": f"Bearer {answer['access_token']}"}


def test_front_page_knows_the_lifespan_state(client):
    assert client.get("/").json() == {"shop": "open", "docs": "http://testserver/docs"}


def test_health_is_a_plain_function(client):
    assert client.get("/health").json() == {"status": "ok"}


def test_products_are_listed_filtered_and_paged(client):
    names = [p["name"] for p in client.get("/products").json()]
    assert names == ["kettle", "teapot", "cup", "tray"]
    got = client.get("/products", params={"in_stock": "true", "max_price": 30}).json()
    assert [p["name"] for p in got] == ["kettle", "cup"]
    assert "size" not in got[1]
    got = client.get("/products", params=[("id", 2), ("id", 4), ("skip", 1)]).json()
    assert [p["name"] for p in got] == ["tray"]
    assert client.get("/products", params={"limit": 0}).status_code == 422


def test_one_product_tells_its_stock_in_a_header(client):
    response = client.get("/products/2")
    assert response.headers["x-stock"] == "4"
    assert response.json()["size"] == {"width": 22.0, "height": 15.5}
    assert client.get("/products/99").status_code == 404
    assert client.get("/products/0").status_code == 422


def test_a_router_dependency_turns_thieves_away(client):
    assert client.get("/products/1", headers={"user-agent": "thief"}).status_code == 403


def test_products_can_be_added_by_customers_only(client, ada):
    new = {"name": "spoon", "price": 2, "size": {"width": 3, "height": 14}}
    assert client.post("/products", json=new).status_code == 401
    response = client.post("/products", json=new, headers=ada)
    assert response.status_code == 201
    assert response.json()["id"] == 5
    wrong = {"name": "", "price": -1, "size": {"width": 0}}
    assert len(client.post("/products", json=wrong, headers=ada).json()["detail"]) == 4


def test_export_streams_csv(client):
    response = client.get("/products/export.csv")
    assert response.text.splitlines()[0] == "1,kettle,24.5"
    assert response.headers["content-type"].startswith("text/csv")


def test_source_is_a_file(client):
    response = client.get("/source")
    assert response.content == (EXAMPLES / "shop.py").read_bytes()


def test_cart_order_and_mail(client, ada):
    client.cookies.set("cart", "c1")
    cart = client.put("/cart", json={"product": 3, "quantity": 2}).json()
    assert cart == {"lines": [{"product": 3, "quantity": 2}], "total": 12.5}
    assert client.put("/cart", json={"product": 4}).json() == {"detail": "no tray left"}
    order = client.post("/orders", headers=ada)
    assert order.status_code == 201
    number = order.json()["id"]
    assert order.json() == {"id": number, "customer": "ada", "total": 12.5}
    assert client.get(f"/orders/{number}", headers=ada).json()["note"] is None
    assert client.get(f"/mail/{number}").json() == ["thank you, ada"]
    assert client.post("/orders", headers=ada).status_code == 400
    assert client.get(f"/orders/{number}").status_code == 401


def test_a_wrong_name_or_password_gets_no_token(client):
    def ask(**form: str) -> tuple[int, object]:
        answer = client.post("/token", data=form)
        return answer.status_code, answer.json()["detail"]

    refused = (401, "wrong name or password")
    assert ask(username="ada", password="byron") == refused
    assert ask(username="bob", password="lovelace") == refused
    assert ask(username="ada", password="")[0] == 422
    assert ask(username="ada")[0] == 422
    assert ask(username="ada", password="lovelace", grant_type="code")[0] == 422


def test_a_token_that_was_not_issued_is_refused(client, ada, monkeypatch, shop):
    token = ada["authorization"].removeprefix("Bearer ")
    for bad in ("", "ada", "ada.", token[:-1], token + "0", "bob" + token[3:], "é." + token[4:]):
        answer = client.get("/orders/1", headers={"authorization": f"Bearer {bad}".encode("latin-1")})
        assert answer.status_code == 401, bad
        assert answer.headers["www-authenticate"] == "Bearer"
    monkeypatch.setattr(shop, "SECRET", b"another")
    assert client.get("/orders/1", headers=ada).status_code == 401


def test_workers_that_start_at_once_share_a_fresh_database(shop, tmp_path, monkeypatch):
    failures: list[Exception] = []

    def start(together: threading.Barrier) -> None:
        async def live() -> None:
            async with shop.lifespan(shop.app):
                pass

        together.wait()
        try:
            asyncio.run(live())
        except Exception as exc:
            failures.append(exc)

    for n in range(50):
        monkeypatch.setattr(shop, "DATABASE", str(tmp_path / f"{n}.sqlite"))
        barrier = threading.Barrier(8)
        threads = [threading.Thread(target=start, args=(barrier,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []


def test_cors_and_gzip_apply(client):
    response = client.get("/source", headers={"origin": "https://shop.example"})
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    assert response.headers["content-encoding"] == "gzip"
