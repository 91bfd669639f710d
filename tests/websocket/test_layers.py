"""What the server was told to put around any application stands around its WebSockets, too."""

from __future__ import annotations

import http.client

from raw import TEXT, Raw
from server import Fastrd

APP = """
import sys
from fastapi import FastAPI, Request, WebSocket

app = FastAPI()

@app.get("/login")
async def login(request: Request):
    request.session["name"] = "ada"

@app.websocket("/name")
async def name(socket: WebSocket):
    frame, names = sys._getframe(), []
    while frame is not None:
        names.append(frame.f_code.co_filename)
        frame = frame.f_back
    await socket.accept()
    await socket.send_text(str(any(name.endswith("starlette/routing.py") for name in names)))
    await socket.send_text(socket.scope["session"].get("name", "nobody"))
    await socket.send_text(str(len(socket.state.request_id)))
    await socket.close()
"""


def test_hosts_sessions_ids_and_fields(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    flags = ("--trusted-hosts", "a,127.0.0.1", "--request-id", "--header", "X-Own: 1")
    environment = {"FASTRD_SESSION_SECRET": "a secret of some length"}
    with Fastrd("app:app", tmp_path, *flags, env=environment) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/login")
        cookie = connection.getresponse().headers["set-cookie"].partition(";")[0]
        with Raw(server.port, "/name", f"Cookie: {cookie}") as client:
            assert client.status == 101 and client.fields["x-own"] == "1"
            assert client.read() == (TEXT, b"False")  # Starlette's router is not around the plan
            assert client.read() == (TEXT, b"ada")
            assert client.read() == (TEXT, b"36")
        with Raw(server.port, "/name") as client:
            assert client.read() == (TEXT, b"False")
            assert client.read() == (TEXT, b"nobody")
        with Raw(server.port, "/name", host="elsewhere") as client:
            assert client.status == 400
