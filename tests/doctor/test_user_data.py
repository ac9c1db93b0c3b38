"""The data of the app: the doctor leaves them as they are, but for what error handlers do."""

import socket
import sqlite3
from pathlib import Path

import pytest

from tests.doctor.examining import ask_about
from tests.marks import first_by_default
from wsgi_observe.doctor.answer import Result

WRITING = """
import sqlite3
from flask import Flask
app = Flask(__name__)
def write(table, text):
    with sqlite3.connect("shop.sqlite") as connection:
        connection.execute(f"INSERT INTO {table} VALUES (?)", (text,))
@app.errorhandler(Exception)
def crash(error):
    write("errors", type(error).__name__)
    return {"code": getattr(error, "code", 500)}, getattr(error, "code", 500)
@app.get("/orders/new")
def new(): write("orders", "GET"); return "ok"
@app.post("/orders")
def order(): write("orders", "POST"); return "ok"
@app.get("/health")
def health(): return "ok"
"""
CATCH_ALL = """
@app.route("/", defaults={"path": ""}, methods=["GET", "POST", "DELETE"])
@app.route("/<path:path>", methods=["GET", "POST", "DELETE"])
def take(path): write("orders", path); return "ok"
"""
APPS = {
    "flask": (WRITING, ["RuntimeError"]),
    "flask with a catch-all": (WRITING + CATCH_ALL, ["RuntimeError"]),
    "bottle": (
        """
import sqlite3
from bottle import Bottle
app = Bottle()
@app.route("/<path:path>", method=["GET", "POST", "DELETE"])
def take(path):
    with sqlite3.connect("shop.sqlite") as connection:
        connection.execute("INSERT INTO orders VALUES (?)", (path,))
""",
        [],
    ),
    "django": (
        """
import sqlite3
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import re_path
def take(request):
    with sqlite3.connect("shop.sqlite") as connection:
        connection.execute("INSERT INTO orders VALUES (?)", (request.path,))
    return HttpResponse("ok")
urlpatterns = [re_path("", take)]
settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="x")
app = get_wsgi_application()
""",
        [],
    ),
    "wsgi": (
        """
import sqlite3
def app(environ, start_response):
    if environ["REQUEST_METHOD"] != "GET":
        with sqlite3.connect("shop.sqlite") as connection:
            connection.execute("INSERT INTO orders VALUES (?)", (environ["PATH_INFO"],))
    start_response("200 OK", [])
    return [b"ok"]
""",
        [],
    ),
}


@pytest.mark.parametrize(
    "name",
    first_by_default(APPS),
)
def test_only_error_handlers_write_to_a_database(tmp_path: Path, name: str) -> None:
    source, errors = APPS[name]
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        for table in ("orders", "errors"):
            connection.execute(f"CREATE TABLE {table} (text)")
        connection.execute("INSERT INTO orders VALUES (?)", ("the only one",))
    ask_about(tmp_path, source)
    assert connection.execute("SELECT * FROM orders").fetchall() == [("the only one",)]
    written = {text for (text,) in connection.execute("SELECT * FROM errors")}
    assert written.issuperset(errors)
    assert bool(written) == bool(errors)
    connection.close()


LOG_FILES = {
    "rotating": (
        "from logging.handlers import RotatingFileHandler\n"
        "logging.root.addHandler(RotatingFileHandler('a.log', maxBytes=99, backupCount=1))"
    ),
    "file": "logging.basicConfig(filename='a.log', level='INFO')",
    "stream": "logging.root.addHandler(logging.StreamHandler(open('a.log', 'a')))",
    "loguru": "from loguru import logger\nlogger.add('a.log', rotation='99 B', retention=1)",
}


@pytest.mark.parametrize(
    "name",
    first_by_default(LOG_FILES),
)
def test_lines_of_the_doctor_are_in_no_log_file(tmp_path: Path, name: str) -> None:
    if name == "loguru":
        pytest.importorskip("loguru")
    (tmp_path / "a.log").write_text("a line of the service\n", encoding="utf-8")
    source = f"import logging\n{LOG_FILES[name]}\nfrom flask import Flask\napp = Flask('shop')\n"
    assert ask_about(tmp_path, source, 1, 10)[10].faults
    assert [path.name for path in tmp_path.glob("*.log*")] == ["a.log"]
    assert (tmp_path / "a.log").read_text(encoding="utf-8") == "a line of the service\n"


def test_no_record_is_sent_even_if_connections_are_allowed(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        host, port = server.getsockname()
        source = f"""
import logging
from logging.handlers import *
from flask import Flask
app = Flask(__name__)
app.logger.addHandler(SMTPHandler(("{host}", {port}), "a@localhost", "b@localhost", "failure"))
app.logger.addHandler(HTTPHandler("{host}:{port}", "/"))
app.logger.addHandler(SocketHandler("{host}", {port}))
"""
        ask_about(tmp_path, source, 1, 8, 9, allows_network=True)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_an_error_handler_gets_no_connection(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        source = f"""
import smtplib, urllib.request
from flask import Flask
app = Flask(__name__)
@app.errorhandler(Exception)
def crash(error):
    for call in (
        lambda: smtplib.SMTP("127.0.0.1", {server.getsockname()[1]}),
        lambda: urllib.request.urlopen("http://127.0.0.1:{server.getsockname()[1]}/"),
    ):
        try:
            call()
        except OSError:
            pass
    return {{"code": 500}}, 500
"""
        answers = ask_about(tmp_path, source, 1, 3, 9, 11)
        assert answers[3].result is Result.FAIL  # it was called, with a 404 too
        with pytest.raises(BlockingIOError):
            server.accept()
