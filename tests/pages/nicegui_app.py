"""A page that is changed by a click, by what is typed and by a timer."""

from fastapi import FastAPI
from nicegui import ui

app = FastAPI()


@ui.page("/")
def index() -> None:
    clicks = ui.label("nothing yet")
    typed = ui.label("nothing typed")
    ticks = ui.label("tick 0")
    count = {"clicked": 0, "tick": 0}

    def counted(label: ui.label, what: str) -> None:
        count[what] += 1
        label.text = f"{what} {count[what]}"

    ui.button("More", on_click=lambda: counted(clicks, "clicked")).props("id=more")
    ui.input("Text", on_change=lambda event: typed.set_text(f"typed {event.value}"))
    ui.timer(0.2, lambda: counted(ticks, "tick"))


ui.run_with(app)
