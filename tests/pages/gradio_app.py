"""A page with a function that answers at once and one whose answers follow one another."""

import time
from collections.abc import Iterator

import gradio
from fastapi import FastAPI


def greet(name: str) -> str:
    return f"Hello {name}"


def count() -> Iterator[str]:
    for number in range(5):
        time.sleep(0.05)
        yield f"at {number}"


with gradio.Blocks() as page:
    name = gradio.Textbox(elem_id="name")
    greeting = gradio.Textbox(elem_id="greeting")
    gradio.Button("Greet", elem_id="greet").click(greet, name, greeting)
    number = gradio.Textbox(elem_id="number")
    gradio.Button("Count", elem_id="count").click(count, None, number)

app = gradio.mount_gradio_app(FastAPI(), page, path="/gradio")
