"""The shop behaves, whatever serves it (in process, through FastAPI's client)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
ADA = {"authorization": "Bearer ada:lovelace"}


@pytest.fixture
def client(tmp_path, monkeypatch) -> Iterator[object]:
    from fastapi.testclient import TestClient

    monkeypatch.setenv("SHOP_DATABASE", str(tmp_path / "shop.sqlite"))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    sys.modules.pop("shop", None)
    shop = importlib.import_module("shop")
    with TestClient(shop.app) as client:
        yield client


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


def test_products_can_be_added_by_customers_only(client):
    new = {"name": "spoon", "price": 2, "size": {"width": 3, "height": 14}}
    assert client.post("/products", json=new).status_code == 401
    response = client.post("/products", json=new, headers=ADA)
    assert response.status_code == 201
    assert response.json()["id"] == 5
    wrong = {"name": "", "price": -1, "size": {"width": 0}}
    assert len(client.post("/products", json=wrong, headers=ADA).json()["detail"]) == 4


def test_export_streams_csv(client):
    response = client.get("/products/export.csv")
    assert response.text.splitlines()[0] == "1,kettle,24.5"
    assert response.headers["content-type"].startswith("text/csv")


def test_source_is_a_file(client):
    response = client.get("/source")
    assert response.content == (EXAMPLES / "shop.py").read_bytes()


def test_cart_order_and_mail(client):
    client.cookies.set("cart", "c1")
    cart = client.put("/cart", json={"product": 3, "quantity": 2}).json()
    assert cart == {"lines": [{"product": 3, "quantity": 2}], "total": 12.5}
    assert client.put("/cart", json={"product": 4}).json() == {"detail": "no tray left"}
    order = client.post("/orders", headers=ADA)
    assert order.status_code == 201
    number = order.json()["id"]
    assert order.json() == {"id": number, "customer": "ada", "total": 12.5}
    assert client.get(f"/orders/{number}", headers=ADA).json()["note"] is None
    assert client.get(f"/mail/{number}").json() == ["thank you, ada"]
    assert client.post("/orders", headers=ADA).status_code == 400
    assert client.get(f"/orders/{number}").status_code == 401
    bad = {"authorization": "Bearer ada:byron"}
    assert client.get(f"/orders/{number}", headers=bad).status_code == 401


def test_cors_and_gzip_apply(client):
    response = client.get("/source", headers={"origin": "https://shop.example"})
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    assert response.headers["content-encoding"] == "gzip"
