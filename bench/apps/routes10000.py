"""Ten thousand routes."""

from routes import make_app

app = make_app(10_000)
