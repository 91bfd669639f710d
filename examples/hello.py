"""The smallest application: run it with ``python hello.py``."""

from fastrapi import FastrAPI

app = FastrAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    return {"hello": "world"}


if __name__ == "__main__":
    app.serve("127.0.0.1", 8080)
