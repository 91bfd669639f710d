"""Many routes, static and parameterised in turn; the last one is measured."""

from fastapi import FastAPI


async def read_key(key: str) -> dict[str, str]:
    return {"key": key}


async def read_fixed() -> dict[str, str]:
    return {"key": "fixed"}


def make_app(count: int) -> FastAPI:
    """An application with `count` routes, the last of them /last/{key}."""
    app = FastAPI()
    for number in range(count - 1):
        if number % 2:
            app.add_api_route(f"/area{number}/{{key}}", read_key)
        else:
            app.add_api_route(f"/area{number}/fixed", read_fixed)
    app.add_api_route("/last/{key}", read_key)
    return app
