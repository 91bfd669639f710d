"""The smallest endpoints, one on the loop and one in a thread."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    return {"message": "Hello World"}


@app.get("/def")
def hello_def() -> dict[str, str]:
    return {"message": "Hello World"}
