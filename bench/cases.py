"""The cases of a run: bare routes here, what stands around and behind them in stack.py."""

from __future__ import annotations

from case import Bar, Case, post_json, request
from stack import BESIDE, STACK

HELLO = '{"message":"Hello World"}'
ALL = ("fastrd", "uvicorn", "granian", "nginx", "floor")

ROUTES = (
    Case(
        "hello", "async hello", "hello:app", request("GET /"), HELLO, ALL,
        (Bar("fastrd", "cheaper", 12, "uvicorn"), Bar("fastrd", "at most", 1, "nginx")),
    ),
    Case(
        "def", "def hello", "hello:app", request("GET /def"), HELLO,
        ("fastrd", "fastrd-auto", "uvicorn", "granian", "nginx", "floor"),
        (Bar("fastrd", "cheaper", 8, "uvicorn", aim=14), Bar("fastrd-auto", "cheaper", 13, "uvicorn", aim=20)),
    ),
    Case(
        "params", "path + query", "params:app", request("GET /items/42?q=needle&limit=7"),
        '{"item_id":42,"q":"needle","limit":7}', ALL,
        (Bar("fastrd", "cheaper", 10, "uvicorn", aim=14),),
    ),
    Case(
        "deps", "two async dependencies", "deps:app", request("GET /?skip=20&limit=10"),
        '{"visitor":"visitor 20","limit":10}', ALL,
        (Bar("fastrd", "cheaper", 10, "uvicorn", aim=14),),
    ),
    Case(
        "model", "POST model → response_model", "model:app",
        post_json("/items", '{"name":"anvil","description":"heavy","price":42.5,"tags":["iron","acme"]}'),
        '{"name":"anvil","price":42.5,"tags":["iron","acme"]}', ALL,
        (Bar("fastrd", "cheaper", 9, "uvicorn", aim=11),),
    ),
    Case(
        "pipelined", "async hello, pipelined ×16", "hello:app", request("GET /"), HELLO, ALL,
        (Bar("fastrd", "cheaper", 60, "uvicorn", aim=80),), depth=16,
    ),
    Case(
        "raw", "raw ASGI application", "raw:app", request("GET /"), HELLO, ALL,
        (Bar("fastrd", "cheaper", 3, "uvicorn"),),
    ),
    Case(
        "watched", "hello, watched and logged", "hello:app", request("GET /"), HELLO,
        ("fastrd", "fastrd-unwatched", "fastrd-log", "fastrd-log-json"),
        (Bar("fastrd", "more", 0.3, "fastrd-unwatched"), Bar("fastrd-log", "more", 0.3, "fastrd"),
         Bar("fastrd-log-json", "more", 0.3, "fastrd")), reference="fastrd",
    ),
    Case(
        "routes", "10,000 routes against 10", "routes10:app", request("GET /last/one"), '{"key":"one"}',
        ("fastrd", "fastrd:routes10000:app", "uvicorn", "uvicorn:routes10000:app"),
        (Bar("fastrd:routes10000:app", "at most", 1.1, "fastrd"),),
    ),
)

CASES = (*ROUTES, *STACK, *BESIDE)
