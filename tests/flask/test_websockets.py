"""flask-sock and Flask-SocketIO in an app with `Observe`: their transports pass, errors do not."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_socketio import SocketIO
from simple_websocket import Client

from tests.calls import call_freely
from tests.support import running
from wsgi_observe.flask import Observe

SHOP = """
from flask import Flask, g
from flask_sock import Sock
from wsgi_observe.flask import Observe

app = Flask("shop")
sock = Sock(app)
Observe(app)


@sock.route("/echo")
def echo(socket):
    while True:
        socket.send(f"{g.request_id} {socket.receive()}")


@app.get("/crash")
def crash():
    raise ValueError("secret-4242")
"""


def test_a_websocket_of_flask_sock_passes(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    command = (sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "--threads=4", "shop:app")
    with running(*command, cwd=tmp_path) as server:
        client = Client(f"ws://127.0.0.1:{server.port}/echo", headers={"X-Request-ID": "socket"})
        client.send("one")
        assert client.receive(timeout=20) == "socket one"
        client.close()
        assert server.get("/crash").json["code"] == 500


@pytest.mark.parametrize("observed_first", [True, False])
def test_flask_socketio_passes(observed_first: bool) -> None:
    app = Flask("shop")
    app.add_url_rule("/crash", "crash", lambda: 1 // 0)
    if observed_first:
        Observe(app)
    sockets = SocketIO(app, async_mode="threading")
    if not observed_first:
        Observe(app)

    @sockets.on("ask")
    def answer(_data: Any) -> str:
        return "told"

    assert call_freely(app, "/crash").json["code"] == 500
    polled = call_freely(app, "/socket.io/", QUERY_STRING="EIO=4&transport=polling")
    assert (polled.code, polled.body[:7]) == (200, b'0{"sid"')
    assert sockets.test_client(app).emit("ask", {}, callback=True) == "told"
